"""A result that does not come: told once, asked for again with a press."""

from __future__ import annotations

from agent.events import Notice
from agent.pipeline.overdue import LATE_S, Overdue
from tests.unit.pipeline.rig import Rig


class Somebody:
    """Presses now and then."""

    def __init__(self) -> None:
        self.hurried_at = 0.0


def test_it_is_told_once_and_a_press_after_that_asks_again() -> None:
    rig, pressed = Rig(), Somebody()
    overdue = Overdue(rig.parts)
    overdue.cloud = pressed
    for submission in (1, 2):
        pressed.hurried_at = rig.clock.now()
        for second in range(round(LATE_S) + 20):
            overdue.waits(float(second))
            assert not overdue.again, "nobody has pressed since it is late"
            rig.clock.advance(1.0)
        assert len(rig.of(Notice)) == submission
        pressed.hurried_at = rig.clock.now()
        assert overdue.again
    assert [notice.event for notice in rig.of(Notice)] == ["undelivered"] * 2
    assert rig.of(Notice)[0].detail["waited_s"] == LATE_S


def test_what_comes_in_time_is_no_news() -> None:
    rig = Rig()
    overdue = Overdue(rig.parts)
    for second in range(round(LATE_S)):
        overdue.waits(float(second))
    assert rig.events == []
    assert not overdue.again
