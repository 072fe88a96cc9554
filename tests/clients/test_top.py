"""`paceline top` in a real terminal: drawn, steered by keys, reconnecting, and given back as it was."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import openai
import pytest

from harness import BINARY, PATIENCE_S

ASK = [{"role": "user", "content": "Tell me about the sea."}]
COLOR = re.compile(r"\x1b\[(3[0-8]|9[0-7])[0-9;]*m")
LEAVES_SCREEN = "\x1b[?1049l"
# A control sequence, or one character.
PIECE = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|(.)", re.DOTALL)


class Terminal:
    """A program on a terminal of its own: all that it wrote there, and what is to be seen of it.

    Only places and clearing are understood: the program draws by saying what stands where.
    """

    def __init__(self, args: list[str], columns: int = 100, rows: int = 30, env: dict | None = None):
        self.wrote, self.rest, self.cells, self.at = "", "", {}, (1, 1)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.child, self.side = pty.fork()
        if self.child == 0:
            os.execve(BINARY, [str(BINARY), *args], {"TERM": "xterm-256color", **(env or {})})
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.side, keys.encode())

    def feed(self, text: str) -> None:
        self.wrote += text
        text = self.rest + text
        cut = text.rfind("\x1b", len(text) - 24) if "\x1b" in text[-24:] else -1
        whole = cut == -1 or re.match(r"\x1b\[[0-?]*[ -/]*[@-~]", text[cut:])
        text, self.rest = (text, "") if whole else (text[:cut], text[cut:])
        for numbers, what, letter in PIECE.findall(text):
            if what == "H":
                row, _, column = numbers.partition(";")
                self.at = (int(row or 1), int(column or 1))
            elif what == "J":
                self.cells.clear()
            elif letter and letter.isprintable():
                self.cells[self.at] = letter
                self.at = (self.at[0], self.at[1] + 1)

    def shown(self) -> str:
        last = max((row for row, _ in self.cells), default=0)
        wide = max((column for _, column in self.cells), default=0)
        lines = ("".join(self.cells.get((row, at), " ") for at in range(1, wide + 1)) for row in range(1, last + 1))
        return "\n".join(line.rstrip() for line in lines)

    def read(self, end: float) -> bool:
        """More of what it writes; false when it has ended."""
        ready, _, _ = select.select([self.side], [], [], max(0, end - time.monotonic()))
        assert ready, f"nothing more comes:\n{self.shown()}"
        try:
            came = os.read(self.side, 65536)
        except OSError:  # The other side is closed.
            return False
        self.feed(self.decoder.decode(came))
        return bool(came)

    def wait_for(self, *words: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not all(one in self.shown() for one in words):
            assert self.read(end), f"ended without {words}:\n{self.shown()}"
            assert time.monotonic() < end, f"never saw {words}:\n{self.shown()}"

    def modes(self) -> int:
        return termios.tcgetattr(self.side)[3]

    def end(self) -> int:
        """The exit code, once all it wrote was read."""
        end = time.monotonic() + PATIENCE_S
        while self.read(end):
            pass
        _, status = os.waitpid(self.child, 0)
        os.close(self.side)
        return os.waitstatus_to_exitcode(status)


def test_views_follow_keys_and_calls_come_by_themselves(start):
    # Its own, so that the call on top is the one that is made here.
    own = start(None)
    terminal = Terminal(["top", "--url", own.root])
    terminal.wait_for("Last minute")
    terminal.press("3")
    terminal.wait_for("enter open")
    with openai.OpenAI(base_url=own.base_url, api_key="unused", max_retries=0) as client:
        client.chat.completions.create(model="instant", messages=ASK)
    terminal.wait_for("sim/instant")
    terminal.press("\r")
    terminal.wait_for("What happened when", "asked for as instant")
    terminal.press("?")
    terminal.wait_for("another view")
    terminal.press("x5")
    terminal.wait_for("ring of records", "processor time")
    terminal.resize(62, 20)
    terminal.wait_for("more ↓")
    terminal.press("q")
    assert terminal.end() == 0


@pytest.mark.parametrize("stop", ["q", "\x03", signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back(gateway, stop):
    terminal = Terminal(["top", "--url", gateway.root])
    terminal.wait_for("Last minute")
    assert not terminal.modes() & termios.ICANON, "keys come one by one"
    if isinstance(stop, str):
        terminal.press(stop)
    else:
        os.kill(terminal.child, stop)
    assert terminal.end() == 0
    assert LEAVES_SCREEN in terminal.wrote


def test_it_waits_for_one_that_has_gone(start):
    gone = start(None)
    terminal = Terminal(["top", "--url", gone.root, "--refresh", "1"])
    terminal.wait_for("serving")
    gone.process.stop()
    terminal.wait_for("gone", "not answering", "trying again")
    terminal.press("q")
    assert terminal.end() == 0


@pytest.mark.parametrize(("env", "is_colored"), [({"NO_COLOR": "1"}, False), ({}, True)])
def test_no_colour_where_none_is_wanted(gateway, env, is_colored):
    terminal = Terminal(["top", "--url", gateway.root], env=env)
    terminal.wait_for("q quit")
    terminal.press("q")
    assert terminal.end() == 0
    assert bool(COLOR.search(terminal.wrote)) == is_colored
