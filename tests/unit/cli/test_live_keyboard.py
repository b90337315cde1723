"""The keys: what they do, and the terminal they are read from."""

from __future__ import annotations

import os
import termios
from typing import Any

import pytest
from msgspec.structs import replace

from agent.app import App
from agent.cli.live.keyboard import Keyboard, pairs
from agent.config.schema import Button, Talk
from agent.events import Command, Event, Pair, Question, Stop
from tests.patience import HANG_S


@pytest.fixture
def keyboard(app: App, pty: tuple[int, int]) -> Keyboard:
    return Keyboard(app, pty[1])


@pytest.fixture
def commands(app: App, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What a device that is not busy is told to do."""
    told: list[Event] = []
    monkeypatch.setattr(
        app, "post", lambda e: e.ask() if isinstance(e, Question) else told.append(e)
    )
    monkeypatch.setattr(app.controller, "handle", told.append)
    return told


def commanded(**fields: Any) -> list[Event]:
    return [Command(fields, origin="keyboard")]


def with_buttons(app: App, *buttons: tuple[str | None, str | None]) -> None:
    made = tuple(
        Button(pin=n, source=source, target=target) for n, (source, target) in enumerate(buttons)
    )
    app.config = replace(app.config, talk=Talk(buttons=made))


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
def test_a_key_is_a_command(
    commands: list[Event], keyboard: Keyboard, key: str, fields: dict[str, Any]
) -> None:
    keyboard.press(key)
    assert commands == commanded(**fields)


@pytest.mark.parametrize(("volume", "key", "wanted"), [(98, "+", 100), (3, "-", 0)])
def test_the_volume_stays_within_its_limits(
    app: App, keyboard: Keyboard, commands: list[Event], volume: int, key: str, wanted: int
) -> None:
    app.player.volume = volume
    keyboard.press(key)
    assert commands == commanded(volume=wanted)


def test_q_stops_and_other_keys_do_nothing(keyboard: Keyboard, commands: list[Event]) -> None:
    for key in "xl\n":
        keyboard.press(key)
    assert commands == []
    keyboard.press("q")
    assert commands == [Stop("q was pressed")]


@pytest.mark.parametrize(
    ("keys", "volume", "muted", "tts"),
    [
        ("+++", 95, False, True),
        ("--+", 75, False, True),
        ("mmm", 80, True, True),
        ("tt", 80, False, True),
    ],
)
def test_keys_that_arrive_together_each_count(
    app: App,
    keyboard: Keyboard,
    posted: list[Event],
    keys: str,
    volume: int,
    muted: bool,
    tts: bool,
) -> None:
    for key in keys:
        keyboard.press(key)
    for event in posted:  # the device was busy until now
        app._handle(event)
    state = app.controller.state()
    assert (state["volume"], state["muted"], state["tts"]) == (volume, muted, tts)


def test_l_goes_through_the_languages_of_the_buttons(
    app: App, keyboard: Keyboard, commands: list[Event]
) -> None:
    with_buttons(app, ("en", "zh"), ("zh", "en"), ("ja", None), (None, None))
    assert pairs(app) == [Pair("en", "zh"), Pair("zh", "en"), Pair("ja", "zh")]
    for _ in range(4):
        keyboard.press("l")
        command = commands[-1]
        assert isinstance(command, Command)
        app.provider.pair = Pair(**command.fields)
    assert commands == [
        *commanded(source="zh", target="en"),
        *commanded(source="ja", target="zh"),
        *commanded(source="en", target="zh"),
        *commanded(source="zh", target="en"),
    ]


def test_l_begins_with_the_first_where_none_is_in_use(
    app: App, keyboard: Keyboard, commands: list[Event]
) -> None:
    with_buttons(app, ("de", "fr"), ("fr", "de"))
    keyboard.press("l")
    assert commands == commanded(source="de", target="fr")


def test_the_help_names_what_the_keys_do(app: App, keyboard: Keyboard) -> None:
    assert dict(keyboard.help).keys() == {"space", "q", "m", "t", "+/-"}
    with_buttons(app, ("en", "zh"))
    assert ("l", "languages") in keyboard.help


def test_keys_are_read_as_they_are_pressed(
    keyboard: Keyboard, commands: list[Event], pty: tuple[int, int]
) -> None:
    keyboard.quiet()
    keyboard.start()
    for keys, count in ((b"\xffm", 1), (b"\x1b[m", 1), (b"t", 2), (b"+q", 4)):
        os.write(pty[0], keys)
        for _ in range(500):
            if len(commands) == count:
                break
            keyboard.join(0.01)
        assert len(commands) == count, keys
    keyboard.stop()
    assert keyboard.join(HANG_S)
    assert [*commands[:2], commands[-1]] == [
        *commanded(mute=True),
        *commanded(tts=False),
        Stop("q was pressed"),
    ]


def test_the_terminal_is_as_it_was(keyboard: Keyboard, pty: tuple[int, int]) -> None:
    ours, theirs = pty
    before = termios.tcgetattr(theirs)
    keyboard.quiet()
    quiet = termios.tcgetattr(theirs)
    assert not quiet[3] & (termios.ECHO | termios.ICANON)
    assert quiet[3] & termios.ISIG, "Ctrl-C works"
    assert quiet[6][termios.VSUSP] == b"\0", "Ctrl-Z does not"
    os.write(ours, b"rm -rf\n")
    keyboard.restore()
    assert termios.tcgetattr(theirs) == before
    os.write(ours, b"next\n")
    assert os.read(theirs, 100) == b"next\n", "what was typed before is not the shell's"


def test_a_terminal_that_has_gone_ends_it(app: App) -> None:
    ours, theirs = os.openpty()
    keyboard = Keyboard(app, theirs)
    keyboard.quiet()
    died: list[str] = []
    keyboard.on_death = lambda name, reason: died.append(name)
    os.close(ours)
    keyboard.run()
    keyboard.restore()
    os.close(theirs)
    assert died == []
