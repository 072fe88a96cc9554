"""One question for the official clients of several dialects, and what each of them makes of the answer.

Every client is used as its documentation says, with its own accumulators for streams; nothing but its address is
special, and none hides failures by trying again. What an answer says is told alike, so that tests can compare clients.
"""

import base64
import contextlib
import json
import typing

import anthropic
import openai
from google import genai
from google.genai import types

from questions import (
    ANTHROPIC,
    GEMINI,
    LENGTH,
    OPENAI,
    RESPONSES,
    STOP,
    TOOLS,
    Call,
    Marked,
    Picture,
    Question,
    Result,
    Said,
    tokens,
)


class OpenAi:
    """The official client, chat completions."""

    dialect = OPENAI
    errors = openai.APIStatusError
    failure = openai.APIError
    finish = {STOP: "stop", LENGTH: "length", TOOLS: "tool_calls"}

    def __init__(self, gateway):
        self.client = openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=0)

    def close(self):
        self.client.close()

    def ask(self, question: Question, streamed: bool) -> Said:
        asked = self.request(question)
        if not streamed:
            got = self.client.chat.completions.with_raw_response.create(**asked)
            return self.said(got.parse(), got.headers)
        with self.client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            try:
                return self.said(stream.get_final_completion(), None)
            except openai.LengthFinishReasonError as cut:
                # How this accumulator tells of an answer that was cut.
                return self.said(cut.completion, None)

    def pieces(self, question: Question) -> typing.Iterator[str]:
        with self.client.chat.completions.create(**self.request(question), stream=True) as stream:
            for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    def request(self, question: Question) -> dict:
        asked = {"model": question.model, "messages": [], "extra_headers": {"x-sim-fault": question.fault}}
        if question.system:
            content = [{"type": "text", "text": text_of(part)} for part in listed(question.system)]
            asked["messages"].append({"role": "system", "content": content})
        for turn in question.turns:
            asked["messages"] += self.messages(turn)
        if question.tools:
            asked["tools"] = [
                {
                    "type": "function",
                    "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
                }
                for tool in question.tools
            ]
        if question.choice in ("auto", "required"):
            asked["tool_choice"] = question.choice
        elif question.choice:
            asked["tool_choice"] = {"type": "function", "function": {"name": question.choice}}
        if question.max_tokens:
            asked["max_completion_tokens"] = question.max_tokens
        if question.thinks:
            asked["reasoning_effort"] = "low"
        if question.stop:
            asked["stop"] = [question.stop]
        return asked | question.extra

    def messages(self, turn) -> list[dict]:
        if isinstance(turn, Said):
            return [turn.back]
        if is_results(turn):
            return [{"role": "tool", "tool_call_id": one.call.id, "content": one.text} for one in turn]
        if isinstance(turn, str):
            return [{"role": "user", "content": turn}]
        return [{"role": "user", "content": [self.part(part) for part in turn]}]

    def part(self, part) -> dict:
        if isinstance(part, Picture):
            return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{part.data}"}}
        return {"type": "text", "text": text_of(part)}

    def said(self, answer, headers) -> Said:
        message = answer.choices[0].message
        usage = answer.usage
        read, written = usage.prompt_tokens_details, usage.completion_tokens_details
        return Said(
            text=message.content or "",
            thought=getattr(message, "reasoning_content", None) or "",
            calls=[
                Call(call.id, call.function.name, json.loads(call.function.arguments))
                for call in message.tool_calls or []
            ],
            finish=answer.choices[0].finish_reason,
            tokens=tokens(
                usage.prompt_tokens,
                read and read.cached_tokens,
                read and read.cache_write_tokens,
                usage.completion_tokens,
                written and written.reasoning_tokens,
            ),
            back=without_parsed(message.model_dump(exclude_none=True)),
            headers=headers,
            raw=answer,
        )


