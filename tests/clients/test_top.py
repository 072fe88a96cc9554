"""`paceline top` in a real terminal: drawn, steered by keys, reconnecting, and given back as it was."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

from harness import BINARY, PATIENCE_S

ASK = [{"role": "user", "content": "Tell me about the sea."}]
COLOR = re.compile(r"\x1b\[(3[0-8]|9[0-7])[0-9;]*m")
LEAVES_SCREEN = "\x1b[?1049l"


class Terminal:
    """A program on a terminal of its own, and all that it wrote there."""

    def __init__(self, args: list[str], columns: int = 100, rows: int = 30, env: dict | None = None):
        self.seen = ""
        self.child, self.side = pty.fork()
        if self.child == 0:
            os.execve(BINARY, [str(BINARY), *args], {"TERM": "xterm-256color", **(env or {})})
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        self.seen = ""
        os.write(self.side, keys.encode())

    def wait_for(self, words: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while words not in self.seen:
            ready, _, _ = select.select([self.side], [], [], max(0, end - time.monotonic()))
            assert ready, f"never saw {words!r} in {self.seen!r}"
            try:
                self.seen += os.read(self.side, 65536).decode("utf-8", "replace")
            except OSError as error:  # The other side is closed.
                raise AssertionError(f"ended without {words!r}: {self.seen!r}") from error

    def modes(self) -> int:
        return termios.tcgetattr(self.side)[3]

    def end(self) -> int:
        """The exit code, once all it wrote was read."""
        with contextlib.suppress(OSError):
            while select.select([self.side], [], [], PATIENCE_S)[0]:
                self.seen += os.read(self.side, 65536).decode("utf-8", "replace")
        _, status = os.waitpid(self.child, 0)
        os.close(self.side)
        return os.waitstatus_to_exitcode(status)


def test_views_follow_keys_and_calls_come_by_themselves(client, gateway):
    terminal = Terminal(["top", "--url", gateway.root])
    terminal.wait_for("Last minute")
    terminal.press("3")
    terminal.wait_for("deployment")
    client.chat.completions.create(model="chat-instant", messages=ASK)
    terminal.wait_for("sim/instant")
    terminal.press("\r")
    terminal.wait_for("What happened when")
    terminal.press("?")
    terminal.wait_for("another view")
    terminal.press("x5")
    terminal.wait_for("ring of records")
    terminal.resize(62, 20)
    terminal.wait_for("Store")
    terminal.press("q")
    assert terminal.end() == 0


@pytest.mark.parametrize("stop", ["q", "\x03", signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back(gateway, stop):
    terminal = Terminal(["top", "--url", gateway.root])
    terminal.wait_for("Last minute")
    assert not terminal.modes() & termios.ICANON, "keys come one by one"
    if isinstance(stop, str):
        os.write(terminal.side, stop.encode())
    else:
        os.kill(terminal.child, stop)
    terminal.wait_for(LEAVES_SCREEN)
    assert terminal.end() == 0


def test_it_waits_for_one_that_has_gone_and_goes_on(start):
    gone = start(None)
    terminal = Terminal(["top", "--url", gone.root, "--refresh", "1"])
    terminal.wait_for("Last minute")
    gone.process.stop()
    terminal.wait_for("gone")
    terminal.wait_for("trying again")
    terminal.press("q")
    assert terminal.end() == 0


def test_no_colour_where_none_is_wanted(gateway):
    for env, is_colored in [({"NO_COLOR": "1"}, False), ({}, True)]:
        terminal = Terminal(["top", "--url", gateway.root], env=env)
        terminal.wait_for("Last minute")
        assert bool(COLOR.search(terminal.seen)) == is_colored
        terminal.press("q")
        assert terminal.end() == 0
