"""The thread that draws, on a real pty and in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from agent.app import App
from agent.audio.ring import VOICED
from agent.cli.live.keyboard import Keyboard
from agent.cli.live.layout import Layout
from agent.cli.live.paint import Look
from agent.cli.live.screen import PERIOD_S, Screen
from agent.cli.live.stderr import Aside
from agent.cli.live.terminal import Terminal
from agent.config.schema import Talk
from agent.events import Command, MicrophoneLost, Notice
from tests.system.terminal import Display, written
from tests.unit.pipeline.rig import PACKET
from tests.unit.pipeline.timeline import Timeline
from tests.unit.report.test_history import said


class Logged(Aside):
    """Lines as if they had been written to standard error."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[str] = []

    def new_lines(self) -> list[str]:
        lines, self.waiting = self.waiting, []
        return lines


class Shown:
    """A screen on a pty, and what is on it."""

    def __init__(self, app: App, ends: tuple[int, int], *, keys: bool = True) -> None:
        self.aside, self.display = Logged(), Display()
        self._ends = ends
        keyboard = Keyboard(app, ends[1]) if keys else None
        self.screen = Screen(app, Terminal(ends[1]), Layout(Look()), keyboard, self.aside)
        self.display.feed(b"\x1b[?1049h")

    def read(self) -> int:
        """Take in what was written; how many bytes."""
        data = written(*self._ends)
        self.display.feed(data)
        return len(data)

    def at(self, now: float) -> list[str]:
        """The lines after drawing at ``now``."""
        self.screen.draw(now)
        self.read()
        return self.display.lines


@pytest.fixture
def shown(app: App, pty: tuple[int, int]) -> Iterator[Shown]:
    made = Shown(app, pty)
    yield made
    made.screen.close()


def test_it_shows_state_service_and_languages(app: App, shown: Shown) -> None:
    assert shown.at(0)[0].split() == ["○", "idle", "twetalk-v2", "en", "→", "zh", "speech", "on",
                                      "kitchen-1"]  # fmt: skip
    app.controller.handle(Command({"mute": True, "tts": False}))
    assert "speech off   muted" in shown.at(0.1)[0]


def test_it_shows_the_level_and_the_volume(app: App, shown: Shown) -> None:
    assert shown.at(0)[1].endswith("−96 dBFS   volume 80")
    app.ring.write(b"\x00\x40\x00\xc0" * (PACKET // 4), 0.0, VOICED)
    app.player.volume = 35
    line = shown.at(0.1)[1]
    assert line.startswith(" ━━━━━━━━━")
    assert line.endswith("−6 dBFS   volume 35")


def test_it_shows_captions_and_plots_and_counters(app: App, shown: Shown) -> None:
    shown.screen.notice(said(0, "hello", translation="你好"))
    shown.screen.notice(said(1, "gro", final=False))
    app.telemetry.count("reconnects", 2)
    app.telemetry.sample("pacing_error", 1.5)
    lines = shown.at(0)
    assert lines[14:18] == ["   hello", "   你好", "", " ┃ gro"]
    assert "pacing error 1.5 ms" in lines[19]
    assert "reconnects 2" in lines[21]


def test_telemetry_is_asked_once_a_second(
    app: App, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    measure = app.values

    def counted() -> dict[str, Any]:
        asked.append(None)
        return measure()

    monkeypatch.setattr(app, "values", counted)
    for tenth in range(30):
        shown.screen.draw(tenth / 10)
    assert len(asked) == 3


def test_it_shows_the_newest_notice_and_its_age(shown: Shown) -> None:
    shown.screen.notice(Notice("outage", {"reason": "the service hung up"}))
    assert shown.at(10)[22] == " ▲ now  The service hung up; reconnecting"
    assert shown.at(15)[22] == " ▲ 5 s ago  The service hung up; reconnecting"
    shown.screen.notice(MicrophoneLost("unplugged"))
    assert shown.at(80)[22] == " ▲ now  The microphone has gone: unplugged"
    assert shown.at(200)[22].startswith(" ▲ 2 min ago")


def test_what_is_logged_is_news_unless_an_event_told_it(shown: Shown) -> None:
    shown.aside.waiting = ["warning: one", "warning: command refused: no"]
    assert shown.at(10)[22] == " ▲ now  Command refused: no"
    shown.screen.notice(Notice("outage", {"reason": "the service hung up"}))
    shown.aside.waiting = ["warning: twetalk-v2: the service hung up; reconnecting"]
    assert shown.at(11)[22] == " ▲ now  The service hung up; reconnecting"


def test_until_there_are_captions_it_says_how_to_begin(app: App, pty: tuple[int, int]) -> None:
    for mode, keys, hint in (
        ("hold", True, "Press space and talk"),
        ("hold", False, "Captions appear here"),
        ("open", True, "Talk; captions appear here"),
    ):
        app.config = replace(app.config, talk=Talk(mode=mode))  # type: ignore[arg-type]
        shown = Shown(app, pty, keys=keys)
        assert shown.at(0)[10].strip() == hint
        assert ("space talk" in shown.display.text) == keys
        shown.screen.close()


def test_where_nothing_has_changed_nothing_is_written(shown: Shown) -> None:
    shown.screen.notice(said(0, "hello"))
    shown.at(0)
    for tenth in range(1, 10):
        shown.screen.draw(tenth / 10)
    assert shown.read() == 0


def test_it_draws_ten_times_a_second_until_it_is_stopped(
    clock: Timeline, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []
    draw = shown.screen.draw

    def noted(now: float) -> None:
        drawn.append(now)
        draw(now)

    monkeypatch.setattr(shown.screen, "draw", noted)
    clock.at(0.25, lambda: shown.screen.notice(said(0, "late")))
    clock.at(0.95, shown.screen.stop)
    shown.screen.run()
    assert drawn == pytest.approx([n * PERIOD_S for n in range(10)])
    shown.read()
    assert not shown.display.alternate


def test_after_a_stop_of_the_process_everything_is_drawn_again(
    clock: Timeline, shown: Shown, pty: tuple[int, int]
) -> None:
    clock.at(0.05, lambda: clock.advance(60))
    clock.at(60.25, shown.screen.stop)
    shown.screen.run()
    assert written(*pty).count(b"\x1b[?1049h") == 2


def test_the_terminal_is_given_back_where_drawing_fails(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown.screen, "draw", lambda now: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        shown.screen.run()
    shown.read()
    assert not shown.display.alternate
    assert shown.display.cursor
