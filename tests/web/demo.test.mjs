// A demo says on every page that it is one, and every page has something to see.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open } from "./browser.mjs";
import { start } from "./harness.mjs";

let paceline;
let browser;

before(async () => {
  paceline = await start({ demo: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await paceline?.stop();
});

for (const path of ["/", "/ui/models", "/ui/calls", "/ui/routing", "/ui/limits", "/ui/health"]) {
  test(`${path} is marked as simulated and is not empty`, async () => {
    const page = await open(browser);
    try {
      await page.goto(paceline.url + path);
      await page.locator(".demo", { hasText: "SIMULATED" }).waitFor();
      await page.getByText("sim-", { exact: false }).first().waitFor();
      assert.deepEqual(page.complaints, []);
    } finally {
      await page.context().close();
    }
  });
}