class Anthropic:
    """The official client, messages."""

    dialect = ANTHROPIC
    errors = anthropic.APIStatusError
    failure = anthropic.APIError
    finish = {STOP: "end_turn", LENGTH: "max_tokens", TOOLS: "tool_use"}

    def __init__(self, gateway):
        self.client = anthropic.Anthropic(base_url=gateway.root, api_key="unused", max_retries=0)

    def close(self):
        self.client.close()

    def ask(self, question: Question, streamed: bool) -> Said:
        asked = self.request(question)
        if not streamed:
            got = self.client.messages.with_raw_response.create(**asked)
            return self.said(got.parse(), got.headers)
        with self.client.messages.stream(**asked) as stream:
            return self.said(stream.get_final_message(), stream.response.headers)

    def pieces(self, question: Question) -> typing.Iterator[str]:
        with self.client.messages.stream(**self.request(question)) as stream:
            yield from stream.text_stream

    def request(self, question: Question) -> dict:
        asked = {
            "model": question.model,
            "max_tokens": question.max_tokens or 4096,
            "messages": [self.message(turn) for turn in question.turns],
            "extra_headers": {"x-sim-fault": question.fault},
        }
        if question.system:
            asked["system"] = [self.block(part) for part in listed(question.system)]
        if question.tools:
            asked["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
                for tool in question.tools
            ]
        if question.choice:
            named = {"type": "tool", "name": question.choice}
            asked["tool_choice"] = {"auto": {"type": "auto"}, "required": {"type": "any"}}.get(question.choice, named)
        if question.thinks:
            asked["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if question.stop:
            asked["stop_sequences"] = [question.stop]
        return asked | question.extra

    def message(self, turn) -> dict:
        if isinstance(turn, Said):
            return {"role": "assistant", "content": turn.back}
        if isinstance(turn, str):
            return {"role": "user", "content": turn}
        return {"role": "user", "content": [self.block(part) for part in turn]}

    def block(self, part) -> dict:
        if isinstance(part, Picture):
            return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": part.data}}
        if isinstance(part, Result):
            content = [{"type": "text", "text": part.text}]
            if part.picture:
                content.append(self.block(Picture(part.picture)))
            block = {"type": "tool_result", "tool_use_id": part.call.id, "content": content}
            return block | ({"is_error": True} if part.is_error else {})
        block = {"type": "text", "text": text_of(part)}
        return block | ({"cache_control": {"type": "ephemeral"}} if isinstance(part, Marked) else {})

    def said(self, answer, headers) -> Said:
        usage = answer.usage
        of_kind = lambda kind: [block for block in answer.content if block.type == kind]
        written, read = usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0
        details = usage.output_tokens_details
        return Said(
            text="".join(block.text for block in of_kind("text")),
            thought="".join(block.thinking for block in of_kind("thinking")),
            calls=[Call(block.id, block.name, block.input) for block in of_kind("tool_use")],
            finish=answer.stop_reason,
            tokens=tokens(
                usage.input_tokens + written + read,
                read,
                written,
                usage.output_tokens,
                details and details.thinking_tokens,
            ),
            back=answer.content,
            headers=headers,
            raw=answer,
        )


class Gemini:
    """The official client, `generateContent`; the path's version is the client's own."""

    dialect = GEMINI
    errors = genai.errors.APIError
    failure = genai.errors.APIError
    finish = {STOP: "STOP", LENGTH: "MAX_TOKENS", TOOLS: "STOP"}

    def __init__(self, gateway, version: str | None = None):
        options = types.HttpOptions(base_url=gateway.root, api_version=version)
        self.client = genai.Client(api_key="unused", http_options=options)

    def close(self):
        self.client.close()

    def ask(self, question: Question, streamed: bool) -> Said:
        asked = self.request(question)
        if not streamed:
            return self.said([self.client.models.generate_content(**asked)])
        return self.said(list(self.client.models.generate_content_stream(**asked)))

    def pieces(self, question: Question) -> typing.Iterator[str]:
        for chunk in self.client.models.generate_content_stream(**self.request(question)):
            if chunk.text:
                yield chunk.text

    def request(self, question: Question) -> dict:
        config = {"http_options": {"headers": {"x-sim-fault": question.fault}}}
        if question.system:
            config["system_instruction"] = [text_of(part) for part in listed(question.system)]
        if question.tools:
            declared = [
                {"name": tool.name, "description": tool.description, "parameters": google_schema(tool.schema)}
                for tool in question.tools
            ]
            config["tools"] = [{"function_declarations": declared}]
        if question.choice:
            mode = {"auto": {"mode": "AUTO"}, "required": {"mode": "ANY"}}
            named = {"mode": "ANY", "allowed_function_names": [question.choice]}
            config["tool_config"] = {"function_calling_config": mode.get(question.choice, named)}
        if question.max_tokens:
            config["max_output_tokens"] = question.max_tokens
        if question.thinks:
            config["thinking_config"] = {"thinking_budget": 1024, "include_thoughts": True}
        if question.stop:
            config["stop_sequences"] = [question.stop]
        contents = [self.content(turn) for turn in question.turns]
        return {"model": question.model, "contents": contents, "config": config | question.extra}

    def content(self, turn) -> types.Content:
        if isinstance(turn, Said):
            return turn.back
        return types.Content(role="user", parts=[self.part(part) for part in listed(turn)])

    def part(self, part) -> types.Part:
        if isinstance(part, Picture):
            return types.Part.from_bytes(data=base64.b64decode(part.data), mime_type="image/png")
        if isinstance(part, Result):
            told = types.FunctionResponse(
                id=part.call.id, name=part.call.name, response={"error" if part.is_error else "output": part.text}
            )
            if part.picture:
                blob = types.FunctionResponseBlob(mime_type="image/png", data=base64.b64decode(part.picture))
                told.parts = [types.FunctionResponsePart(inline_data=blob)]
            return types.Part(function_response=told)
        return types.Part(text=text_of(part))

    def said(self, chunks: list) -> Said:
        candidates = [chunk.candidates[0] for chunk in chunks if chunk.candidates]
        parts = [part for one in candidates for part in (one.content and one.content.parts) or []]
        usage = next(chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata)
        thoughts = usage.thoughts_token_count or 0
        return Said(
            text="".join(part.text for part in parts if part.text and not part.thought),
            thought="".join(part.text for part in parts if part.text and part.thought),
            calls=[
                Call(part.function_call.id, part.function_call.name, part.function_call.args)
                for part in parts
                if part.function_call
            ],
            finish=[one.finish_reason.value for one in candidates if one.finish_reason][-1],
            tokens=tokens(
                usage.prompt_token_count,
                usage.cached_content_token_count,
                None,
                (usage.candidates_token_count or 0) + thoughts,
                thoughts,
            ),
            back=types.Content(role="model", parts=parts),
            headers=chunks[0].sdk_http_response.headers,
            raw=chunks,
        )


class Responses(OpenAi):
    """The official client, responses."""

    dialect = RESPONSES
    finish = {STOP: "completed", LENGTH: "incomplete", TOOLS: "completed"}

    def ask(self, question: Question, streamed: bool) -> Said:
        asked = self.request(question)
        if not streamed:
            got = self.client.responses.with_raw_response.create(**asked)
            return self.answer(got.parse(), got.headers)
        with self.client.responses.stream(**asked) as stream:
            ends = [event for event in stream if event.type in ("response.completed", "response.incomplete")]
            # Its accumulator gives the answer only where it is complete.
            whole = ends[-1].type == "response.completed"
            return self.answer(stream.get_final_response() if whole else ends[-1].response, None)

    def pieces(self, question: Question) -> typing.Iterator[str]:
        with self.client.responses.create(**self.request(question), stream=True) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    yield event.delta
                if event.type in ("response.failed", "error"):
                    # This client tells failures as events.
                    raise openai.APIError(event.type, request=stream.response.request, body=event.to_dict())

    def request(self, question: Question) -> dict:
        asked = {
            "model": question.model,
            "input": [item for turn in question.turns for item in self.items(turn)],
            "extra_headers": {"x-sim-fault": question.fault},
        }
        if question.system:
            asked["instructions"] = "\n".join(text_of(part) for part in listed(question.system))
        if question.tools:
            asked["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                    "strict": False,
                }
                for tool in question.tools
            ]
        if question.choice:
            named = {"type": "function", "name": question.choice}
            asked["tool_choice"] = question.choice if question.choice in ("auto", "required") else named
        if question.max_tokens:
            asked["max_output_tokens"] = question.max_tokens
        if question.thinks:
            asked["reasoning"] = {"effort": "low", "summary": "auto"}
        return asked | question.extra

    def items(self, turn) -> list:
        if isinstance(turn, Said):
            return turn.back
        if is_results(turn):
            return [{"type": "function_call_output", "call_id": one.call.id, "output": one.text} for one in turn]
        return [{"role": "user", "content": [self.part(part) for part in listed(turn)]}]

    def part(self, part) -> dict:
        if isinstance(part, Picture):
            return {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{part.data}"}
        return {"type": "input_text", "text": text_of(part)}

    def answer(self, answer, headers) -> Said:
        usage = answer.usage
        of_kind = lambda kind: [item for item in answer.output if item.type == kind]
        return Said(
            text=answer.output_text,
            thought="".join(part.text for item in of_kind("reasoning") for part in item.summary),
            calls=[Call(item.call_id, item.name, json.loads(item.arguments)) for item in of_kind("function_call")],
            finish=answer.status,
            tokens=tokens(
                usage.input_tokens,
                usage.input_tokens_details.cached_tokens,
                None,
                usage.output_tokens,
                usage.output_tokens_details.reasoning_tokens,
            ),
            back=[without_parsed(item.model_dump(exclude_none=True)) for item in answer.output],
            headers=headers,
            raw=answer,
        )


SPEAKERS = {OPENAI: OpenAi, ANTHROPIC: Anthropic, GEMINI: Gemini, RESPONSES: Responses}


@contextlib.contextmanager
def speaking(dialect: str, gateway):
    made = SPEAKERS[dialect](gateway)
    try:
        yield made
    finally:
        made.close()


def is_results(turn) -> bool:
    return isinstance(turn, list) and all(isinstance(part, Result) for part in turn)


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def text_of(part) -> str:
    return part.text if isinstance(part, Marked) else part


def google_schema(value):
    """A JSON schema as this client has it: types in capitals."""
    if isinstance(value, dict):
        return {
            key: inner.upper() if key == "type" and isinstance(inner, str) else google_schema(inner)
            for key, inner in value.items()
        }
    return [google_schema(inner) for inner in value] if isinstance(value, list) else value


def without_parsed(value):
    """What the clients add to an answer when they parse it is no part of the next request."""
    if isinstance(value, dict):
        return {
            key: without_parsed(inner)
            for key, inner in value.items()
            if key not in ("parsed", "parsed_arguments")
        }
    return [without_parsed(inner) for inner in value] if isinstance(value, list) else value
