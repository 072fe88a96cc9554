// Takes pictures of every page in both themes of a Paceline that runs: node screens.mjs URL FOLDER [names…]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, open, settled } from "./browser.mjs";

const [url = "http://127.0.0.1:8420", folder = "screens", ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await launch();
const calls = await fetch(`${url}/v1/calls?limit=1000`).then((answer) => answer.json());
const telling = calls.calls.find((call) => call.attempts.length > 1 && call.ttft_ms !== null) ?? calls.calls[0];
// Of those that a route decided, one that had the most to weigh.
const weighed = (call) => (call.decision?.candidates?.length ?? 0) * 2 + (call.ttft_ms === null ? 0 : 1);
const routed = calls.calls.filter((call) => call.decision).sort((a, b) => weighed(b) - weighed(a))[0];
const PAGES = {
  overview: "/",
  models: `/ui/models?range=${process.env.RANGE ?? "7d"}`,
  calls: "/ui/calls",
  call: `/ui/calls/${telling?.id ?? "none"}`,
  decision: `/ui/calls/${routed?.id ?? "none"}`,
  routing: "/ui/routing",
  limits: "/ui/limits",
  health: "/ui/health",
};
const SIZES = process.env.SIZES === "phone" ? { phone: [360, 740] } : process.env.SIZES === "wall" ? { wall: [2560, 1440] } : { "": [1360, 900] };
for (const [size, [width, height]] of Object.entries(SIZES)) {
  for (const theme of ["light", "dark"]) {
    const page = await open(browser, { colorScheme: theme, viewport: { width, height } });
    for (const [name, path] of Object.entries(PAGES)) {
      if (only.length > 0 && !only.includes(name)) continue;
      // The comparison alone would fill the usual height.
      await page.setViewportSize({ width, height: name === "models" && size === "" ? 1560 : height });
      await page.goto(url + path);
      await settled(page);
      // A pulse comes every two seconds: figures of the last minute.
      await page.waitForTimeout(2200);
      const file = join(folder, `${name}${size && `-${size}`}-${theme}.png`);
      const tall = process.env.FULL === "1";
      await page.screenshot({ path: file, fullPage: tall });
      console.log(file, page.complaints.splice(0).join(" | "));
    }
    await page.context().close();
  }
}
await browser.close();
