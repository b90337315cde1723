"""Limits over time."""

from __future__ import annotations

from agent.emulator.limits import Once, RateLimit


def test_a_rate_is_counted_in_a_window_that_slides() -> None:
    limit = RateLimit(2)
    assert [limit.take(now) for now in (0, 900, 999)] == [True, True, False]
    assert limit.take(1_000)
    assert not limit.take(1_899)
    assert limit.take(1_900)


def test_things_serve_once_until_they_are_forgotten() -> None:
    once = Once(keep_ms=100)
    assert once.take("a", 0)
    assert not once.take("a", 99)
    assert once.take("b", 99)
    assert once.take("a", 100)
    assert not once.take("b", 100)
