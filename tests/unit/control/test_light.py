"""The state light: patterns that differ, and a lamp that follows the state."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from agent.clock import SystemClock
from agent.control.light import COLOURS, PATTERNS, Light
from agent.control.machine import Machine, Phase
from tests.patience import HANG_S
from tests.system.broker import wait_until


class Lamp:
    """Remembers every switch."""

    def __init__(self) -> None:
        self.switched: list[bool] = []
        self._lock = threading.Lock()

    def __call__(self, state: str | None) -> None:
        with self._lock:
            self.switched.append(state is not None)

    @property
    def lit(self) -> bool:
        with self._lock:
            return bool(self.switched) and self.switched[-1]


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


@pytest.fixture
def light(lamp: Lamp) -> Iterator[Light]:
    light = Light(lamp, SystemClock())
    light.start()
    yield light
    light.stop()
    assert light.join(HANG_S)


def test_every_state_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(PATTERNS)
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_every_state_of_the_device_has_a_pattern_of_its_own() -> None:
    machine = Machine("hold")
    states = {"starting", "speaking", "offline", "fault", machine.state}
    states |= {phase.value for phase in Phase}
    assert states <= set(PATTERNS)
    for one, other in itertools.combinations(PATTERNS.values(), 2):
        assert tuple(one) != tuple(other)


def test_a_pattern_that_ends_in_a_steady_step_has_only_that_step() -> None:
    for pattern in PATTERNS.values():
        if any(seconds == 0 for _, seconds in pattern):
            assert len(pattern) == 1


def test_it_flickers_until_the_first_state_comes(lamp: Lamp, light: Light) -> None:
    wait_until(lambda: lamp.switched[:4] == [True, False, True, False], "the flicker")


def test_it_follows_the_state_at_once(lamp: Lamp, light: Light) -> None:
    light.show("idle")
    wait_until(lambda: lamp.switched and not lamp.lit, "darkness")
    light.show("listening")
    wait_until(lambda: lamp.lit, "light")
    light.show("idle")
    wait_until(lambda: not lamp.lit, "darkness")


def test_a_steady_state_switches_once_however_often_it_is_shown(lamp: Lamp, light: Light) -> None:
    light.show("listening")
    wait_until(lambda: lamp.lit, "light")
    count = len(lamp.switched)
    for _ in range(5):
        light.show("listening")
    light.clock.sleep(0.1)
    assert len(lamp.switched) <= count + 1


def test_stopping_leaves_it_dark(lamp: Lamp, light: Light) -> None:
    light.show("listening")
    wait_until(lambda: lamp.lit, "light")
    light.stop()
    assert light.join(HANG_S)
    assert not lamp.lit
