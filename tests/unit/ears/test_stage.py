"""The canceller's bounds: late or broken it is left out, told once, and tried again."""

from __future__ import annotations

import numpy
import pytest

from agent.clock import ManualClock
from agent.ears.gate import Gate
from agent.ears.reference import Samples
from agent.ears.stage import PATIENCE_S, REST_S, SHARE_S, Stage
from agent.events import Notice

NEAR = numpy.full(640, 9, numpy.int16)
FAR = numpy.full(640, 4, numpy.int16)


class Lab:
    """A canceller that takes ``takes`` seconds and raises ``error``."""

    def __init__(self, *, linear: bool = False) -> None:
        self.clock, self.posted = ManualClock(), list[Notice]()
        self.takes, self.error = 0.001, None
        self.made = 0
        self.stage = Stage(
            self.make, (lambda: Half()) if linear else None, Gate(), self.posted.append, self.clock
        )

    error: Exception | None

    def make(self) -> Lab:
        self.made += 1
        return self

    def process(self, near: Samples, far: Samples) -> Samples:
        self.clock.advance(self.takes)
        if self.error is not None:
            raise self.error
        return near - far

    def hear(self, times: int = 1) -> list[int]:
        return [int(self.stage.hear(NEAR, FAR)[0]) for _ in range(times)]

    @property
    def told(self) -> list[str]:
        return [notice.event for notice in self.posted]


class Half:
    def process(self, near: Samples, far: Samples) -> Samples:
        return near - far // 2


def test_what_the_speaker_said_is_taken_out() -> None:
    lab = Lab()
    assert lab.hear(3) == [5, 5, 5]
    assert lab.stage.linear() is None
    assert not lab.posted


def test_the_linear_packet_is_given_once() -> None:
    lab = Lab(linear=True)
    lab.hear()
    assert lab.stage.linear() == (NEAR - FAR // 2).tobytes()
    assert lab.stage.linear() is None


def test_now_and_then_late_is_no_matter() -> None:
    lab = Lab()
    for _ in range(10):
        lab.takes = SHARE_S + PATIENCE_S / 4
        lab.hear(3)
        lab.takes = 0.001
        assert lab.hear(25) == [5] * 25
    assert not lab.posted


def test_late_for_long_it_is_left_out_and_told_once() -> None:
    lab = Lab()
    lab.takes = SHARE_S + 0.011
    heard = lab.hear(200)
    long = round(PATIENCE_S / 0.011) + 1
    assert heard == [5] * long + [9] * (200 - long)
    assert lab.stage.out
    assert lab.posted == [
        Notice("echo_canceller_lost", {"reason": "takes 31 ms for 40 ms of sound"})
    ]


def test_it_is_back_when_it_keeps_up_and_not_before() -> None:
    lab = Lab()
    lab.takes = 1.0
    lab.hear()
    for _ in range(3):
        lab.clock.advance(REST_S)
        lab.takes = SHARE_S + 0.1
        lab.hear(10)
    assert (lab.made, lab.told) == (4, ["echo_canceller_lost"])
    lab.clock.advance(REST_S)
    lab.takes = 0.001
    assert lab.hear(2) == [5, 5]
    assert (lab.made, lab.told) == (5, ["echo_canceller_lost", "echo_canceller_back"])


@pytest.mark.parametrize("linear", [False, True])
def test_broken_it_is_left_out_and_sound_goes_on(linear: bool) -> None:
    lab = Lab(linear=linear)
    lab.error = ValueError("no")
    assert lab.hear(5) == [9] * 5
    assert lab.stage.linear() is None
    assert lab.posted == [Notice("echo_canceller_lost", {"reason": "ValueError: no"})]


def test_after_a_minute_another_one_is_tried() -> None:
    lab = Lab()
    lab.error = ValueError("no")
    lab.hear(2)
    lab.clock.advance(REST_S)
    assert lab.hear(2) == [9, 9]
    assert (lab.made, lab.told) == (2, ["echo_canceller_lost"]), "it failed again: no news"
    lab.error = None
    lab.clock.advance(REST_S)
    assert lab.hear(2) == [5, 5]
    assert (lab.made, lab.told) == (3, ["echo_canceller_lost", "echo_canceller_back"])
    assert not lab.stage.out
