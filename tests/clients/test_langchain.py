"""LangChain's OpenAI classes, changed in nothing but their base URL."""

import json

import pydantic
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings


@pytest.fixture(scope="module")
def chat(gateway):
    return ChatOpenAI(model="chat-instant", base_url=gateway.base_url, api_key="unused", max_retries=0)


def test_invoke(chat, sim):
    before = sim.last_number()
    answer = chat.invoke([HumanMessage("Tell me about the sea.")])
    sent = sim.call_after(before)
    assert answer.content == sent["text"] != ""
    assert answer.usage_metadata["input_tokens"] == sent["usage"]["prompt_tokens"]
    assert answer.usage_metadata["output_tokens"] == sent["usage"]["completion_tokens"]


def test_stream_with_usage(chat, sim):
    before = sim.last_number()
    pieces = list(chat.stream("Tell me about the sea.", stream_usage=True))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    sent = sim.call_after(before)
    assert isinstance(whole, AIMessageChunk) and len(pieces) > 5
    assert whole.content == sent["text"]
    assert whole.usage_metadata["output_tokens"] == sent["usage"]["completion_tokens"] > 0


def test_stream_without_usage(chat, sim):
    before = sim.last_number()
    pieces = list(chat.stream("Tell me about the sea.", stream_usage=False))
    assert "".join(piece.content for piece in pieces) == sim.call_after(before)["text"]
    assert all(piece.usage_metadata is None for piece in pieces)


class Weather(pydantic.BaseModel):
    """The weather of a city."""

    city: str


def test_tools(chat, sim):
    before = sim.last_number()
    answer = chat.bind_tools([Weather], tool_choice="required").invoke("Is it raining in Rome?")
    (call,) = answer.tool_calls
    assert call["name"] == "Weather"
    assert call["args"] == json.loads(sim.call_after(before)["choices"][0]["tool_arguments"])


def test_structured_output(chat):
    assert isinstance(chat.with_structured_output(Weather).invoke("Is it raining in Rome?"), Weather)


def test_embeddings(gateway):
    # LangChain's own length check would download a tokenizer.
    maker = OpenAIEmbeddings(
        model="text-embed", base_url=gateway.base_url, api_key="unused", check_embedding_ctx_length=False
    )
    one, two = maker.embed_documents(["one", "two"])
    assert len(one) == len(two) > 100 and one != two
