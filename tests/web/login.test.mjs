// Signing in, what the cookie may do, and keys made and revoked.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open } from "./browser.mjs";
import { call, start } from "./harness.mjs";

const KEY = "an-admin-key-of-the-tests";
let paceline;
let browser;
let page;

before(async () => {
  paceline = await start({ adminKey: KEY });
  browser = await launch();
  page = await open(browser);
});

after(async () => {
  await browser?.close();
  await paceline?.stop();
});

test("without a key there is a page, and nothing on it", async () => {
  await page.goto(`${paceline.url}/ui/calls`);
  await page.getByLabel("Admin key").waitFor();
  for (const path of ["/v1/calls", "/v1/live", "/v1/config", "/metrics", "/v1/performance/series"]) {
    assert.equal((await fetch(paceline.url + path)).status, 401, path);
  }
  const policy = (await fetch(`${paceline.url}/`)).headers.get("content-security-policy");
  assert.match(policy, /script-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|http|\*/);
});

test("a wrong key is told, the right one lets in where one wanted to go", async () => {
  await page.getByLabel("Admin key").fill("not-the-admin-key");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This is not the admin key").waitFor();
  await page.getByLabel("Admin key").fill(KEY);
  await page.keyboard.press("Enter");
  await page.getByText("Send one:").waitFor();
  assert.ok(page.url().endsWith("/ui/calls"));
});

test("the cookie is kept from scripts and from other sites", async () => {
  const [cookie] = await page.context().cookies();
  assert.equal(cookie.name, "paceline-session");
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, "Strict");
  assert.ok(cookie.expires * 1000 < Date.now() + 13 * 3_600_000);
  const seen = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }) + document.body.innerHTML);
  assert.ok(!seen.includes(KEY) && !seen.includes(cookie.value));
});

test("the cookie alone changes nothing", async () => {
  const [cookie] = await page.context().cookies();
  const send = (method, path, headers) =>
    fetch(paceline.url + path, { method, headers: { cookie: `${cookie.name}=${cookie.value}`, ...headers } });
  assert.equal((await send("GET", "/v1/calls")).status, 200);
  assert.equal((await send("POST", "/v1/config/reload")).status, 401);
  assert.equal((await send("DELETE", "/v1/session")).status, 401);
  assert.equal((await send("POST", "/v1/config/reload", { "x-paceline-csrf": "1" })).status, 200);
  const foreign = { "x-paceline-csrf": "1", origin: "http://evil.example" };
  assert.equal((await send("POST", "/v1/config/reload", foreign)).status, 403);
});

test("a key is made, works, is rotated and revoked", async () => {
  await page.getByRole("link", { name: "Limits & keys" }).click();
  await page.getByRole("button", { name: "Make a key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("team-b");
  await dialog.getByLabel("Models").fill("sim/*");
  await dialog.getByLabel("Calls a minute").fill("5");
  await dialog.getByRole("button", { name: "Make the key" }).click();
  await dialog.getByText("shown this once").waitFor();
  const value = (await dialog.locator("pre").innerText()).trim();
  assert.match(value, /^pk-/);
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("cell", { name: "team-b", exact: true }).waitFor();
  assert.ok(!(await page.content()).includes(value));
  assert.ok(await call(paceline.url, { headers: { authorization: `Bearer ${value}` } }));
  await page.getByText("of 5", { exact: false }).first().waitFor();

  await page.getByRole("button", { name: "rotate team-b" }).click();
  await dialog.getByLabel("The old value works on for").selectOption("1h");
  await dialog.getByRole("button", { name: "Rotate", exact: true }).click();
  await dialog.getByText("team-b has a new value").waitFor();
  const second = (await dialog.locator("pre").innerText()).trim();
  assert.notEqual(second, value);
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByText("the old one until").waitFor();
  for (const each of [value, second]) {
    assert.ok(await call(paceline.url, { headers: { authorization: `Bearer ${each}` } }), each);
  }

  await page.getByRole("button", { name: "revoke team-b" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("team-b is revoked.").waitFor();
  await page.getByText("key.revoke").first().waitFor();
  const answer = await fetch(`${paceline.url}/v1/models`, { headers: { authorization: `Bearer ${value}` } });
  assert.equal(answer.status, 401);
});

test("signing out ends it, on the server too", async () => {
  const [cookie] = await page.context().cookies();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Admin key").waitFor();
  const answer = await fetch(`${paceline.url}/v1/calls`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
  assert.equal(answer.status, 401);
});
