"""Who is guilty when a broker hangs up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.report.suspects import Suspects


def test_who_was_there_twice_is_sent_alone_and_is_then_known() -> None:
    suspects = Suspects()
    assert suspects.lost([1, 2, 3]) is None
    assert not suspects.alone
    assert suspects.lost([1, 2, 3]) is None
    assert suspects.alone
    for _ in range(2):
        suspects.connected()
        suspects.answered("status")
        suspects.answered(1)
        guilty = suspects.lost([2])
    assert guilty == 2
    assert suspects.alone, "the third may be another one"
    suspects.answered(3)
    assert not suspects.alone


def test_losses_that_are_not_in_a_row_mean_nothing() -> None:
    suspects = Suspects()
    for flight in ([1, 2], [3], [1, 2], [3]):
        suspects.lost(flight)
        assert not suspects.alone


def test_a_broker_that_answers_nothing_is_ill_itself() -> None:
    suspects = Suspects()
    for _ in range(20):
        suspects.connected()
        assert suspects.lost(["status"]) is None
    assert list(suspects.last) == ["status"], "others first, to have it answer something"


@given(st.lists(st.tuples(st.sets(st.integers(0, 5), min_size=1), st.booleans()), max_size=40))
def test_who_was_answered_is_never_guilty(story: list[tuple[set[int], bool]]) -> None:
    suspects = Suspects()
    since: dict[int, int] = {}  # losses since it was last answered
    for flight, answered in story:
        suspects.connected()
        if answered:
            for key in flight:
                suspects.answered(key)
                since[key] = 0
            continue
        suspects.alive()
        sent = [min(flight)] if suspects.alone else sorted(flight)
        for key in sent:
            since[key] = since.get(key, 0) + 1
        guilty = suspects.lost(sent)
        if guilty is not None:
            assert sent == [guilty]
            assert since[guilty] >= 3
            since[guilty] = 0
