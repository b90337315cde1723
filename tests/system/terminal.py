"""A terminal for tests: a real pty with a program on it, and what it would show.

It knows what ``--live`` uses and nothing else: any other control character or sequence is an
error, as it would be a mess on a screen.  What does not fit its line is cut and counted.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from tests.patience import HANG_S

_SEQUENCE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")

Cell = tuple[str, str]  #: what is in it ("" behind a wide character), and its style
BLANK: Cell = (" ", "")


class Display:
    """What is on a terminal that was sent everything given to :meth:`feed`."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self.alternate = False
        self.cursor = self.wraps = True
        self.history = [""]  #: the lines of the normal screen
        self.frames = 0  #: how often the alternate screen was changed
        self.overflows = 0  #: characters that did not fit their line
        self.sequences: set[str] = set()  #: every control sequence that came
        self._cells: list[list[Cell]] = []
        self._at = (0, 0)
        self._style = ""
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._rest = ""

    def feed(self, data: bytes) -> None:
        text = self._rest + self._decode(data)
        self._rest = ""
        while text:
            if text[0] != "\x1b":
                self._put(text[0])
                text = text[1:]
            elif found := _SEQUENCE.match(text):
                self._obey(found[1], found[2])
                text = text[found.end() :]
            else:
                assert re.fullmatch(r"\x1b(\[[?0-9;]*)?", text), f"unknown: {text[:20]!r}"
                self._rest, text = text, ""

    def resize(self, columns: int, rows: int) -> None:
        """Clips, as terminals do with the alternate screen."""
        self.columns, self.rows = columns, rows
        self._cells = [
            [*row[:columns], *[BLANK] * (columns - len(row))] for row in self._cells[:rows]
        ]
        self._cells += [[BLANK] * columns for _ in range(rows - len(self._cells))]

    @property
    def lines(self) -> list[str]:
        """The alternate screen as text."""
        return ["".join(text for text, _ in row).rstrip() for row in self._cells]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def styled(self) -> list[Text]:
        """The alternate screen with its colours."""
        rows = []
        for row in self._cells:
            ansi = (
                (style, "".join(text for text, _ in cells))
                for style, cells in groupby(row, key=lambda cell: cell[1])
            )
            rows.append(Text.from_ansi("".join(f"\x1b[{s}m{t}\x1b[0m" for s, t in ansi)))
        return rows

    def _obey(self, numbers: str, letter: str) -> None:
        self.sequences.add(numbers + letter)
        if letter in "hl":
            self._mode(numbers, letter == "h")
        elif letter == "m":
            assert re.fullmatch(r"[0-9;]*", numbers)
            self._style = numbers.strip("0")
        elif letter == "H":
            self._at = (min(self.rows, int(numbers or 1)) - 1, 0)
        elif letter == "K" and not numbers:
            at, column = self._at
            self._cells[at][column:] = [BLANK] * (self.columns - column)
        else:
            raise AssertionError(f"unknown: ESC [ {numbers}{letter}")

    def _mode(self, number: str, on: bool) -> None:
        if number == "?1049":
            self.alternate = on
            self._cells = [[BLANK] * self.columns for _ in range(self.rows)]
        elif number == "?25":
            self.cursor = on
        elif number == "?7":
            self.wraps = on
        elif number == "?2026":
            self.frames += on
        else:
            raise AssertionError(f"unknown: mode {number}")

    def _put(self, char: str) -> None:
        if char in "\r\n":
            if self.alternate:
                assert self._at == (self.rows - 1, 0), f"a line break in {self.lines[self._at[0]]}"
            elif char == "\n":
                self.history.append("")
            return
        assert char.isprintable() or char in "\u200c\u200d\u200e\u200f", f"raw {char!r}"
        if not self.alternate:
            self.history[-1] += char
            return
        row, column = self._at
        width = cell_len(char)
        if width == 0 and column:
            text, style = self._cells[row][column - 1]
            self._cells[row][column - 1] = (text + char, style)
            return
        if column + width > self.columns:
            self.overflows += 1
            return
        self._cells[row][column : column + width] = [(char, self._style), ("", self._style)][:width]
        self._at = (row, column + width)


def written(ours: int, theirs: int) -> bytes:
    """Everything that was written to the pty by now: up to a mark that is written after it."""
    mark = todo = b"<mark>"
    own = os.open(os.ttyname(theirs), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    data, end = b"", time.monotonic() + 15
    while mark not in data:
        with suppress(BlockingIOError):  # full, until some of it is read
            todo = todo[os.write(own, todo) :]
        if select.select([ours], [], [], 0.05)[0]:
            data += os.read(ours, 65536)
        assert time.monotonic() < end, "it cannot be read"
    os.close(own)
    return data.replace(mark, b"")


class Pty:
    """A program on a terminal of its own; a context manager that ends it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.display = Display(columns, rows)
        self._ours, self._theirs = os.openpty()
        self.resize(columns, rows)
        self.modes = termios.tcgetattr(self._theirs)  #: as the program finds them
        # A shell opens the terminal, so that it controls the program and Ctrl-C works.
        script = 'exec "$@" <"$0" >"$0" 2>&1'
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", script, os.ttyname(self._theirs), *command],
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})},
        )

    def __enter__(self) -> Pty:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(HANG_S)
        os.close(self._ours)
        os.close(self._theirs)

    def resize(self, columns: int, rows: int) -> None:
        self.display.resize(columns, rows)
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def read(self, seconds: float) -> bool:
        """Take in what the program has written, waiting at most so long for it."""
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if ready:
            self.display.feed(os.read(self._ours, 65536))
        return bool(ready)

    def wait_for(
        self, condition: Callable[[Display], object], what: str, s: float = HANG_S
    ) -> None:
        """Read until ``condition`` holds."""
        end = time.monotonic() + s
        while not condition(self.display):
            self.read(0.05)
            shown = self.display.text if self.display.alternate else "\n".join(self.display.history)
            assert time.monotonic() < end, f"waited {s:g} s for {what}; on the terminal:\n{shown}"

    def finish(self, number: signal.Signals | None = None, seconds: float = HANG_S) -> int:
        """Wait for the program's end, after a signal if one is given; its exit code."""
        if number is not None:
            self.process.send_signal(number)
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            self.read(0.05)
            assert time.monotonic() < end, "it does not end"
        while self.read(0.0):
            pass
        return self.process.wait()

    def modes_now(self) -> list[object]:
        return termios.tcgetattr(self._theirs)
