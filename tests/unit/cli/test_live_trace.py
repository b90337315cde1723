"""The plots of the last minute."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent.cli.live.trace import SECONDS, Trace, Value, plot

LEVELS = "▁▂▃▄▅▆▇█"


def traced(values: Sequence[Value], begin: int = 0) -> Trace:
    trace = Trace()
    for second, value in enumerate(values, begin):
        trace.add(second, value)
    return trace


def test_nothing_is_known_at_first() -> None:
    assert Trace().newest is None
    assert Trace().columns(20) == ()


def test_a_column_a_second_where_there_is_room() -> None:
    columns = traced([1.0, None, 3.0]).columns(200)
    assert len(columns) == SECONDS
    assert columns[-3:] == (1.0, None, 3.0)
    assert set(columns[:-3]) == {None}


def test_the_largest_value_of_a_column_is_kept() -> None:
    columns = traced([float(n % 7 == 0) for n in range(SECONDS)]).columns(20)
    assert len(columns) == 20
    assert columns[:3] == (1.0, 0.0, 1.0)


def test_the_newest_minute_is_kept() -> None:
    trace = traced([9.0] * 10 + [1.0] * SECONDS)
    assert set(trace.columns(60)) == {1.0}
    assert trace.newest == 1.0


def test_what_is_older_than_a_minute_is_not_shown_after_a_stop() -> None:
    trace = traced([9.0] * 30)
    trace.add(100, 1.0)
    assert [value for value in trace.columns(60) if value] == [1.0]


@given(st.integers(1, 200), st.integers(0, 10_000))
def test_a_column_stays_as_it_is_while_it_moves(room: int, begin: int) -> None:
    values: list[Value] = [float(n % 11) for n in range(SECONDS * 2)]
    each = -(-SECONDS // room)
    before = traced(values[:-each], begin).columns(room)
    after = traced(values, begin).columns(room)
    assert len(after) <= room
    # The oldest may have lost values, the newest is not whole yet.
    assert after[1:-2] == before[2:-1]


@given(st.lists(st.none() | st.floats(0, 1e6)), st.floats(0.1, 1e4))
def test_a_plot_has_a_sign_for_each_column(values: list[Value], least: float) -> None:
    drawn = plot(values, least, LEVELS)
    assert len(drawn) == len(values)
    assert set(drawn) <= set(LEVELS + " ")


def test_plots() -> None:
    assert plot([0, 50, 100], 10, LEVELS) == "▁▅█"
    assert plot([0, 1, 2], 100, LEVELS) == "▁▁▁", "a little noise is no storm"
    assert plot([None, 0, None, 7], 7, LEVELS) == " ▁ █"
    assert plot([], 1, LEVELS) == ""
    assert plot([-1], 1, LEVELS) == "▁"
