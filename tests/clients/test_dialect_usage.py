"""What was used, after calls of all kinds: the provider's own sums, those of the records and those of the metrics agree."""

import collections
import concurrent.futures
import contextlib
import itertools
import random
import re

import pytest

from ground import CONFIG, PROVIDERS
from harness import Gateway, Sim, ask, wait_for
from questions import Question
from speakers import SPEAKERS, speaking
from test_dialects import NEWS, WEATHER
from test_metrics import samples

CALLS = 224
AT_ONCE = 8
# The provider's name for a sum, that of the records, and the type in the metrics, where there is one.
SUMS = [
    ("input_tokens", "input_tokens", "input"),
    ("output_tokens", "output_tokens", "output"),
    ("cache_read_tokens", "cache_read_tokens", "cache_read"),
    ("cache_write_tokens", "cache_write_tokens", None),
    ("reasoning_tokens", "reasoning_tokens", "reasoning"),
]


@pytest.fixture
def fresh(tmp_path):
    """A provider and a gateway that nobody else asks."""
    with contextlib.ExitStack() as running:
        sim = Sim(tmp_path / "sim")
        running.callback(sim.process.stop)
        gateway = Gateway(tmp_path / "gateway", CONFIG.format(root=sim.root))
        running.callback(gateway.process.stop)
        # It was asked whether it is up.
        assert ask(f"{sim.root}/sim/reset", "POST").status == 200
        yield sim, gateway


def questions(rng: random.Random):
    """Calls of all dialects to all providers, streamed and not, in an order of their own."""
    kinds = itertools.product(SPEAKERS, PROVIDERS, [False, True])
    every = list(itertools.islice(itertools.cycle(list(kinds)), CALLS))
    rng.shuffle(every)
    for number, (dialect, provider, streamed) in enumerate(every):
        # Ollama's dialect tells nothing of caches and of thought, which this provider counts all the same.
        tells = provider != "ollama"
        fault = f"burst,tokens={rng.randint(1, 60)}"
        if tells and rng.random() < 0.5:
            fault += f",cached={rng.randint(1, 12)},cache-write={rng.randint(0, 12)}"
        tools = rng.choice([(), (WEATHER, NEWS)])
        yield (
            dialect,
            Question(
                f"{provider}/{rng.choice(['instant', 'reasoner'] if tells else ['instant'])}",
                [rng.choice(["Please use the tools.", "Tell me more."]) + f" {number}" * rng.randint(10, 40)],
                system=rng.choice([None, "Be brief."]),
                tools=tools,
                max_tokens=8000 if tools else rng.choice([None, 20]),
                fault=fault,
            ),
            streamed,
        )


def test_sums_agree(fresh, measured):
    sim, gateway = fresh
    with contextlib.ExitStack() as open_clients, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        speakers = {
            dialect: open_clients.enter_context(speaking(dialect, gateway)) for dialect in SPEAKERS
        }
        asked = list(questions(random.Random(7)))
        answers = list(pool.map(lambda one: speakers[one[0]].ask(*one[1:]), asked))

    def records():
        found = gateway.get("/v1/calls?limit=1000").json()["calls"]
        return len(found) == CALLS and found

    found = wait_for("all records", records)
    totals = gateway_totals(gateway)
    expected = sim_totals(sim)
    assert expected["calls"] == expected["completed"] == CALLS
    assert {record["status"] for record in found} == {"ok"}
    assert collections.Counter(record["provider"] for record in found) == {
        provider: CALLS // len(PROVIDERS) for provider in PROVIDERS
    }
    dialects = collections.Counter(record["dialect"] for record in found)
    assert dialects == {dialect: CALLS // len(SPEAKERS) for dialect in SPEAKERS}
    assert {record["usage"]["source"] for record in found} == {"reported"}
    for theirs, ours, kind in SUMS:
        assert sum(record["usage"][ours] for record in found) == expected[theirs] > 0, ours
        if kind:
            assert totals[kind] == expected[theirs], kind
    # And what callers were told.
    assert sum(said.tokens["output_total"] for said in answers) == expected["output_tokens"]
    assert sum(said.tokens["input_total"] for said in answers) == expected["input_tokens"]
    assert sum(said.tokens["cache_read"] for said in answers) == expected["cache_read_tokens"]
    measured(f"{CALLS} calls of {len(SPEAKERS)} dialects at 4 providers: {expected['input_tokens']} + {expected['output_tokens']} tokens")


def sim_totals(sim: Sim) -> dict:
    return ask(f"{sim.root}/sim/totals").json()


def gateway_totals(gateway: Gateway) -> dict:
    """The token counters by type."""
    sums = collections.Counter()
    for name, value in samples(gateway.get("/metrics").text).items():
        if name.startswith("paceline_tokens_total{"):
            sums[re.search(r'type="(\w+)"', name)[1]] += value
    return sums
