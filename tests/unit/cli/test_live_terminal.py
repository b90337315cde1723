"""The full-screen mode on a real pty."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import threading

import pytest

from agent.cli.live.terminal import Terminal, can_draw
from tests.patience import HANG_S
from tests.system.terminal import Display, written

SIZE = (10, 3)


@pytest.fixture
def ends(pty: tuple[int, int]) -> tuple[int, int]:
    mode = termios.tcgetattr(pty[1])
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(pty[1], termios.TCSANOW, mode)
    fcntl.ioctl(pty[1], termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    return pty


def test_it_takes_the_screen_and_gives_it_back(ends: tuple[int, int]) -> None:
    display, terminal = Display(*SIZE), Terminal(ends[1])
    terminal.enter()
    terminal.show(["one", "\x1b[1mtwo\x1b[m", "你好"], SIZE)
    display.feed(written(*ends))
    assert (display.alternate, display.cursor, display.wraps) == (True, False, False)
    assert display.lines == ["one", "two", "你好"]
    terminal.leave()
    terminal.close()
    display.feed(written(*ends))
    assert (display.alternate, display.cursor, display.wraps) == (False, True, True)


def test_only_changed_lines_are_written(ends: tuple[int, int]) -> None:
    terminal = Terminal(ends[1])
    terminal.show(["one", "two", "three"], SIZE)
    written(*ends)
    terminal.show(["one", "2", "three"], SIZE)
    assert written(*ends) == b"\x1b[?2026h\x1b[2H\x1b[K2\x1b[?2026l"
    terminal.show(["one", "2", "three"], SIZE)
    assert written(*ends) == b""
    terminal.enter()
    terminal.show(["one", "2", "three"], SIZE)
    assert written(*ends).count(b"\x1b[K") == 3
    terminal.show(["one", "2"], (10, 2))
    assert written(*ends).count(b"\x1b[K") == 2, "after a change of size everything is drawn"
    terminal.close()


def test_the_size(ends: tuple[int, int]) -> None:
    terminal = Terminal(ends[1])
    assert terminal.size() == SIZE
    fcntl.ioctl(ends[1], termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
    assert terminal.size() == (80, 24), "a serial line does not know"
    terminal.close()


def test_a_terminal_that_takes_nothing_is_not_waited_for(ends: tuple[int, int]) -> None:
    terminal = Terminal(ends[1])
    for n in range(2000):
        terminal.show([f"line {n} " + "x" * 100], SIZE)
    display = Display(200, 3)
    display._mode("?1049", True)
    display.feed(written(*ends))
    shown = int(display.lines[0].split()[1])
    assert shown < 1999, "frames were skipped"
    terminal.show(["whole again"], SIZE)
    display.feed(written(*ends))
    assert display.lines[0] == "whole again"
    terminal.close()


def test_closing_waits_until_the_rest_is_written(ends: tuple[int, int]) -> None:
    terminal = Terminal(ends[1])
    terminal.show(["x" * 200_000], SIZE)
    terminal.leave()
    closing = threading.Thread(target=terminal.close)
    closing.start()
    data = b""
    while not data.endswith(b"\x1b[?1049l"):
        assert select.select([ends[0]], [], [], 15)[0], data[-50:]
        data += os.read(ends[0], 65536)
    closing.join(HANG_S)
    assert not closing.is_alive()


def test_the_descriptor_of_others_still_blocks(ends: tuple[int, int]) -> None:
    terminal = Terminal(ends[1])
    assert os.get_blocking(ends[1])
    terminal.close()
    assert os.get_blocking(ends[1])


def test_a_terminal_that_cannot_be_opened_again_is_used_as_it_is() -> None:
    here, there = os.pipe()  # has no name
    terminal = Terminal(there)
    terminal.show(["one"], SIZE)
    os.close(there)
    terminal.close()
    with open(here, "rb") as pipe:  # noqa: PTH123
        assert b"one" in pipe.read()


def test_a_terminal_that_has_gone() -> None:
    ours, theirs = os.openpty()
    terminal = Terminal(theirs)
    os.close(ours)
    with pytest.raises(OSError, match="Input/output"):
        terminal.enter()
    terminal.close()
    os.close(theirs)


def test_what_the_encoding_has_not_becomes_a_question_mark(ends: tuple[int, int]) -> None:
    terminal = Terminal(ends[1], "iso8859-1")
    terminal.show(["é 你"], SIZE)
    assert b"\xe9 ?" in written(*ends)
    terminal.close()


@pytest.mark.parametrize(
    ("env", "drawn"),
    [({"TERM": "xterm"}, True), ({"TERM": "linux"}, True), ({"TERM": "dumb"}, False),
     ({"TERM": "unknown"}, False), ({"TERM": ""}, False), ({}, False)],
)  # fmt: skip
def test_where_it_can_draw(env: dict[str, str], drawn: bool) -> None:
    assert can_draw(env) is drawn
