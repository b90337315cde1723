"""Numbers of sentences: one each, again after a reconnect, bounded for months."""

from __future__ import annotations

from agent.link.numbering import KEPT, Numbering


def test_sentences_are_numbered_in_the_order_they_begin() -> None:
    numbers = Numbering()
    assert [numbers.number(index, final=False) for index in (0, 1, 0, 2)] == [0, 1, 0, 2]
    assert [numbers.number(index, final=True) for index in (1, 0, 2)] == [1, 0, 2]
    assert numbers.number(3, final=True) == 3


def test_a_sentence_that_was_not_final_gets_its_number_again() -> None:
    numbers = Numbering()
    numbers.number(0, final=True)
    assert numbers.number(1, final=False) == 1
    numbers.new_connection()
    assert numbers.number(0, final=True) == 1


def test_a_new_session_begins_with_0() -> None:
    numbers = Numbering()
    numbers.number(0, final=True)
    numbers.new_session()
    assert numbers.number(0, final=False) == 0


def test_months_of_sentences_are_not_remembered() -> None:
    numbers = Numbering()
    assert [numbers.number(i, final=True) for i in range(1000)] == list(range(1000))
    assert len(numbers._numbers) <= KEPT


def test_sentences_without_end_that_are_never_final_cost_no_more_than_one() -> None:
    numbers = Numbering()
    assert [numbers.number(i, final=False) for i in range(5000)] == list(range(5000))
    assert len(numbers._numbers) <= KEPT
