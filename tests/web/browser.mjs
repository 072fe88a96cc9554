// A Chromium to look with: PACELINE_CHROMIUM, or where systems keep it.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"];

export function chromiumPath() {
  const asked = process.env.PACELINE_CHROMIUM;
  return asked ?? PLACES.find((path) => existsSync(path));
}

export async function launch() {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error("no Chromium: install one or set PACELINE_CHROMIUM");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}

/** A page that remembers what the browser complained about: scripts, styles, the policy, lost requests. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  return page;
}
