// What was decided: of one call and of many. What the API may tell is put into its answers, so that every part is seen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findings, launch, open, settled } from "./browser.mjs";
import { call, start } from "./harness.mjs";

const DECISION = {
  strategy: "balanced",
  reasoning: "instant is the cheapest of those that answer soon enough <b>today</b>",
  confidence: 0.82,
  expected_cost_usd: "0.00042",
  expected_latency_ms: 812,
  expected_quality: 0.74,
  weights: { latency: 0.4, quality: 0.4, cost: 0.2 },
  candidates: [
    { model: "instant", provider: "sim", deployment: "sim/instant", score: 0.83, latency_score: 0.9, quality_score: 0.7, cost_score: 0.95, expected_latency_ms: 812 },
    { model: "fast", provider: "sim", score: 0.61, latency_score: 0.7, quality_score: 0.5, cost_score: 0.6, expected_latency_ms: 1500 },
  ],
  rejected: [{ model: "gpt-4o", provider: "openai", reason: "region", words: "computes in another region" }],
  explored: false,
  propensity: 1,
  something_new: { deep: [1, 2] },
};

const STATS = {
  window: "24h",
  decisions: 1200,
  by_strategy: [
    { strategy: "balanced", decisions: 900 },
    { strategy: "cheapest", decisions: 300 },
  ],
  models: [
    { model: "instant", provider: "sim", decisions: 800, share: 0.6667, cost_usd: "1.2", usd_per_1k_tokens: "0.0021", mean_latency_ms: 640, success_rate: 0.99 },
    { model: "fast", provider: "sim", decisions: 400, share: 0.3333, cost_usd: null, usd_per_1k_tokens: null, mean_latency_ms: 1400, success_rate: 0.97 },
  ],
  accuracy: 0.943,
  accuracy_decisions: 410,
  success_rate: 0.98,
  fallbacks: 7,
  explored: 24,
  average_cost_per_1k_tokens_usd: "0.0024",
  average_latency_ms: 893,
  by_route: [{ route: "auto", decisions: 1200 }],
  baseline: { names: { auto: "openai/gpt-4o", careful: "openai/gpt-4o" }, decisions: 1100, cost_usd: 9.4 },
  savings_usd: 8.2,
  savings_share: 0.872,
  controls: [
    { name: "policy", expected_cost_usd: 1.2, mean_expected_latency_ms: 800, mean_expected_quality: 0.71 },
    { name: "shuffled", expected_cost_usd: 5.1, mean_expected_latency_ms: 1300, mean_expected_quality: 0.69 },
  ],
};

let paceline;
let browser;
let id;

before(async () => {
  paceline = await start();
  id = await call(paceline.url);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await paceline?.stop();
});

/** A page for which `path` is answered by what `change` makes of the true answer. */
async function look(at, path, change, act, options = {}) {
  const page = await open(browser, options);
  await page.route(`${paceline.url}${path}*`, async (route) => {
    const own = await route.fetch();
    await route.fulfill({ status: 200, json: change(await own.json()) });
  });
  try {
    await page.goto(paceline.url + at);
    await settled(page);
    await act(page);
    assert.deepEqual(page.complaints.filter((text) => !text.includes("404")), []);
  } finally {
    await page.context().close();
  }
}

const decided = (decision, act) => look(`/ui/calls/${id}`, `/v1/calls/${id}`, (record) => ({ ...record, decision }), act);
const told = (stats, act, options) => look("/ui/routing", "/v1/routing/stats", () => stats, act, options);

test("a call shows who was weighed against whom, and why", async () => {
  await decided(DECISION, async (page) => {
    const panel = page.getByRole("region", { name: "Decision", exact: true });
    await panel.getByText(DECISION.reasoning, { exact: true }).waitFor();
    const rows = await panel.locator("tbody tr").allInnerTexts();
    assert.equal(rows.length, 2);
    assert.match(rows[0], /sim\/instant\s+chosen\s+0\.83\s+0\.90\s+0\.70\s+0\.95\s+812 ms/);
    const widths = await panel.locator("tbody tr").first().locator(".score-fill").evaluateAll((bars) => bars.map((bar) => bar.style.width));
    assert.deepEqual(widths, ["83%", "90%", "70%", "95%"]);
    await panel.getByText("computes in another region").waitFor();
    assert.equal(await panel.locator("b").count(), 0);
  });
});

