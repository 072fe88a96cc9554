// The official Node clients of OpenAI and Anthropic against BASE_URL, at one provider: `node dialects_node.mjs CLIENT PROVIDER`.
// Prints a JSON list: for each call that reaches the provider, its scene and what the client made of the answer.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const [client, provider] = process.argv.slice(2);
const settings = { apiKey: "unused", maxRetries: 0 };
const openai = new OpenAI({ baseURL: `${process.env.BASE_URL}/v1`, ...settings });
const anthropic = new Anthropic({ baseURL: process.env.BASE_URL, ...settings });
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const names = ["weather", "news"];
const instant = `${provider}/instant`;
const reasoner = `${provider}/reasoner`;
const sea = [{ role: "user", content: "Tell me about the sea." }];
const please = [{ role: "user", content: "Please use the tools." }];
const faulty = (fault) => ({ headers: { "x-sim-fault": fault } });
const seen = [];

function failed(error, kind) {
  return { expected: error instanceof kind, name: error.constructor.name, status: error.status ?? null };
}

const speakers = {
  openai: {
    failure: OpenAI.APIError,
    tools: names.map((name) => ({ type: "function", function: { name, parameters: schema } })),
    thinks: { reasoning_effort: "low" },
    said(answer) {
      const { message, finish_reason } = answer.choices[0];
      const calls = message.tool_calls ?? [];
      return {
        text: message.content ?? "",
        thought: message.reasoning_content ?? "",
        calls: calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
        finish: finish_reason,
        output: answer.usage.completion_tokens,
        input: answer.usage.prompt_tokens,
      };
    },
    whole: (ask, options) => openai.chat.completions.create(ask, options),
    async streamed(ask, options) {
      const more = { stream_options: { include_usage: true } };
      return openai.chat.completions.stream({ ...ask, ...more }, options).finalChatCompletion();
    },
    async pieces(ask, options, take) {
      for await (const chunk of await openai.chat.completions.create({ ...ask, stream: true }, options)) {
        take(chunk.choices[0]?.delta.content ?? "");
      }
    },
    turn(answer) {
      const { message } = answer.choices[0];
      const results = message.tool_calls.map((call) => ({
        role: "tool",
        tool_call_id: call.id,
        content: `about ${call.function.name}`,
      }));
      return [message, ...results];
    },
  },
  anthropic: {
    failure: Anthropic.APIError,
    tools: names.map((name) => ({ name, input_schema: schema })),
    thinks: { thinking: { type: "enabled", budget_tokens: 1024 } },
    said(answer) {
      const of = (kind, key) => answer.content.filter((block) => block.type === kind).map((block) => block[key]);
      const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } = answer.usage;
      return {
        text: of("text", "text").join(""),
        thought: of("thinking", "thinking").join(""),
        calls: answer.content.filter((block) => block.type === "tool_use").map((call) => [call.name, call.input]),
        finish: answer.stop_reason,
        output: output_tokens,
        input: input_tokens + cache_read_input_tokens + cache_creation_input_tokens,
      };
    },
    whole: (ask, options) => anthropic.messages.create({ max_tokens: 4096, ...ask }, options),
    streamed: (ask, options) => anthropic.messages.stream({ max_tokens: 4096, ...ask }, options).finalMessage(),
    async pieces(ask, options, take) {
      for await (const event of anthropic.messages.stream({ max_tokens: 4096, ...ask }, options)) {
        if (event.type === "content_block_delta") take(event.delta.text ?? "");
      }
    },
    turn(answer) {
      const calls = answer.content.filter((block) => block.type === "tool_use");
      const content = calls.map((call) => ({
        type: "tool_result",
        tool_use_id: call.id,
        content: `about ${call.name}`,
      }));
      return [{ role: "assistant", content: answer.content }, { role: "user", content }];
    },
  },
};

const speaker = speakers[client];

async function ask(scene, way, request, fault = "burst") {
  const answer = await speaker[way](request, faulty(fault));
  seen.push({ scene: `${scene}-${way}`, ...speaker.said(answer) });
  return answer;
}

for (const way of ["whole", "streamed"]) {
  await ask("text", way, { model: instant, messages: sea });
  await ask("hard", way, { model: instant, messages: sea }, "unicode,chunk=5");
  await ask("limit", way, { model: instant, messages: sea, max_tokens: 9 }, "tokens=40");
  const asked = { model: reasoner, tools: speaker.tools, ...speaker.thinks };
  const answer = await ask("tools", way, { ...asked, messages: please });
  await ask("results", way, { ...asked, messages: [...please, ...speaker.turn(answer)] });
}

let text = "";
try {
  const take = (piece) => {
    text += piece;
  };
  await speaker.pieces({ model: `${provider}/fast`, messages: sea }, faulty("error-after=4,burst,tokens=50"), take);
  seen.push({ scene: "broken", expected: false, text });
} catch (error) {
  seen.push({ scene: "broken", ...failed(error, speaker.failure), text });
}
try {
  await speaker.whole({ model: `${provider}/smart`, messages: sea }, faulty("status=400"));
} catch (error) {
  seen.push({ scene: "refused", ...failed(error, speaker.failure) });
}
console.log(JSON.stringify(seen));
