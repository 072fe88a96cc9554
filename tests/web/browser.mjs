// A Chromium to look with: PACELINE_CHROMIUM, or where systems keep it.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

// The packages are beside this file, or where the test command has put them.
const packages = process.env.PACELINE_TEST_NODE;
const require = createRequire(packages === undefined ? import.meta.url : join(packages, "package.json"));
const { chromium } = require("playwright-core");

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];

const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"];

export async function launch() {
  const executablePath = process.env.PACELINE_CHROMIUM ?? PLACES.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error("no Chromium: install one or set PACELINE_CHROMIUM");
  return chromium.launch({ executablePath, args: ARGS });
}

/** A page that remembers what the browser complained about (scripts, styles, the policy, lost requests) and what it waits for. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.waitsFor = new Set();
  page.on("request", (request) => {
    if (!isLive(request)) page.waitsFor.add(request);
  });
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => page.waitsFor.delete(request));
  return page;
}

/** The stream of events, which never ends by itself. */
export const isLive = (request) => new URL(request.url()).pathname === "/v1/live";

/** Until everything asked for has come and is drawn. */
export async function settled(page) {
  await page.waitForSelector("main .panel, main .tile");
  const end = performance.now() + 60_000;
  for (let quiet = 0; quiet < 3; ) {
    if (performance.now() > end) throw new Error(`it does not settle: ${[...page.waitsFor].map((request) => request.url()).join(", ")}`);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const waits = page.waitsFor.size > 0 || (await page.locator(".waiting").count()) > 0;
    quiet = waits ? 0 : quiet + 1;
  }
}

/** A figure for whoever reads the output; times are never judged here. */
export function measured(name, value) {
  console.log(`measured: ${name}: ${value}`);
}

const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds that is serious. The page is opened with `bypassCSP`. */
export async function findings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 120)} (${node.any[0]?.message ?? ""})`).slice(0, 3).join(" · ")}`);
}
