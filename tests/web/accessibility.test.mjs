// No serious finding of axe on any page, in both themes, also of dialogs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findings, launch, open, settled } from "./browser.mjs";
import { call, start } from "./harness.mjs";

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

for (const theme of ["light", "dark"]) {
  test(`pages, ${theme}`, async () => {
    const page = await open(browser, { colorScheme: theme, bypassCSP: true });
    const found = [];
    const places = [
      [filled.url, "/?range=30d"],
      [filled.url, "/ui/models?range=30d"],
      [filled.url, "/ui/calls?range=30d"],
      [filled.url, `/ui/calls/${id}`],
      [filled.url, "/ui/routing"],
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
