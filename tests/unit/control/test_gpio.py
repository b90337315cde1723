"""Buttons and light on pins in memory; which chip is taken, and what is said of one that is not."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("gpiod")
import gpiod
from gpiod.line import Bias

from agent import assembly
from agent.clock import SystemClock
from agent.config.schema import Button, Led, Talk
from agent.control import gpio
from agent.control.gpio import Panel
from agent.control.light import Light
from agent.errors import RunError, UsageError
from agent.events import Command
from tests.patience import HANG_S
from tests.pins import Board
from tests.system.broker import wait_until

TALK = Talk(
    buttons=(Button(pin=17, source="zh", target="en"), Button(pin=27)),
    led=Led(pin=22),
)


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """The board; any pin left claimed is an error."""
    board = Board()
    monkeypatch.setattr(gpiod, "request_lines", board.request_lines)
    yield board
    assert not board.lines


@pytest.fixture
def posted() -> list[Command]:
    return []


@pytest.fixture
def panel(pins: Board, posted: list[Command]) -> Iterator[Panel]:
    """A panel whose threads run."""
    panel = Panel(TALK, posted.append, SystemClock())
    for worker in panel.workers:
        worker.start()
    yield panel
    for worker in panel.workers:
        worker.stop()
        assert worker.join(HANG_S)
    panel.close()


def test_press_and_release_are_the_commands_mqtt_would_give(
    pins: Board, panel: Panel, posted: list[Command]
) -> None:
    for pin in (17, 27):
        pins.drive(pin, high=False)  # against the pull-up: pressed
        pins.drive(pin, high=True)
    wait_until(lambda: len(posted) == 4, "four commands")
    commands = [command.fields for command in posted]
    # Of one button in the order of the presses.
    assert [fields for fields in commands if fields["button"] == 1] == [
        {"talk": "press", "button": 1},
        {"talk": "release", "button": 1},
    ]
    assert [fields for fields in commands if fields["button"] == 2] == [
        {"talk": "press", "button": 2},
        {"talk": "release", "button": 2},
    ]
    assert {command.origin for command in posted} == {"gpio"}


@pytest.mark.parametrize(
    ("button", "bias", "active_low"),
    [
        (Button(pin=17), Bias.PULL_UP, True),
        (Button(pin=17, active="high"), Bias.PULL_DOWN, False),
        (Button(pin=17, active="high", pull="none"), Bias.DISABLED, False),
        (Button(pin=17, pull="down"), Bias.PULL_DOWN, True),
    ],
)
def test_a_button_is_wired_as_configured(
    pins: Board, posted: list[Command], button: Button, bias: Bias, active_low: bool
) -> None:
    panel = Panel(Talk(buttons=(button,)), posted.append, SystemClock())
    settings = pins.lines[17].settings
    assert (settings.bias, settings.active_low) == (bias, active_low)
    assert settings.debounce_period == timedelta(milliseconds=20)
    (worker,) = panel.workers
    worker.start()
    pins.drive(17, high=not active_low)
    wait_until(lambda: posted, "the press", 60)
    assert posted[0].fields == {"talk": "press", "button": 1}
    worker.stop()
    assert worker.join(60)
    panel.close()


def test_how_long_a_button_bounces_is_configured(pins: Board, posted: list[Command]) -> None:
    panel = Panel(Talk(buttons=(Button(pin=17, debounce_ms=75),)), posted.append, SystemClock())
    assert pins.lines[17].settings.debounce_period == timedelta(milliseconds=75)
    panel.close()


def test_nothing_is_pressed_at_the_start(panel: Panel, posted: list[Command]) -> None:
    assert posted == []


def test_a_press_before_the_threads_run_is_not_lost(pins: Board, posted: list[Command]) -> None:
    panel = Panel(Talk(buttons=(Button(pin=17),)), posted.append, SystemClock())
    pins.drive(17, high=False)
    (worker,) = panel.workers
    worker.start()
    wait_until(lambda: posted, "the press")
    worker.stop()
    assert worker.join(HANG_S)
    panel.close()


def test_the_light_shows_the_state(pins: Board, panel: Panel) -> None:
    light = panel.light
    assert light is not None
    light.show("listening")
    wait_until(lambda: pins.high[22], "light")
    light.stop()
    assert light.join(HANG_S)
    assert not pins.high[22]


def lamp(pins: Board, led: Led) -> Iterator[Light]:
    panel = Panel(Talk(led=led), lambda _: None, SystemClock())
    assert panel.light is not None
    panel.light.start()
    yield panel.light
    panel.light.stop()
    assert panel.light.join(60)
    panel.close()


def test_a_light_may_be_lit_by_a_low_pin(pins: Board) -> None:
    for light in lamp(pins, Led(pin=22, active="low")):
        light.show("idle")
        wait_until(lambda: pins.high[22], "dark", 60)
        light.show("listening")
        wait_until(lambda: not pins.high[22], "lit", 60)
    assert pins.high[22]


def test_a_light_of_three_colours_shows_the_state_by_its_colour(pins: Board) -> None:
    for light in lamp(pins, Led(pin=5, green=6, blue=7)):
        for state, colour in (("listening", "  b"), ("fault", "r  "), ("thinking", "rg ")):
            light.show(state)
            wanted = [letter != " " for letter in colour]
            wait_until(lambda: [pins.high[pin] for pin in (5, 6, 7)] == wanted, state, 60)  # noqa: B023
    assert [pins.high[pin] for pin in (5, 6, 7)] == [False] * 3


def test_without_a_light_there_is_none(pins: Board, posted: list[Command]) -> None:
    panel = Panel(Talk(buttons=(Button(pin=5),)), posted.append, SystemClock())
    assert panel.light is None
    panel.close()
    panel.close()


def test_a_pin_that_is_taken_is_named_and_the_others_are_given_back(
    pins: Board, posted: list[Command]
) -> None:
    other = pins.request_lines("", "other", {22: gpiod.LineSettings()})
    with pytest.raises(RunError, match=r"talk\.led\.pin: GPIO 22 .*another program has it"):
        Panel(TALK, posted.append, SystemClock())
    other.release()
    Panel(TALK, posted.append, SystemClock()).close()


def test_without_the_library_the_mend_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "agent.control.gpio", None)
    with pytest.raises(UsageError, match=r"pip install 'dragoman\[pi\]'"):
        assembly.panel(TALK, lambda event: None, SystemClock())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("line offset of out range"), "gpiochip0 has no such pin"),
        (FileNotFoundError(errno.ENOENT, ""), "there is no .*gpiochip0; is this a board with"),
        (PermissionError(errno.EACCES, ""), "permission denied; is this user in the group gpio?"),
        (PermissionError(errno.EPERM, ""), "permission denied; is this user in the group gpio?"),
        (OSError(errno.EBUSY, ""), "it is in use; another program has it"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "gpiochip0: Input/output error"),
    ],
)
def test_what_the_kernel_says_ends_in_a_mend(
    monkeypatch: pytest.MonkeyPatch, posted: list[Command], error: Exception, said: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(gpiod, "request_lines", refuse)
    with pytest.raises(RunError, match=r"talk\.buttons\.0\.pin: GPIO 17 cannot be used: .*" + said):
        Panel(TALK, posted.append, SystemClock())


@pytest.mark.parametrize(
    ("chips", "taken"),
    [
        ({"gpiochip0": "pinctrl-bcm2835", "gpiochip1": "raspberrypi-exp-gpio"}, "gpiochip0"),
        ({"gpiochip0": "gpio-brcmstb@7d508500", "gpiochip4": "pinctrl-rp1"}, "gpiochip4"),
        ({"gpiochip0": "pinctrl-rp1", "gpiochip4": "pinctrl-rp1"}, "gpiochip0"),
        ({"gpiochip0": None, "gpiochip1": "pinctrl-bcm2711"}, "gpiochip1"),
        ({"gpiochip0": "some-other-board"}, "gpiochip0"),
        ({}, "gpiochip0"),
    ],
)
def test_the_chip_of_the_header_is_found_by_its_label(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chips: dict[str, str | None], taken: str
) -> None:
    for name in chips:
        (tmp_path / name).touch()
    monkeypatch.setattr(gpio, "DEVICES", tmp_path)
    monkeypatch.setattr(gpiod, "Chip", lambda path: Chip(chips[Path(path).name]))
    assert gpio._header() == tmp_path / taken


class Chip:
    """A chip of this label; without one it may not be opened."""

    def __init__(self, label: str | None) -> None:
        if label is None:
            raise PermissionError(errno.EACCES, "")
        self._label = label

    def __enter__(self) -> Chip:
        return self

    def __exit__(self, *_: object) -> None: ...

    def get_info(self) -> SimpleNamespace:
        return SimpleNamespace(label=self._label)
