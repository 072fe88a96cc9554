// Ten million records: every page opens, finds and shows what is there. What it takes is printed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, measured, open, settled } from "./browser.mjs";
import { call, start } from "./harness.mjs";

/** How many; the test command asks for ten million. */
const RECORDS = Number(process.env.PACELINE_TEST_RECORDS ?? 100_000);

let paceline;
let browser;

before(async () => {
  const begun = performance.now();
  paceline = await start({ fill: RECORDS });
  measured("to make them up and start", `${((performance.now() - begun) / 1000).toFixed(1)} s for ${RECORDS.toLocaleString("en")} records`);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await paceline?.stop();
});

/** Opens an address, and tells how long it took until all is shown and how many bytes came. */
async function look(path, act) {
  const page = await open(browser);
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  try {
    const begun = performance.now();
    await page.goto(paceline.url + path);
    await settled(page);
    const took = performance.now() - begun;
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
    measured(path, `first paint ${Math.round(paint)} ms, all of it ${Math.round(took)} ms, ${Math.round(bytes / 1024)} KB`);
    await act(page, bytes);
    assert.deepEqual(page.complaints.filter((text) => !text.includes("404")), []);
  } finally {
    await page.context().close();
  }
}

test("the overview counts them all", async () => {
  await look("/?range=30d", async (page) => {
    const tile = page.locator(".tile", { hasText: "Calls" }).first();
    // What lies at the range's beginning may just have left it.
    const shown = await tile.locator(".tile-value").innerText();
    const factor = shown.endsWith("M") ? 1e6 : 1;
    const calls = Number(shown.replace(/[^0-9.]/g, "")) * factor;
    assert.ok(calls > RECORDS * 0.98 && calls <= RECORDS * 1.001, `${shown} of ${RECORDS}`);
    await page.locator(".plot canvas").nth(3).waitFor();
  });
});

test("models are compared, and what is loaded for it is small", async () => {
  await look("/ui/models?range=30d", async (page, bytes) => {
    const rows = page.getByRole("region", { name: "Models compared" }).getByRole("row");
    assert.ok((await rows.count()) > 5);
    // Five sixths of it are the page itself.
    assert.ok(bytes < 210 * 1024, `${bytes} bytes`);
  });
});

test("one call is found among them by its labels, and by its id", async () => {
  const id = await call(paceline.url, { headers: { "x-paceline-task": "one-of-many" } });
  await look("/ui/calls?range=30d&task=one-of-many", async (page) => {
    await page.locator(`a[href^="/ui/calls/${id}"]`).waitFor();
    assert.equal(await page.getByRole("region", { name: "Calls" }).last().locator("tbody tr").count(), 1);
  });
  await look(`/ui/calls/${id}`, async (page) => {
    await page.getByText("What happened when").waitFor();
  });
});

test("conditions that many meet, and pages far back", async () => {
  await look("/ui/calls?range=30d&model=gpt-4o&status=error", async (page) => {
    const first = () => page.locator("main tbody tr a").first().getAttribute("href");
    const newest = await first();
    await page.getByRole("button", { name: "Older" }).click();
    await page.waitForURL(/cursor=/);
    await settled(page);
    assert.notEqual(await first(), newest);
    for (const status of await page.locator("tbody .status").allInnerTexts()) assert.equal(status, "error");
  });
});

test("hours of three weeks ago by their address", async () => {
  const at = (days, hours) => new Date(Date.now() - days * 86_400_000 + hours * 3_600_000).toISOString().slice(0, 19) + "Z";
  const [since, until] = [at(21, 0), at(21, 6)];
  await look(`/?since=${since}&until=${until}`, async (page) => {
    await page.getByRole("button", { name: /Back to/ }).waitFor();
    assert.notEqual(await page.locator(".tile-value").first().innerText(), "0");
    await page.getByRole("link", { name: "Calls", exact: true }).click();
    await page.waitForURL(/\/ui\/calls\?since=/);
    await page.locator("main tbody tr a").first().click();
    await page.getByText("What happened when").waitFor();
    const [, stamp] = /calls\/(\w+)/.exec(page.url());
    const found = await fetch(`${paceline.url}/v1/calls/${stamp}`).then((answer) => answer.json());
    assert.ok(found.started_at >= since && found.started_at <= until, found.started_at);
  });
});
