from __future__ import annotations

import random

from agent.report.reconnect import STEADY_S, Reconnect, Timers
from agent.report.signals import Down

LOST = Down("Connection refused")


def test_waits_grow_within_their_bounds() -> None:
    policy = Reconnect(1.0, 30.0, random.Random(1))
    waits = [policy.down(LOST, 0.0) for _ in range(200)]
    assert all(1.0 <= wait <= 30.0 for wait in waits)
    assert max(waits[:2]) <= 3.0
    assert max(waits[:3]) <= 4.0
    assert max(waits) > 25.0
    assert len(set(waits)) > 100  # jitter


def test_a_refusal_waits_longest() -> None:
    assert Reconnect(1.0, 30.0, random.Random()).down(Down("no", refused=True), 0.0) == 30.0


def test_only_a_steady_connection_starts_over() -> None:
    policy = Reconnect(1.0, 30.0, random.Random(2))
    for _ in range(20):
        policy.up(0.0)
        late = policy.down(LOST, STEADY_S - 1)
    assert late > 2.0
    policy.up(0.0)
    assert policy.down(LOST, STEADY_S) <= 2.0


def test_a_fleet_that_lost_its_broker_at_one_moment_does_not_come_back_at_one_moment() -> None:
    first = {Reconnect(1.0, 30.0, random.Random(n)).down(LOST, 0.0) for n in range(100)}
    assert len(first) == 100
    assert max(first) - min(first) > 0.9


def test_the_same_reason_is_news_once_for_each_connection() -> None:
    policy = Reconnect(1.0, 30.0, random.Random())
    assert [policy.is_news(LOST) for _ in range(3)] == [True, False, False]
    assert policy.is_news(Down("timed out"))
    policy.up(0.0)
    assert policy.is_news(Down("timed out"))


def test_timers_run_once_when_due() -> None:
    timers, calls = Timers(), list[str]()

    def one() -> None:
        calls.append("one")

    def two() -> None:
        calls.append("two")

    timers.set(one, 5.0)
    timers.set(two, 3.0)
    timers.set(one, 4.0)
    assert timers.wait(1.0, 10.0) == 2.0
    assert timers.wait(1.0, 0.5) == 0.5
    timers.run(3.5)
    assert calls == ["two"]
    assert one in timers
    assert two not in timers
    assert timers.wait(9.0, 10.0) == 0.0
    timers.run(9.0)
    timers.run(9.0)
    assert calls == ["two", "one"]
    timers.set(one, 1.0)
    timers.clear()
    assert timers.wait(5.0, 10.0) == 10.0
