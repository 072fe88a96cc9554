// What somebody does with the dashboard: looks, follows links, filters, zooms, sees calls come.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isLive, launch, measured, open, settled } from "./browser.mjs";
import { call, start } from "./harness.mjs";

let paceline;
let browser;

before(async () => {
  paceline = await start({ fill: 3000, toml: "[tenants.default]\nlimits.calls_per_minute = 500\nbudget.day_usd = 20\n" });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await paceline?.stop();
});

/** Runs with a page of its own that must not complain, nor ask anybody else. */
async function look(path, act, { clock = false, ...options } = {}) {
  const page = await open(browser, options);
  if (clock) await page.clock.install();
  const elsewhere = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(paceline.url)) elsewhere.push(request.url());
  });
  try {
    await page.goto(paceline.url + path);
    await page.waitForSelector("main section");
    await act(page);
    assert.deepEqual(elsewhere, []);
    // Bodies are looked for and are mostly not there.
    assert.deepEqual(page.complaints.filter((text) => !text.includes("404")), []);
  } finally {
    await page.context().close();
  }
}

test("the overview shows state, figures and charts, soon", async () => {
  await look("/", async (page) => {
    await page.getByText("serving", { exact: false }).first().waitFor();
    for (const name of ["Response time", "First token", "Cost", "Calls", "Budgets", "Latest calls"]) {
      assert.ok(await page.getByRole("region", { name, exact: true }).first().isVisible(), name);
    }
    await page.locator(".plot canvas").first().waitFor();
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
    measured("first paint of the overview", `${Math.round(paint)} ms (aim: 1000)`);
    assert.match(await page.locator(".strip-state").innerText(), /up\s+(\d+m )?\d+s/);
  });
});

test("a call is seen as it ends, without a reload", async () => {
  await look("/", async (page) => {
    await page.getByText("live", { exact: false }).first().waitFor();
    const id = await call(paceline.url);
    const link = page.locator(`a[href^="/ui/calls/${id}"]`);
    await link.waitFor();
    await link.click();
    await page.getByText("What happened when").waitFor();
    assert.ok(page.url().includes(id));
    assert.ok(await page.getByText("provider at work").first().isVisible());
  });
});

