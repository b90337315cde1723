"""The depth of the jitter buffer: grown by what was missing, given back slowly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.depth import CALM, GROWTH_S, STEP_S, Depth


def test_it_starts_from_the_configured_depth() -> None:
    assert Depth(0.12).seconds == 0.12
    assert Depth(0.0).seconds == 0.0


def test_it_grows_by_what_was_missing_and_a_little_more() -> None:
    depth = Depth(0.12)
    depth.late(0.05)
    assert depth.seconds == pytest.approx(0.17 + STEP_S)


def test_it_is_bounded() -> None:
    depth = Depth(0.12)
    depth.late(3.0)
    assert depth.seconds == pytest.approx(0.12 + GROWTH_S)


def test_half_of_what_nobody_needed_is_given_back_after_many_sentences() -> None:
    depth = Depth(0.1)
    depth.late(0.2)
    grown = depth.seconds
    for spare in [0.1, *[0.3] * (CALM - 2)]:
        depth.calm(spare)
    assert depth.seconds == grown, "not yet"
    depth.calm(0.3)
    assert depth.seconds == pytest.approx(grown - 0.05), "the sentence that needed most counts"


def test_it_never_shrinks_below_what_is_configured() -> None:
    depth = Depth(0.1)
    depth.late(0.05)
    for _ in range(10 * CALM):
        depth.calm(1.0)
    assert depth.seconds == 0.1


def test_an_underrun_begins_the_count_of_calm_sentences_again() -> None:
    depth = Depth(0.1)
    depth.late(0.1)
    for _ in range(CALM - 1):
        depth.calm(0.2)
    depth.late(0.0)
    grown = depth.seconds
    depth.calm(0.2)
    assert depth.seconds == grown


@given(
    st.floats(0, 5),
    st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=200),
)
def test_it_is_always_within_bounds_and_grows_only_when_speech_was_late(
    least: float, history: list[tuple[bool, float]]
) -> None:
    depth = Depth(least)
    for late, seconds in history:
        before = depth.seconds
        if late:
            depth.late(seconds)
            assert depth.seconds >= before
        else:
            depth.calm(seconds)
            assert depth.seconds <= before
        assert least <= depth.seconds <= least + GROWTH_S
