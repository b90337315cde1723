"""How fast a page may ask."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.web.budget import Budget


def test_a_burst_and_then_the_rate() -> None:
    budget = Budget(10, 3, now=100.0)
    assert [budget.spend(100.0) for _ in range(4)] == [True, True, True, False]
    assert not budget.spend(100.05)
    assert budget.spend(100.15)
    assert [budget.spend(500.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 5), max_size=200))
def test_never_more_than_burst_and_rate_together(pauses: list[float]) -> None:
    budget, now, spent = Budget(10, 5, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        spent += budget.spend(now)
        assert spent <= 5 + 10 * now + 1e-6
