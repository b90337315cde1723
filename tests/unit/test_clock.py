"""Time: clocks, the one format, and delays between retries."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from agent.clock import (
    Backoff,
    ManualClock,
    SystemClock,
    dated,
    is_set,
    offset,
    rfc3339,
    stamp,
)

seeds = st.integers(0, 2**32)


@given(
    st.floats(0.01, 10), st.floats(0.01, 100), st.integers(1, 60), st.builds(random.Random, seeds)
)
def test_delays_stay_within_their_bounds(
    base: float, cap: float, count: int, rng: random.Random
) -> None:
    backoff = Backoff(base, cap, rng)
    delays = [backoff.next() for _ in range(count)]
    assert delays[0] == 0
    assert backoff.attempts == count
    for n, delay in enumerate(delays[1:]):
        assert 0 <= delay <= min(cap, base * 2**n)


@given(seeds)
def test_delays_are_spread_over_the_whole_interval(seed: int) -> None:
    backoff = Backoff(1.0, 30.0, random.Random(seed))
    delays = [backoff.next() for _ in range(400)][10:]
    assert min(delays) < 3
    assert max(delays) > 27


@given(st.integers(1, 10), st.integers(1, 2000))
def test_success_starts_over(before: int, after: int) -> None:
    backoff = Backoff()
    for _ in range(before):
        backoff.next()
    backoff.reset()
    assert backoff.attempts == 0
    assert backoff.next() == 0
    assert backoff.next() <= 0.5


def test_months_of_retries_overflow_nothing() -> None:
    backoff = Backoff()
    backoff.attempts = 10**9
    assert 0 <= backoff.next() <= 30


def test_two_devices_do_not_retry_together() -> None:
    one, other = Backoff(), Backoff()
    assert [one.next() for _ in range(9)] != [other.next() for _ in range(9)]


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(5.0)
    assert clock.now() == clock.now() == 5.0
    clock.sleep(-1)
    assert clock.now() == 5.0
    clock.sleep(0.5)
    clock.advance(1)
    assert clock.now() == 6.5
    assert clock.utc() == datetime(2026, 1, 1, 0, 0, 6, 500_000, tzinfo=UTC)


def test_the_systems_clock_goes_on_and_does_not_sleep_backwards() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(-10)
    clock.sleep(0)
    assert 0 <= clock.now() - before < 10
    assert abs(clock.utc() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_one_format_of_time() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 987_654, tzinfo=timezone(timedelta(hours=8)))
    assert rfc3339(moment) == "2026-03-01T04:00:00.987Z"
    assert rfc3339(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01T00:00:00.000Z"


# --- before the clock is set -----------------------------------------------------------------


def unset(now: float = 5.0) -> ManualClock:
    clock = ManualClock(now)
    clock.epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return clock


def set_to(clock: ManualClock, moment: datetime) -> None:
    clock.epoch = moment - timedelta(seconds=clock.now())


def test_a_clock_that_begins_in_1970_is_not_set() -> None:
    assert not is_set(unset())
    assert is_set(ManualClock())
    assert is_set(SystemClock())


def test_setting_the_wall_clock_changes_the_offset_and_time_does_not() -> None:
    clock = unset()
    before = offset(clock)
    clock.advance(100.0)
    assert abs(offset(clock) - before) < 1e-3
    set_to(clock, datetime(2026, 11, 20, tzinfo=UTC))
    assert offset(clock) - before > 1e9


def test_a_moment_before_the_clock_was_set_gets_its_time_when_it_is() -> None:
    clock = unset()
    mark = stamp(clock)
    assert dated(mark, clock) is None
    clock.advance(90.5)
    set_to(clock, datetime(2026, 11, 20, 12, 1, 30, 500_000, tzinfo=UTC))
    assert dated(mark, clock) == "2026-11-20T12:00:00.000Z"


def test_a_moment_of_an_earlier_start_of_the_machine_stays_unknown() -> None:
    assert dated("@0f0f0f0f+5.000", ManualClock(100.0)) is None


def test_a_moment_of_a_clock_that_is_set_is_its_time() -> None:
    clock = ManualClock(1.5)
    assert stamp(clock) == "2026-01-01T00:00:01.500Z" == dated(stamp(clock), clock)
