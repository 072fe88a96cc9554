"""What the tests share: a simulated provider, a gateway in front of it, and clients that only know its address."""

import contextlib
import os
import pathlib
import shutil

import openai
import pytest

from ground import CONFIG, Ground
from harness import BINARY, ROOT, Gateway, Process, Prometheus, Sim
from questions import ANTHROPIC
from speakers import speaking

HERE = pathlib.Path(__file__).parent
MEASURED: list[str] = []

SIM_CONFIG = """
[server]
detect = false

[providers.sim]
kind = "compatible"
base_url = "{base_url}"

# With one provider any name would go to it; with two, a name must be known.
[providers.spare]
kind = "compatible"
base_url = "{base_url}"

[models]
chat-fast = "sim/fast"
chat-instant = "sim/instant"
text-embed = "sim/embed"
"""


def pytest_terminal_summary(terminalreporter):
    """Times are reported, not asserted tightly: a busy machine is not a broken gateway."""
    if MEASURED:
        terminalreporter.section("measured")
        for line in MEASURED:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def binary():
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing; `cargo xtask test clients` builds it", returncode=3)
    return BINARY


@pytest.fixture(scope="session")
def measured():
    return MEASURED.append


@pytest.fixture(scope="session")
def sim(tmp_path_factory):
    started = Sim(tmp_path_factory.mktemp("sim"))
    yield started
    started.process.stop()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, sim):
    started = Gateway(tmp_path_factory.mktemp("gateway"), SIM_CONFIG.format(base_url=sim.base_url))
    yield started
    started.process.stop()


@pytest.fixture(scope="session")
def client(gateway):
    """The official client; nothing but `base_url` is special, and it does not hide failures by trying again."""
    with openai.OpenAI(base_url=gateway.base_url, api_key="unused", max_retries=0) as made:
        yield made


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """A provider of its own, known to a gateway as four of different dialects."""
    provider = Sim(tmp_path_factory.mktemp("dialects-sim"))
    gateway = Gateway(tmp_path_factory.mktemp("dialects-gateway"), CONFIG.format(root=provider.root))
    yield Ground(provider, gateway)
    gateway.process.stop()
    provider.process.stop()


@pytest.fixture(scope="session")
def speaker(request, ground):
    """The official client of the dialect that the test is parametrised with."""
    with speaking(request.param, ground.gateway) as made:
        yield made


@pytest.fixture(scope="session")
def anthropic_speaker(ground):
    with speaking(ANTHROPIC, ground.gateway) as made:
        yield made


@pytest.fixture
def start(tmp_path):
    """Starts further gateways of one test; they are stopped with it."""
    with contextlib.ExitStack() as running:

        def begin(config: str | None, env: dict | None = None, headers: dict | None = None) -> Gateway:
            folder = tmp_path / f"gateway-{len(list(tmp_path.iterdir()))}"
            started = Gateway(folder, config, env, headers)
            running.callback(started.process.stop)
            return started

        yield begin


@pytest.fixture(scope="session")
def node_folder():
    """The folder with the Node packages, and our scripts beside them, where Node looks for packages."""
    folder = pathlib.Path(os.environ.get("PACELINE_TEST_NODE", ROOT / "target/clients/node"))
    for package in ["openai", "@anthropic-ai/sdk"]:
        assert (folder / "node_modules" / package).is_dir(), "`cargo xtask test clients` installs the Node packages"
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def of_prometheus(name: str) -> str:
    folder = os.environ.get("PACELINE_TEST_PROMETHEUS") or ROOT / "target/clients/prometheus/usr/bin"
    found = shutil.which(str(pathlib.Path(folder) / name)) or shutil.which(name)
    assert found, f"`cargo xtask test clients` brings {name}"
    return found


@pytest.fixture(scope="session")
def promtool():
    return of_prometheus("promtool")


@pytest.fixture
def scrape(tmp_path):
    """Starts a real Prometheus that scrapes a gateway every second; it is stopped with the test."""
    with contextlib.ExitStack() as running:

        def begin(gateway: Gateway) -> Prometheus:
            started = Prometheus(tmp_path / "prometheus", of_prometheus("prometheus"), gateway)
            running.callback(started.process.stop)
            return started

        yield begin


@pytest.fixture(scope="session")
def model_server(tmp_path_factory, node_folder):
    """A real language model behind the OpenAI dialect: the address, without the version segment."""
    weights = pathlib.Path(os.environ.get("PACELINE_TEST_MODEL", ROOT / "target/clients/model"))
    args = ["node", node_folder / "real_model_server.mjs", weights / "smollm2-135m-instruct.gguf"]
    process = Process("real_model", tmp_path_factory.mktemp("real_model"), args)
    port = process.expect_line(r"listening (\d+)")[1]
    yield f"http://127.0.0.1:{port}"
    process.stop()
