"""Buttons and light on gpiozero's own mock of the pins."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config.schema import Button, Led, Talk
from agent.control.gpio import Panel, _mend
from agent.errors import RunError, UsageError
from agent.events import Command
from tests.system.broker import wait_until

gpiozero = pytest.importorskip("gpiozero")
TALK = Talk(
    buttons=(Button(pin=17, source="zh", target="en"), Button(pin=27)),
    led=Led(pin=22),
)


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The mock's pins; any pin left claimed is an error."""
    mock = pytest.importorskip("gpiozero.pins.mock")
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    factory = mock.MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    claimed = [pin for pin, owners in factory._reservations.items() if any(o() for o in owners)]
    factory.reset()
    assert not claimed


@pytest.fixture
def posted() -> list[Command]:
    return []


@pytest.fixture
def panel(pins: Any, posted: list[Command]) -> Iterator[Panel]:
    panel = Panel(TALK, posted.append, SystemClock())
    yield panel
    panel.close()


def test_press_and_release_are_the_commands_mqtt_would_give(
    pins: Any, panel: Panel, posted: list[Command]
) -> None:
    for pin in (17, 27):
        pins.pin(pin).drive_low()  # against the pull-up: pressed
        pins.pin(pin).drive_high()
    wait_until(lambda: len(posted) == 4, "four commands", 2)
    assert posted == [
        Command({"talk": "press", "button": 1}, origin="gpio"),
        Command({"talk": "release", "button": 1}, origin="gpio"),
        Command({"talk": "press", "button": 2}, origin="gpio"),
        Command({"talk": "release", "button": 2}, origin="gpio"),
    ]


def test_nothing_is_pressed_at_the_start(panel: Panel, posted: list[Command]) -> None:
    assert posted == []


def test_the_light_shows_the_state(pins: Any, panel: Panel) -> None:
    light = panel.light
    assert light is not None
    light.start()
    light.show("listening")
    wait_until(lambda: pins.pin(22).state, "light", 2)
    light.stop()
    assert light.join(1)
    assert not pins.pin(22).state


def test_without_a_light_there_is_none(pins: Any, posted: list[Command]) -> None:
    panel = Panel(Talk(buttons=(Button(pin=5),)), posted.append, SystemClock())
    assert panel.light is None
    panel.close()
    panel.close()


def test_a_pin_that_is_taken_is_named_and_the_others_are_given_back(
    pins: Any, posted: list[Command]
) -> None:
    other = gpiozero.LED(22)
    with pytest.raises(RunError, match=r"talk\.led\.pin: GPIO 22 .*another program has it"):
        Panel(TALK, posted.append, SystemClock())
    other.close()
    Panel(TALK, posted.append, SystemClock()).close()


def test_a_pin_the_board_does_not_have_is_named(pins: Any, posted: list[Command]) -> None:
    with pytest.raises(RunError, match=r"talk\.buttons\.0\.pin: GPIO 53 cannot be used: "):
        Panel(Talk(buttons=(Button(pin=53),)), posted.append, SystemClock())


def test_without_the_library_the_mend_is_said(
    monkeypatch: pytest.MonkeyPatch, posted: list[Command]
) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(UsageError, match=r"pip install 'dragoman\[pi\]'"):
        Panel(TALK, posted.append, SystemClock())


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("can not open gpiochip", "in group gpio?"),
        ("Permission denied", "in group gpio?"),
        ("GPIO busy", "another program has it"),
        ("pin GPIO17 is already in use by <Button>", "another program has it"),
        ("something\n  else", "something else"),
        ("", "ValueError"),
    ],
)
def test_what_the_libraries_say_ends_in_a_mend(text: str, mend: str) -> None:
    assert _mend(ValueError(text)).endswith(mend)
