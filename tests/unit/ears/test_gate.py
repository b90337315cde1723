"""The second gate: a person stands out of the echo's rest, in any room, once that is known."""

from __future__ import annotations

import numpy
import pytest

from agent.ears.gate import IN_A_ROW, Gate
from agent.ears.reference import Samples

PACKET = 640
SECOND = 25


def noise(dbfs: float, seed: int = 1) -> Samples:
    dice = numpy.random.default_rng(seed)
    return (dice.normal(size=PACKET) * 32768 * 10 ** (dbfs / 20)).astype(numpy.int16)


SILENCE = noise(-200)
PLAYED = noise(-20)


class Listener:
    """A gate in a room that leaves ``rest`` dBFS of the device's own voice."""

    def __init__(self, rest: float) -> None:
        self.gate, self._rest = Gate(), rest

    def hear(self, seconds: float, *, person: float | None = None, played: Samples = PLAYED) -> int:
        """How many voiced packets pass; a detector that takes everything for a voice is asked."""
        passed = 0
        for number in range(round(seconds * SECOND)):
            burst = 6.0 if number % 7 == 0 else 0.0
            left = noise(self._rest + burst if person is None else person, number)
            self.gate.feed(left, played)
            passed += self.gate.passes(True)
        return passed


@pytest.mark.parametrize("rest", [-65, -50, -35])
def test_it_learns_what_is_left_in_a_room_and_lets_a_person_through(rest: float) -> None:
    listener = Listener(rest)
    assert listener.hear(20) == 0
    assert listener.hear(0.4, person=rest + 25) == 10 - (IN_A_ROW - 1)


def test_nothing_passes_while_nothing_is_known() -> None:
    assert Listener(-22).hear(2) == 0


def test_every_voice_passes_while_the_speaker_is_silent() -> None:
    listener = Listener(-60)
    listener.hear(10)
    listener.hear(1, played=SILENCE)
    assert listener.hear(1, person=-70, played=SILENCE) == SECOND


def test_an_echo_is_expected_for_half_a_second() -> None:
    listener = Listener(-60)
    listener.hear(10)
    assert listener.hear(0.5, played=SILENCE) == 0
    assert listener.hear(0.2, played=SILENCE) > 0


def test_a_single_burst_does_not_pass() -> None:
    listener = Listener(-60)
    listener.hear(20)
    for _ in range(10):
        assert listener.hear(0.04, person=-30) == 0
        assert listener.hear(0.4) == 0


def test_a_rest_that_grows_is_learned_within_a_second() -> None:
    """Somebody turns the volume up, or puts the device elsewhere."""
    listener = Listener(-60)
    listener.hear(20)
    listener._rest = -50.0
    listener.hear(1)
    assert listener.hear(20) == 0


def test_the_volume_of_the_speaker_is_no_matter() -> None:
    listener = Listener(-60)
    listener.hear(20)
    quiet = (PLAYED // 8).astype(numpy.int16)
    listener._rest = -78.0
    assert listener.hear(5, played=quiet) == 0
    assert listener.hear(0.4, person=-45, played=quiet) > 0


def test_a_pause_in_a_voice_begins_the_row_anew() -> None:
    gate = Gate()
    for number in range(20 * SECOND):
        gate.feed(noise(-60, number), PLAYED)
        gate.passes(False)
    gate.feed(noise(-25, 2), PLAYED)
    assert not gate.passes(True)
    gate.feed(noise(-25, 2), PLAYED)
    assert not gate.passes(False)
    gate.feed(noise(-25, 2), PLAYED)
    assert not gate.passes(True)
    gate.feed(noise(-25, 2), PLAYED)
    assert gate.passes(True)


@pytest.mark.parametrize("late", [0.0, 0.02, 0.3, 0.5])
def test_an_echo_that_comes_from_a_new_delay_is_no_person(late: float) -> None:
    """As loud as a person, but it is what was played."""
    said = numpy.concatenate([noise(-20, number) for number in range(25 * SECOND)])
    echo = numpy.roll(said, round(late * 16000))
    gate = Gate()
    for at in range(0, len(said), PACKET):
        known = at < 20 * SECOND * PACKET
        left = noise(-60, at) if known else (echo[at : at + PACKET] // 3).astype(numpy.int16)
        gate.feed(left, said[at : at + PACKET])
        assert not gate.passes(True)


def test_another_canceller_must_be_learned_anew() -> None:
    listener = Listener(-60)
    listener.hear(20)
    listener.gate.forget()
    assert listener.hear(0.4, person=-30) == 0
