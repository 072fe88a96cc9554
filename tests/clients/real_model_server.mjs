// A real language model behind the OpenAI chat dialect: one small GGUF, one request at a time, CPU only.
//
// usage: node real_model_server.mjs MODEL.gguf
// Prints "listening PORT" once it answers. `GET /ledger` tells what was really generated, so that a
// test can compare it with what a gateway in front of it recorded.

import { createServer } from "node:http";
import { LlamaChatSession, getLlama } from "node-llama-cpp";

const MODEL_ID = "smollm2-135m-instruct";
const BODY_LIMIT_BYTES = 1 << 20;
const LEDGER_LIMIT = 200;
const DEFAULT_MAX_TOKENS = 128;
const FINISH = { maxTokens: "length", eogToken: "stop", stopGenerationTrigger: "stop", customStopTrigger: "stop" };

const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: process.argv[2] });
// One thread: with more, the engine's workers spin at barriers and a busy machine makes each token take seconds.
const context = await model.createContext({ contextSize: 1024, sequences: 1, threads: 1 });
const sequence = context.getSequence();
const ledger = [];
let turn = Promise.resolve();
let lastId = 0;

/** Runs one generation after the one before it has ended; the model has a single sequence. */
function inTurn(work) {
  const mine = turn.then(work);
  turn = mine.catch(() => {});
  return mine;
}

/** Splits OpenAI messages in the history before the last user message and that message's text. */
function toHistory(messages) {
  const last = messages.at(-1);
  if (last?.role !== "user") throw new Refusal(400, "the last message must be the user's");
  const history = messages.slice(0, -1).map(({ role, content }) => {
    if (role === "assistant") return { type: "model", response: [textOf(content)] };
    return { type: role === "user" ? "user" : "system", text: textOf(content) };
  });
  return { history, prompt: textOf(last.content) };
}

function textOf(content) {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map((part) => part.text ?? "").join("");
  throw new Refusal(400, "message content must be a string or a list of text parts");
}

/** Generates one answer; `onText` gets each piece. Usage is what the engine evaluated and produced. */
async function generate(ask, signal, onText) {
  const { history, prompt } = toHistory(ask.messages);
  await sequence.clearHistory();
  const before = sequence.tokenMeter.getState();
  const session = new LlamaChatSession({ contextSequence: sequence, autoDisposeSequence: false });
  try {
    session.setChatHistory(history);
    const answer = await session.promptWithMeta(prompt, {
      signal,
      stopOnAbortSignal: true,
      maxTokens: ask.max_completion_tokens ?? ask.max_tokens ?? DEFAULT_MAX_TOKENS,
      temperature: ask.temperature ?? 0,
      seed: ask.seed ?? 1,
      onTextChunk: onText,
    });
    const used = sequence.tokenMeter.diff(before);
    return {
      text: answer.responseText,
      aborted: answer.stopReason === "abort",
      finish: FINISH[answer.stopReason] ?? "stop",
      usage: {
        prompt_tokens: used.usedInputTokens,
        completion_tokens: used.usedOutputTokens,
        total_tokens: used.usedInputTokens + used.usedOutputTokens,
      },
    };
  } finally {
    session.dispose({ disposeSequence: false });
  }
}

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function readJson(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > BODY_LIMIT_BYTES) throw new Refusal(413, "request body is too large");
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch (error) {
    throw new Refusal(400, `request body is not JSON: ${error.message}`);
  }
}

function sendJson(response, status, value) {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function sendError(response, error) {
  if (response.headersSent) return response.destroy();
  const status = error instanceof Refusal ? error.status : 500;
  const type = status < 500 ? "invalid_request_error" : "server_error";
  sendJson(response, status, { error: { message: error.message, type, param: null, code: null } });
}

/** Writes one answer as server-sent events, with the usage chunk when it was asked for. */
async function stream(response, ask, head, signal) {
  const base = { ...head, object: "chat.completion.chunk" };
  const wantsUsage = ask.stream_options?.include_usage === true;
  const extra = wantsUsage ? { usage: null } : {};
  const send = (value) => response.write(`data: ${JSON.stringify(value)}\n\n`);
  const piece = (delta, finish_reason) =>
    send({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason }], ...extra });
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  piece({ role: "assistant", content: "" }, null);
  const answer = await generate(ask, signal, (text) => piece({ content: text }, null));
  if (!answer.aborted) {
    piece({}, answer.finish);
    if (wantsUsage) send({ ...base, choices: [], usage: answer.usage });
    response.end("data: [DONE]\n\n");
  }
  return answer;
}

async function whole(response, ask, head, signal) {
  const answer = await generate(ask, signal);
  if (!answer.aborted) {
    const message = { role: "assistant", content: answer.text, refusal: null };
    const choices = [{ index: 0, message, logprobs: null, finish_reason: answer.finish }];
    sendJson(response, 200, { ...head, object: "chat.completion", choices, usage: answer.usage });
  }
  return answer;
}

async function chat(request, response) {
  const gone = new AbortController();
  response.on("close", () => response.writableFinished || gone.abort());
  const ask = await readJson(request);
  if (ask.model !== MODEL_ID) throw new Refusal(404, `the model '${ask.model}' does not exist`);
  if (!Array.isArray(ask.messages)) throw new Refusal(400, "messages must be a list");
  await inTurn(async () => {
    if (gone.signal.aborted) return;
    lastId += 1;
    const head = { id: `chatcmpl-real-${lastId}`, created: Math.floor(Date.now() / 1000), model: MODEL_ID };
    const answer = await (ask.stream ? stream : whole)(response, ask, head, gone.signal);
    const { text, aborted, finish, usage } = answer;
    ledger.push({ id: head.id, stream: ask.stream === true, text, aborted, finish, usage });
    if (ledger.length > LEDGER_LIMIT) ledger.shift();
  });
}

const server = createServer((request, response) => {
  const route = `${request.method} ${request.url}`;
  if (route === "POST /v1/chat/completions") {
    chat(request, response).catch((error) => sendError(response, error));
  } else if (route === "GET /v1/models") {
    sendJson(response, 200, { object: "list", data: [{ id: MODEL_ID, object: "model", created: 0, owned_by: "local" }] });
  } else if (route === "GET /ledger") {
    sendJson(response, 200, { calls: ledger });
  } else {
    sendError(response, new Refusal(404, `no such route: ${route}`));
  }
});

server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
