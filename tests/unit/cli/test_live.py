"""``--live`` as a whole: plain lines where nothing can be drawn, and a tidy terminal afterwards."""

from __future__ import annotations

import io
import os
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.app import App
from agent.cli import live
from agent.cli.live import Live, plain
from agent.cli.live.keyboard import Keyboard
from agent.clock import SystemClock
from agent.errors import RunError, UsageError
from agent.events import Notice
from tests.patience import HANG_S
from tests.system.broker import wait_until
from tests.system.terminal import Display, written
from tests.unit.report.test_history import said


class Here:
    """This process on a terminal."""

    def __init__(self, ends: tuple[int, int], patch: pytest.MonkeyPatch) -> None:
        self._ends, self._patch = ends, patch
        self._display = Display()
        self._files = ExitStack()

    def begin(self) -> None:
        """To be called in the test itself: pytest sets standard output before it begins."""
        for name, mode in (("stdin", "r"), ("stdout", "w")):
            file = self._files.enter_context(os.fdopen(os.dup(self._ends[1]), mode))
            self._patch.setattr(sys, name, file)

    def end(self) -> None:
        self._files.close()

    def __call__(self) -> Display:
        """What is on the terminal by now."""
        self._display.feed(written(*self._ends))
        return self._display

    def wait(self, condition: Callable[[Display], object]) -> Display:
        wait_until(lambda: condition(self()), f"it on the terminal: {self._display.text}")
        return self._display

    def modes(self) -> list[object]:
        return termios.tcgetattr(self._ends[1])


@pytest.fixture
def here(pty: tuple[int, int], app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setattr(app, "clock", SystemClock())
    monkeypatch.setenv("TERM", "xterm")
    made = Here(pty, monkeypatch)
    yield made
    made.end()


def test_a_caption_as_a_plain_line() -> None:
    assert plain(said(0, "hello")) == "hello"
    assert plain(said(0, "hello", translation="你好")) == "hello  →  你好"
    assert plain(said(0, "", translation="你好")) == "你好"
    assert plain(said(0, "one\n\x1b[2Jtwo", translation="\r\u202ex")) == "one [2Jtwo  →  x"


# --- where nothing can be drawn --------------------------------------------------------------


def test_without_a_terminal_finished_captions_are_lines(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    with Live(app) as shown:
        for event in (said(0, "hel", final=False), Notice("underrun"), said(0, "hello")):
            shown.notice(event)
        assert capsys.readouterr().out == "hello\n", "at once"
    assert capsys.readouterr().out == ""


def test_what_the_locale_has_not_is_no_crash(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    with Live(app) as shown:
        shown.notice(said(0, "hello", translation="你好"))
    assert out.getvalue() == b"hello  ?  ??\n"


def test_on_a_dumb_terminal_finished_captions_are_lines(
    app: App, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.begin()
    monkeypatch.setenv("TERM", "dumb")
    with Live(app) as shown:
        shown.notice(said(0, "hel", final=False))
        shown.notice(said(0, "hello"))
        assert here().history == ["hello", ""]


def test_without_rich_it_says_what_to_install(
    app: App, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.begin()
    monkeypatch.setattr(live, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'dragoman\[live\]'"):
        Live(app)
    assert here().history == [""]


# --- on a terminal ---------------------------------------------------------------------------


def test_captions_are_drawn_and_stay_on_the_terminal_afterwards(app: App, here: Here) -> None:
    here.begin()
    with Live(app) as shown:
        shown.notice(said(0, "hel", final=False))
        here.wait(lambda display: "┃ hel" in display.text)
        shown.notice(said(0, "hello", translation="你好"))
        here.wait(lambda display: "你好" in display.text)
        shown.notice(said(1, "bye"))
    display = here()
    assert not display.alternate
    assert display.history == ["hello  →  你好", "bye", ""]


def test_the_terminal_is_as_it_was_after_an_error(app: App, here: Here) -> None:
    here.begin()
    before = here.modes()

    def run() -> None:
        with Live(app):
            here.wait(lambda display: display.alternate)
            assert here.modes() != before
            raise RunError("the microphone is busy")

    with pytest.raises(RunError):
        run()
    display = here()
    assert (display.alternate, display.cursor, display.wraps) == (False, True, True)
    assert here.modes() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_is_left_open(app: App, here: Here) -> None:
    here.begin()
    before = open_files()
    with Live(app):
        here.wait(lambda display: display.alternate)
        assert open_files() > before
    assert open_files() == before


def test_where_the_keyboard_cannot_be_read_nothing_is_left_behind(
    app: App, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.begin()

    def broken(keyboard: Keyboard) -> None:
        raise OSError("no")

    monkeypatch.setattr(Keyboard, "quiet", broken)
    with pytest.raises(OSError, match="no"), Live(app):
        pass
    assert not here().alternate


def test_where_drawing_fails_captions_are_lines(
    app: App, here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here.begin()
    with Live(app) as shown:
        here.wait(lambda display: display.alternate)
        shown.notice(said(0, "before"))
        monkeypatch.setattr(app, "controller", None)
        here.wait(lambda display: not display.alternate)
        assert shown._screen is not None
        assert shown._screen.join(HANG_S)
        shown.notice(said(1, "after"))
        assert here().history == ["before", "after", ""]
        monkeypatch.undo()
    assert "worker terminal died" in caplog.text


def test_without_a_keyboard_it_is_drawn_all_the_same(
    app: App, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.begin()
    monkeypatch.setattr(sys, "stdin", None)
    with Live(app):
        display = here.wait(lambda display: "idle" in display.text)
        assert "quit" not in display.text