test("live updates stop while the tab is hidden", async () => {
  await look("/ui/health", async (page) => {
    await page.getByText("live", { exact: false }).first().waitFor();
    const hide = (hidden) =>
      page.evaluate((is) => {
        Object.defineProperty(document, "hidden", { value: is, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    const ended = page.waitForEvent("requestfailed", isLive);
    await hide(true);
    await page.getByText("paused").waitFor();
    await ended;
    // Nor is anything else asked that is asked every few seconds while somebody looks.
    await settled(page);
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.clock.runFor(30_000);
    assert.deepEqual(asked, []);
    const again = page.waitForEvent("request", isLive);
    await hide(false);
    await again;
    await page.getByText("live", { exact: false }).first().waitFor();
    const ready = page.waitForRequest(/\/health\/ready$/);
    await page.clock.runFor(30_000);
    await ready;
  }, { clock: true });
});

test("how often it asks again is somebody's choice, and is remembered", async () => {
  await look("/", async (page) => {
    await page.getByLabel("Refresh").selectOption("off");
    await page.reload();
    await settled(page);
    assert.equal(await page.getByLabel("Refresh").inputValue(), "off");
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.clock.runFor(60_000);
    assert.deepEqual(asked, []);
    await page.getByLabel("Refresh").selectOption("10 s");
    await settled(page);
    asked.length = 0;
    const again = page.waitForRequest(/\/v1\/performance\/series/);
    await page.clock.runFor(10_500);
    await again;
    assert.equal(asked.filter((url) => url.includes("/v1/performance/series")).length, 1);
  }, { clock: true });
});

test("filters stand in the address, and the address in the filters", async () => {
  await call(paceline.url, { model: "no-such-model" });
  await look("/ui/calls?status=refused", async (page) => {
    await page.getByRole("cell", { name: "model_not_found" }).first().waitFor();
    assert.equal(await page.getByLabel("Status").inputValue(), "refused");
    await page.getByLabel("Status").selectOption("ok");
    await page.waitForURL(/status=ok/);
    await page.getByRole("cell", { name: "ok", exact: true }).first().waitFor();
    await page.goBack();
    await page.waitForURL(/status=refused/);
    await page.getByRole("button", { name: /status = refused/ }).click();
    await page.waitForURL((url) => !url.search.includes("status"));
    await page.getByLabel("Model or deployment").fill("no-such-model");
    await page.waitForURL(/model=no-such-model/);
    await page.getByRole("cell", { name: "model_not_found" }).first().waitFor();
    await page.getByLabel("Model or deployment").fill("nothing-like-it");
    await page.getByText("is like this").waitFor();
    await page.getByText(/curl '.*model=nothing-like-it/).waitFor();
  });
  const page = await open(browser);
  await page.goto(`${paceline.url}/ui/calls?status=broken`);
  await page.getByText("`status` must be ok, error").waitFor();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await page.waitForURL((url) => !url.search.includes("status"));
  await page.locator("tbody tr").first().waitFor();
  await page.context().close();
});

test("what callers write stays text", async () => {
  const name = '<img src="/x" onerror="document.title=1"><b>bold</b>';
  await call(paceline.url, { model: name, headers: { "x-paceline-task": "<script>document.title=2</script>" } });
  await look("/ui/calls?status=refused", async (page) => {
    await page.getByRole("cell", { name, exact: true }).first().waitFor();
    assert.equal(await page.locator("main img, main b, main script").count(), 0);
    await page.getByRole("cell", { name, exact: true }).first().click();
    await page.getByText("What happened when").waitFor();
    assert.ok((await page.locator("h1").innerText()).includes("<b>bold</b>"));
    assert.match(await page.title(), /^Call /);
  });
});

test("a call is found by its id, and one that is not there is told", async () => {
  const id = await call(paceline.url, { model: "sim/fast", stream: true, headers: { "x-paceline-task": "find-me" } });
  await look("/ui/calls", async (page) => {
    await page.getByLabel("Find by id").fill(id);
    await page.keyboard.press("Enter");
    await page.getByText("to the first token").first().waitFor();
    await page.getByRole("link", { name: "find-me" }).click();
    await page.waitForURL(/task=find-me/);
    await page.goto(`${paceline.url}/ui/calls/01zzzzzzzzzzzzzzzzzzzzzzzz`);
    await page.getByText("call_not_found").waitFor();
  });
});

test("the range is shared and zooms by button and by dragging", async () => {
  await look("/?range=7d", async (page) => {
    await page.getByRole("button", { name: "zoom in" }).click();
    await page.waitForURL(/since=.*until=/);
    await page.getByRole("link", { name: "Models", exact: true }).click();
    await page.waitForURL(/\/ui\/models\?.*since=/);
    await page.goto(`${paceline.url}/?range=24h`);
    const box = await page.locator(".plot .u-over").first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/since=.*until=/);
    await page.getByRole("button", { name: "Back to 24h" }).click();
    await page.waitForURL((url) => !url.search.includes("since"));
  });
});

test("one crosshair goes over all charts, and each has its figures as a table", async () => {
  await look("/?range=24h", async (page) => {
    await page.locator(".plot canvas").nth(3).waitFor();
    const box = await page.locator(".plot .u-over").first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
    const stamps = page.locator(".readout > span:first-child", { hasText: /^\d\d:\d\d$/ });
    await stamps.nth(3).waitFor();
    assert.equal(new Set(await stamps.allInnerTexts()).size, 1);
    await page.getByText("Table of First token").click();
    const table = page.getByRole("region", { name: "First token as a table" });
    await table.locator("tbody tr").nth(95).waitFor();
    assert.match(await table.innerText(), /\d ms/);
  });
});

test("one crosshair also goes over the heat map, both ways, and dragging on it zooms", async () => {
  await look("/ui/models?range=7d", async (page) => {
    const line = page.getByRole("region", { name: "Response time over time" });
    const heat = page.getByRole("region", { name: "Response times over time" });
    const stamp = (of) => of.locator(".readout > span:first-child").innerText();
    const over = await line.locator(".u-over").boundingBox();
    await page.mouse.move(over.x + over.width * 0.4, over.y + 60);
    await heat.locator(".heat-moment").waitFor();
    assert.match(await stamp(line), /\d\d:\d\d$/);
    assert.equal(await stamp(heat), await stamp(line));
    assert.match(await heat.locator(".readout").innerText(), /no answers|most take/);
    await page.mouse.move(5, 5);
    await heat.locator(".heat-moment").waitFor({ state: "detached" });
    const canvas = heat.locator("canvas");
    await canvas.scrollIntoViewIfNeeded();
    const box = await canvas.boundingBox();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 30);
    await heat.locator(".heat-moment").waitFor();
    // It must not move away under the pointer because another chart says more now.
    assert.equal((await canvas.boundingBox()).y, box.y);
    assert.match(await stamp(heat), /\d\d:\d\d$/);
    assert.equal(await stamp(line), await stamp(heat));
    await page.mouse.move(5, 5);
    await line.getByText("a point each").first().waitFor();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 40, { steps: 5 });
    const selected = await heat.locator(".u-select").boundingBox();
    assert.ok(Math.abs(selected.width / box.width - 0.3) < 0.05, `${selected.width} of ${box.width}`);
    await page.mouse.up();
    await page.waitForURL(/since=.*until=/);
  });
});

test("it says when Paceline does not answer, and goes on by itself", async () => {
  const page = await open(browser);
  await page.goto(`${paceline.url}/ui/models?range=30d`);
  await page.getByRole("region", { name: "Models compared" }).waitFor();
  await page.route("**/v1/performance/**", (route) => route.abort());
  await page.getByRole("button", { name: "Error rate" }).click();
  await page.getByText("Paceline does not answer").waitFor();
  assert.ok(await page.getByRole("region", { name: "Models compared" }).isVisible(), "the last figures stay");
  await page.unroute("**/v1/performance/**");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Paceline does not answer").waitFor({ state: "detached" });
  await page.context().close();
});

test("models are compared by what is chosen", async () => {
  await look("/ui/models?range=30d", async (page) => {
    await page.getByRole("button", { name: "Cost per call" }).click();
    await page.waitForURL(/measure=cost/);
    await page.getByRole("region", { name: "Cost per call over time" }).first().waitFor();
    await page.getByRole("button", { name: "sort by p95" }).click();
    const link = page.getByRole("region", { name: "Models compared" }).getByRole("link").first();
    const name = await link.innerText();
    await link.click();
    await page.waitForURL(/model=/);
    await page.getByText(`spread, ${name}`).first().waitFor();
    await page.getByRole("button", { name: "Show all models" }).click();
    await page.waitForURL((url) => !url.search.includes("model="));
  });
});

test("words say what they mean, on hover and by keyboard", async () => {
  await look("/", async (page) => {
    const word = page.locator(".tile .define").first();
    await word.hover();
    await page.getByText("answered, failed, cancelled and refused").first().waitFor();
    await page.mouse.move(5, 400);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.querySelector("main")?.contains(document.activeElement)));
  });
});

test("nothing runs over the edge from 360 pixels to a wall", async () => {
  for (const [width, height] of [
    [360, 740],
    [768, 1024],
    [2560, 1440],
  ]) {
    for (const path of ["/", "/ui/models", "/ui/calls", "/ui/routing", "/ui/limits", "/ui/health"]) {
      await look(
        path,
        async (page) => {
          await settled(page);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(over <= 0, `${path} at ${width}: ${over} pixels too wide`);
        },
        { viewport: { width, height } },
      );
    }
  }
});

test("the configuration says where each setting comes from", async () => {
  await look("/ui/health", async (page) => {
    const row = page.getByRole("row", { name: /tenants\.default\.limits\.calls_per_minute/ });
    await row.waitFor();
    assert.match(await row.innerText(), /500\s+paceline\.toml, line \d+/);
    await page.getByLabel("only what is set").click();
    await page.getByLabel("find a setting").fill("drain_ready");
    assert.match(await page.getByRole("row", { name: /server\.drain_ready_ms/ }).innerText(), /default/);
  });
});
