// The official Node client against BASE_URL, changed in nothing but its base URL. Prints one JSON object of what it saw.

import OpenAI, { APIError, NotFoundError } from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "unused", maxRetries: 0 });
const messages = [{ role: "user", content: "Tell me about the sea." }];
const model = "chat-instant";
const weather = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

async function collect(stream) {
  const seen = { text: "", finish: null, usage: null, chunks: 0 };
  for await (const chunk of stream) {
    seen.chunks += 1;
    seen.text += chunk.choices[0]?.delta.content ?? "";
    seen.finish = chunk.choices[0]?.finish_reason ?? seen.finish;
    seen.usage = chunk.usage ?? seen.usage;
  }
  return seen;
}

const scenes = {
  async chat() {
    const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
    const [choice] = data.choices;
    return {
      text: choice.message.content,
      finish: choice.finish_reason,
      usage: data.usage,
      id: response.headers.get("x-paceline-call-id"),
    };
  },
  async stream() {
    return collect(await client.chat.completions.create({ model, messages, stream: true }));
  },
  async stream_usage() {
    const stream_options = { include_usage: true };
    return collect(await client.chat.completions.create({ model, messages, stream: true, stream_options }));
  },
  async tools() {
    const ask = { model, messages, tools: [weather], tool_choice: "required" };
    const answer = await client.chat.completions.stream(ask).finalChatCompletion();
    const [call] = answer.choices[0].message.tool_calls;
    return { name: call.function.name, arguments: call.function.arguments };
  },
  async embeddings() {
    const ask = { model: "text-embed", input: ["one", "two"] };
    const packed = await client.embeddings.create(ask);
    const plain = await client.embeddings.create({ ...ask, encoding_format: "float" });
    const gap = (at) =>
      Math.max(...packed.data[at].embedding.map((x, i) => Math.abs(x - plain.data[at].embedding[i])));
    return { length: packed.data[0].embedding.length, gap: Math.max(gap(0), gap(1)) };
  },
  async models() {
    const names = [];
    for await (const one of client.models.list()) names.push(one.id);
    return names;
  },
  async unknown_model() {
    try {
      await client.chat.completions.create({ model: "chat-fats", messages });
    } catch (error) {
      return { expected: error instanceof NotFoundError, message: error.message, code: error.code };
    }
  },
  async broken_stream() {
    let text = "";
    try {
      for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
        text += chunk.choices[0]?.delta.content ?? "";
      }
    } catch (error) {
      return { expected: error instanceof APIError, text };
    }
    return { expected: false, text };
  },
  async cancel() {
    const stream = await client.chat.completions.create({ model: "chat-fast", messages, stream: true });
    let chunks = 0;
    for await (const _ of stream) {
      chunks += 1;
      if (chunks === 8) break;
    }
    return { chunks };
  },
};

console.log(JSON.stringify(await scenes[process.argv[2]]()));
