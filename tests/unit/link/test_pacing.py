"""Pacing: the bound over any window, no drift, catching up without a burst."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.link.pacing import TokenBucket

INTERVAL = 0.04


def run(bucket: TokenBucket, arrivals: list[float]) -> list[float]:
    """Send packets that become available at ``arrivals`` as early as pacing allows."""
    sent, now = [], 0.0
    for at in arrivals:
        now = max(now, at, bucket.ready_at)
        bucket.take(now)
        sent.append(now)
    return sent


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=200))
def test_no_window_ever_holds_more_than_its_share_and_three(gaps: list[float]) -> None:
    at, arrivals = 0.0, []
    for gap in gaps:
        at += gap
        arrivals.append(at)
    sent = run(TokenBucket(INTERVAL), arrivals)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            window = sent[last] - sent[first]
            assert last - first + 1 <= window / INTERVAL + 3 + 1e-6


def test_a_regular_stream_leaves_as_it_comes_for_hours() -> None:
    arrivals = [n * INTERVAL for n in range(3 * 3600 * 25)]
    sent = run(TokenBucket(INTERVAL), arrivals)
    assert max(s - a for s, a in zip(sent, arrivals, strict=True)) < 1e-6


def test_jitter_within_the_depth_is_passed_on_without_delay() -> None:
    arrivals = [n * INTERVAL + (0.03 if n % 3 == 0 else 0.0) for n in range(300)]
    sent = run(TokenBucket(INTERVAL), arrivals)
    assert all(s - a < 1e-9 for s, a in zip(sent, arrivals, strict=True) if a > 0.2)


def test_a_backlog_leaves_three_at_once_and_then_on_the_grid() -> None:
    sent = run(TokenBucket(INTERVAL), [1.0] * 6)
    assert [round(s - 1.0, 6) for s in sent] == [0, 0, 0, 0.04, 0.08, 0.12]


def test_a_new_connection_starts_with_a_full_bucket() -> None:
    bucket = TokenBucket(INTERVAL)
    run(bucket, [0.0] * 10)
    bucket.refill()
    assert bucket.ready_at <= 0.3
    assert bucket.spare(0.3)


def test_a_packet_is_to_spare_while_two_could_leave_at_once() -> None:
    bucket = TokenBucket(INTERVAL)
    run(bucket, [1.0] * 3)
    assert not bucket.spare(1.05)
    assert bucket.spare(1.08 + 1e-9)
    bucket.take(1.08)
    assert not bucket.spare(1.08)
