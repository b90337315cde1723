"""Trouble that repeats is told at once, and then in measure."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from agent.clock import ManualClock
from agent.events import Notice
from agent.pipeline.news import EVERY_S, LONGEST_PROOF_S, Presence, Seldom


@given(st.lists(st.floats(0, 3), max_size=200))
def test_nothing_is_untold_and_nothing_is_told_too_often(gaps: list[float]) -> None:
    clock, told = ManualClock(), list[tuple[float, Notice]]()
    news = Seldom("overrun", lambda notice: told.append((clock.now(), notice)), clock)
    for gap in gaps:
        clock.advance(gap)
        news.add(count=1)
    news.flush()
    assert sum(notice.detail["count"] for _, notice in told) == len(gaps)
    assert len(told) <= 2 + sum(gaps) / EVERY_S
    if gaps:
        assert told[0] == (gaps[0], Notice("overrun", {"count": 1}))


def test_what_waits_is_told_though_nothing_more_happens() -> None:
    clock, told = ManualClock(), list[Notice]()
    news = Seldom("underrun", told.append, clock)
    news.add(count=1, gap_ms=10)
    news.add(count=1, gap_ms=30)
    news.add(count=1, gap_ms=5)
    assert news.waiting
    clock.advance(EVERY_S)
    news.tell()
    assert told[1:] == [Notice("underrun", {"count": 2, "gap_ms": 35})]
    assert not news.waiting


def test_the_first_time_a_device_is_back_as_soon_as_it_works() -> None:
    clock = ManualClock()
    presence = Presence(clock)
    assert presence.lost()
    assert not presence.lost()
    assert presence.away
    clock.advance(3)
    assert presence.works()
    assert not presence.works()
    assert presence.trying
    clock.advance(1)
    assert not presence.works()
    assert not presence.trying


@given(st.lists(st.tuples(st.floats(0.01, 20), st.floats(0.01, 5)), min_size=1, max_size=300))
def test_one_that_comes_and_goes_makes_little_news(turns: list[tuple[float, float]]) -> None:
    clock = ManualClock()
    presence, news, begin = Presence(clock), 0, clock.now()
    for works, away in turns:
        end = clock.now() + works
        while clock.now() < end:
            news += presence.works()
            clock.advance(0.04)
        news += presence.lost()
        assert presence.away
        clock.advance(away)
    # 1 + 2 + 4 + 8 + 16 s and then 30 s at a time are needed to be back.
    assert news <= 14 + 2 * (clock.now() - begin) / LONGEST_PROOF_S


def test_a_device_that_stayed_is_trusted_again() -> None:
    clock = ManualClock()
    presence = Presence(clock)
    for _ in range(5):
        assert presence.lost()
        while not presence.works():
            clock.advance(0.1)
    clock.advance(100)
    assert presence.lost()
    assert presence.works()


def test_it_is_tried_at_once_after_it_worked_and_with_pauses_else() -> None:
    presence = Presence(ManualClock())
    pauses = [presence.pause() for _ in range(50)]
    assert pauses[0] == 0
    assert math.isclose(sum(pauses[1:]) / 49, 0.5, abs_tol=0.25)
