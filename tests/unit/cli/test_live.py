"""The terminal: meter, captions, counters, keys; plain lines where there is no terminal."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from agent.app import App
from agent.audio.ring import VOICED
from agent.cli import live
from agent.cli.live import HELP, METER, Live, meter, plain
from agent.config.credentials import with_demo
from agent.config.schema import Audio, Capture, Config, Mqtt, Playback, Service
from agent.events import Command, Event, Notice, Stop
from tests.unit.pipeline.rig import PACKET
from tests.unit.pipeline.timeline import Timeline
from tests.unit.report.test_history import said


@pytest.fixture
def app() -> Iterator[App]:
    """A device that is not run."""
    made = App(
        Config(
            service=with_demo(Service(source="en", target="zh")),
            audio=Audio(
                capture=Capture(device="file:/nonexistent.wav"), playback=Playback(device="null")
            ),
            mqtt=Mqtt(host=None),
        ),
        clock=Timeline(),
    )
    made.controller.start()
    yield made
    made.cloud.free()


class Screen:
    """What is drawn, as the lines of a console of a given size."""

    def __init__(self, app: App) -> None:
        self.screen = live._Screen(app)

    def lines(self, *, width: int = 80) -> list[str]:
        console = Console(file=io.StringIO(), width=width, height=24, color_system=None)
        with console.capture() as drawn:
            console.print(self.screen._draw())
        return [line.rstrip() for line in drawn.get().splitlines()]

    def text(self) -> str:
        return "\n".join(self.lines())


# --- pieces ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dbfs", "filled"), [(-96, 0), (-60, 0), (-30, 5), (-6, 9), (0, 10), (3, 10)]
)
def test_the_meter(dbfs: float, filled: int) -> None:
    assert meter(dbfs, 10) == "█" * filled + "·" * (10 - filled)


@given(st.floats(-200, 20), st.integers(1, 100))
def test_the_meter_is_always_as_wide_as_it_should(dbfs: float, width: int) -> None:
    assert len(meter(dbfs, width)) == width


def test_a_caption_as_a_plain_line() -> None:
    assert plain(said(0, "hello")) == "hello"
    assert plain(said(0, "hello", translation="你好")) == "hello  →  你好"


# --- without a terminal ----------------------------------------------------------------------


def test_without_a_terminal_finished_captions_are_lines(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    with Live(app) as shown:
        for event in (said(0, "hel", final=False), Notice("underrun"), said(0, "hello")):
            shown.notice(event)
    assert capsys.readouterr().out == "hello\n"


# --- the screen ------------------------------------------------------------------------------


def test_the_screen_shows_state_service_and_languages(app: App) -> None:
    screen = Screen(app)
    assert screen.lines()[0] == "● idle      twetalk-v2  en → zh  speech on"
    app.controller.handle(Command({"mute": True, "tts": False}))
    assert screen.lines()[0].endswith("speech off · muted")
    app.provider.pair = replace(app.provider.pair, target=None)
    assert "en → –" in screen.lines()[0]


def test_the_screen_shows_the_level_and_the_volume(app: App) -> None:
    screen = Screen(app)
    assert screen.lines()[1] == "·" * METER + "   -60 dBFS  volume 80"
    app.ring.write(b"\x00\x40" * (PACKET // 2), 0.0, VOICED)  # half of full scale
    assert screen.lines()[1] == "█" * 27 + "·" * 3 + "    -6 dBFS  volume 80"


def test_the_newest_captions_are_shown_and_the_partial_last(app: App) -> None:
    screen = Screen(app)
    for index in range(60):
        screen.screen.notice(said(index, f"sentence {index}", translation=f"译 {index}"))
    screen.screen.notice(said(60, "growing", final=False))
    text = screen.text()
    assert "sentence 59\n  译 59\ngrowing" in text
    assert "sentence 5\n" not in text
    screen.screen.notice(said(60, "grown"))
    assert "growing" not in screen.text()
    assert "grown" in screen.text()


def test_the_counters_are_shown(app: App) -> None:
    for name, amount in (("packets_sent", 7), ("reconnects", 2), ("lost_packets", 3)):
        app.telemetry.count(name, amount)
    assert "sent 7  behind 0 ms  reconnects 2  lost 3  underruns 0" in Screen(app).text()


def test_the_last_line_is_help_until_there_is_news(app: App) -> None:
    screen = Screen(app)
    assert screen.lines()[-1] == HELP
    screen.screen.notice(Notice("outage", {"reason": "lost", "kind": "reset"}))
    assert screen.lines()[-1] == "outage reason=lost kind=reset"


def test_brackets_in_speech_are_no_markup(app: App) -> None:
    screen = Screen(app)
    screen.screen.notice(said(0, "[bold]loud[/bold] [/]"))
    assert "[bold]loud[/bold] [/]" in screen.text()


def test_it_is_drawn_until_it_is_stopped(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    screen = live._Screen(app)
    clock = app.clock
    assert isinstance(clock, Timeline)
    clock.at(0.25, lambda: screen.notice(said(0, "late")))
    clock.at(0.35, screen.stop)
    screen.run()
    assert "late" in capsys.readouterr().out
    assert clock.now() == pytest.approx(0.4)


# --- the keyboard ----------------------------------------------------------------------------


@pytest.fixture
def posted(app: App, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    events: list[Event] = []
    monkeypatch.setattr(app, "post", events.append)
    return events


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of a terminal that is standard input."""
    ours, theirs = pty.openpty()
    with open(theirs, "rb", buffering=0) as stdin, open(ours, "r+b", buffering=0) as keys:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", stdin)
        yield keys.fileno()


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        (" ", {"talk": "toggle"}),
        ("t", {"tts": False}),
        ("m", {"mute": True}),
        ("+", {"volume": 85}),
        ("-", {"volume": 75}),
    ],
)
@pytest.mark.usefixtures("keyboard")
def test_a_key_is_a_command(
    app: App, posted: list[Event], key: str, fields: dict[str, Any]
) -> None:
    live._Keys(app)._key(key)
    assert posted == [Command(fields, origin="keyboard")]


@pytest.mark.parametrize(("volume", "key", "wanted"), [(98, "+", 100), (3, "-", 0)])
@pytest.mark.usefixtures("keyboard")
def test_the_volume_stays_within_its_limits(
    app: App, posted: list[Event], volume: int, key: str, wanted: int
) -> None:
    app.player.volume = volume
    live._Keys(app)._key(key)
    assert posted == [Command({"volume": wanted}, origin="keyboard")]


@pytest.mark.usefixtures("keyboard")
def test_q_stops_and_other_keys_do_nothing(app: App, posted: list[Event]) -> None:
    keys = live._Keys(app)
    keys._key("x")
    assert posted == []
    keys._key("q")
    assert posted == [Stop("q was pressed")]


def test_keys_are_read_as_they_are_pressed(app: App, posted: list[Event], keyboard: int) -> None:
    keys = live._Keys(app)
    keys.start()
    mute, stop = Command({"mute": True}, origin="keyboard"), Stop("q was pressed")
    for key, event in ((b"m", mute), (b"\xff", mute), (b"q", stop)):
        for _ in range(200):  # what is typed before it listens is dropped
            os.write(keyboard, key)
            if keys.join(0.02) or event in posted:
                break
    keys.stop()
    assert keys.join(5)
    assert posted[0] == mute
    assert posted[-1] == stop