test("what is not told of a decision is not shown, and what is odd does no harm", async () => {
  await decided({ strategy: "cheapest", candidates: [{ model: "instant" }] }, async (page) => {
    const panel = page.getByRole("region", { name: "Decision", exact: true });
    assert.match(await panel.innerText(), /strategy\s+cheapest/);
    assert.deepEqual(await panel.locator("thead th").count(), 1);
    assert.doesNotMatch(await panel.innerText(), /NaN|undefined|null|Left out/);
  });
  for (const odd of [{ candidates: "none", rejected: [null, 3], confidence: "high" }, { reasoning: "r" }, "text", [], {}, null]) {
    await decided(odd, async (page) => {
      await page.getByText("What happened when").waitFor();
      assert.doesNotMatch(await page.locator("main").innerText(), /NaN|undefined/);
    });
  }
});

test("routing shows what was chosen, how well and what it saved", async () => {
  await told(STATS, async (page) => {
    const tile = (name) => page.locator(".tile", { hasText: name }).first().innerText();
    assert.match(await tile("Selection accuracy"), /94\.3 %\s+of 410/);
    assert.match(await tile("Saved"), /\$8\.20\s+87\.2 %\s+openai\/gpt-4o alone \$9\.40/);
    assert.match(await page.getByRole("region", { name: "Models chosen" }).last().innerText(), /instant · sim\s+800\s+66\.7 %\s+99\.0 %\s+640 ms/);
    assert.match(await page.getByRole("region", { name: "Against other ways to choose" }).last().innerText(), /shuffled\s+\$5\.10\s+1\.30 s\s+0\.69/);
    await page.getByRole("link", { name: "instant · sim" }).click();
    await page.waitForURL(/\/ui\/calls\?model=instant/);
  });
  await told({ decisions: 3 }, async (page) => {
    assert.match(await page.locator("main").innerText(), /Decisions\s+3/);
    assert.doesNotMatch(await page.locator("main").innerText(), /NaN|undefined|Saved/);
  });
});

test("without decisions it says how to get one", async () => {
  const page = await open(browser);
  await page.goto(`${paceline.url}/`);
  await page.getByRole("link", { name: "Routing", exact: true }).click();
  await page.getByText('"model": "auto"').waitFor();
  await page.context().close();
  await told({ decisions: 0, models: [] }, async (empty) => {
    await empty.getByText('"model": "auto"').waitFor();
  });
});

test("routing follows a zoom, and a routed call says by which route", async () => {
  const routed = await call(paceline.url, { model: "auto" });
  const page = await open(browser);
  await page.goto(`${paceline.url}/ui/routing?range=1h`);
  const models = page.getByRole("region", { name: "Models chosen" }).first();
  await models.getByText("last hour").waitFor();
  const asked = page.waitForRequest(/\/v1\/routing\/stats\?since=.*&until=/);
  await page.getByRole("button", { name: "zoom in" }).click();
  await page.waitForURL(/since=.*until=/);
  await asked;
  // Long ago nothing was decided.
  await page.goto(`${paceline.url}/ui/routing?since=2001-02-03T04:00:00Z&until=2001-02-03T05:00:00Z`);
  await page.getByText("Nothing was routed in the zoomed span").waitFor();
  await page.goto(`${paceline.url}/ui/calls?route=auto`);
  await page.getByRole("button", { name: /route = auto/ }).waitFor();
  await page.locator("tbody tr").first().waitFor();
  assert.equal(await page.locator("tbody tr").count(), 1);
  const judged = await fetch(`${paceline.url}/v1/feedback`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ call_id: routed, score: 0.75 }),
  });
  assert.equal(judged.status, 200, await judged.text());
  await page.goto(`${paceline.url}/ui/calls/${routed}`);
  const headers = await page.getByRole("region", { name: "Answer headers" }).innerText();
  assert.match(headers, /x-paceline-route\s+auto/);
  assert.match(headers, /x-paceline-reason\s+\S+ by \S+, score/);
  assert.doesNotMatch(headers, /confidence/);
  assert.match(await page.getByRole("region", { name: "Who was asked" }).innerText(), /Quality\s+0\.75/);
  assert.deepEqual(page.complaints.filter((text) => !text.includes("404")), []);
  await page.context().close();
});

for (const theme of ["light", "dark"]) {
  test(`nothing serious for who cannot see or point, nothing too wide, ${theme}`, async () => {
    const judge = async (page) => {
      assert.deepEqual(await findings(page), []);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    };
    for (const viewport of [{ width: 360, height: 740 }, { width: 2560, height: 1440 }]) {
      await told(STATS, judge, { colorScheme: theme, bypassCSP: true, viewport });
      const at = `/ui/calls/${id}`;
      await look(at, `/v1/calls/${id}`, (record) => ({ ...record, decision: DECISION }), judge, { colorScheme: theme, bypassCSP: true, viewport });
    }
  });
}
