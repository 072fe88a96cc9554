// A Paceline of its own for each test: simulated models, a folder that goes away, what it knows made up.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const binary = process.env.PACELINE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/paceline");

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Starts one. `fill`: so many made-up records; `adminKey`: what is asked for; `toml`: more of its configuration. */
export async function start({ fill = 0, adminKey, toml = "" } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "paceline-web-"));
  const data = join(folder, "data");
  if (fill > 0) {
    const made = spawnSync(binary, ["sim", "--fill", String(fill), "--data", data], { encoding: "utf8" });
    if (made.status !== 0) throw new Error(made.stderr);
  }
  const port = await freePort();
  const file = join(folder, "paceline.toml");
  writeFileSync(file, `[server]\nlisten = "127.0.0.1:${port}"\ndetect = false\n${toml}`);
  const env = { ...process.env };
  delete env.PACELINE_ADMIN_KEY;
  if (adminKey) env.PACELINE_ADMIN_KEY = adminKey;
  const process_ = spawn(binary, ["serve", "--config", file, "--data", data], { env, stdio: ["ignore", "ignore", "pipe"] });
  const kill = () => process_.kill("SIGKILL");
  // Whatever ends the tests ends it too.
  process.once("exit", kill);
  let told = "";
  process_.stderr.on("data", (text) => (told += text));
  const url = `http://127.0.0.1:${port}`;
  for (let turn = 0; ; turn += 1) {
    if (process_.exitCode !== null || turn > 1200) throw new Error(`it did not start: ${told}`);
    const answer = await fetch(`${url}/health/live`).catch(() => undefined);
    if (answer?.ok) break;
    await new Promise((go) => setTimeout(go, 50));
  }
  return {
    url,
    async stop() {
      const gone = new Promise((done) => process_.once("exit", done));
      process_.kill("SIGTERM");
      await gone;
      process.off("exit", kill);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One call; the answer's id. */
export async function call(url, { model = "sim/instant", stream = false, headers = {} } = {}) {
  const body = JSON.stringify({ model, stream, messages: [{ role: "user", content: "Say hello" }] });
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  await answer.text();
  return answer.headers.get("x-paceline-call-id");
}
