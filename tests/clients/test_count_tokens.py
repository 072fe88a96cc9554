"""How many tokens a request has, asked as Anthropic's and Google's clients ask, of providers of any dialect."""

import anthropic
import pytest
from google import genai
from google.genai import types

from ground import PROVIDERS

TEXT = "How many tokens is this sentence, and how many are in that one?"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_anthropics_client(ground, provider):
    client = anthropic.Anthropic(base_url=ground.gateway.base_url.removesuffix("/v1"), api_key="x", max_retries=0)
    turns = [{"role": "user", "content": TEXT}]
    short = client.messages.with_raw_response.count_tokens(model=f"{provider}/instant", messages=turns)
    long = client.messages.count_tokens(model=f"{provider}/instant", messages=turns, system=TEXT * 9)
    assert 5 < short.parse().input_tokens < 40 < long.input_tokens < 300
    own = provider == "anthropic"
    assert ("x-paceline-warning" in short.headers) != own


@pytest.mark.parametrize("provider", PROVIDERS)
def test_googles_client(ground, provider):
    options = types.HttpOptions(base_url=ground.gateway.base_url.removesuffix("/v1"))
    client = genai.Client(api_key="x", http_options=options)
    assert 5 < client.models.count_tokens(model=f"{provider}/instant", contents=TEXT).total_tokens < 40
