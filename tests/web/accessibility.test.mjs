// No serious finding of axe on any page, in both themes, also of dialogs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, open, require, settled } from "./browser.mjs";
import { call, start } from "./harness.mjs";

const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
let filled;
let empty;
let locked;
let browser;
let id;

before(async () => {
  filled = await start({ fill: 2000, toml: "[tenants.default]\nbudget.day_usd = 20\n" });
  empty = await start();
  locked = await start({ adminKey: "an-admin-key-of-the-tests" });
  id = await call(filled.url, { model: "sim/fast", stream: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  for (const one of [filled, empty, locked]) await one?.stop();
});

async function findings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id: rule, nodes }) => `${rule}: ${nodes.map((node) => `${node.html.slice(0, 120)} (${node.any[0]?.message ?? ""})`).slice(0, 3).join(" · ")}`);
}

for (const theme of ["light", "dark"]) {
  test(`pages, ${theme}`, async () => {
    const page = await open(browser, { colorScheme: theme, bypassCSP: true });
    const found = [];
    const places = [
      [filled.url, "/?range=30d"],
      [filled.url, "/ui/models?range=30d"],
      [filled.url, "/ui/calls?range=30d"],
      [filled.url, `/ui/calls/${id}`],
      [filled.url, "/ui/limits"],
      [filled.url, "/ui/health"],
      [empty.url, "/"],
      [empty.url, "/ui/calls"],
      [empty.url, "/ui/models"],
      [empty.url, "/ui/limits"],
      [locked.url, "/"],
    ];
    for (const [url, path] of places) {
      await page.goto(url + path);
      await settled(page);
      found.push(...(await findings(page)).map((text) => `${path} ${text}`));
    }
    await page.goto(`${filled.url}/ui/limits`);
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByRole("dialog").waitFor();
    found.push(...(await findings(page)).map((text) => `a dialog: ${text}`));
    assert.deepEqual(found, []);
    await page.context().close();
  });
}
