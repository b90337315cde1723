"""Answers come true when their final is on the disk, and not before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.events import Pair, Stretch, Unanswered
from agent.pipeline.crash.held import MOST, Held

PAIR = Pair("en", "es")


def take(start: int, end: int | None = None) -> Stretch:
    return Stretch(start, end, PAIR)


def test_a_gate_that_opens_and_closes_is_known_at_once() -> None:
    held = Held()
    held.keep(Unanswered((take(10),), resume=10, session="s"))
    assert held.unanswered == Unanswered((take(10),), resume=10, session="s")
    held.keep(Unanswered((take(10, 50),), resume=10, session="s"))
    assert held.unanswered.takes == (take(10, 50),)


def test_an_answer_counts_when_its_final_is_on_the_disk() -> None:
    held = Held()
    held.keep(Unanswered((take(10, 50),), resume=10))
    held.keep(Unanswered((), resume=50, covered=50, number=1, session="s", final=0))
    left = Unanswered((take(10, 50),), resume=10, covered=50, number=1, session="s")
    assert held.unanswered == left
    assert not held.saved("s-1")
    assert held.saved("s-0")
    assert held.unanswered == Unanswered((), resume=50, covered=50, number=1, session="s")
    assert not held.saved("s-0")


def test_a_press_does_not_wait_for_the_final_before_it() -> None:
    held = Held()
    held.keep(Unanswered((take(10, 50),), resume=10))
    held.keep(Unanswered((), resume=50, final=0, session="s"))
    held.keep(Unanswered((take(60),), resume=60))
    assert [t.start for t in held.unanswered.takes] == [10, 60]
    assert held.unanswered.resume == 10
    held.saved("s-0")
    assert [t.start for t in held.unanswered.takes] == [60]
    assert held.unanswered.resume == 60


def test_one_saved_says_that_those_before_it_are() -> None:
    held = Held()
    held.keep(Unanswered((take(0),), resume=0))
    for number in range(4):
        held.keep(Unanswered((take(0),), resume=10 * number, final=number, session="s"))
    held.saved("s-2")
    assert held.unanswered.resume == 20


def test_what_waits_is_bounded_and_still_right() -> None:
    held = Held()
    for number in range(2 * MOST):
        start = 10 * number
        held.keep(Unanswered((take(start),), resume=start))
        held.keep(Unanswered((), resume=start + 10, final=number, session="s"))
    held.saved(f"s-{2 * MOST - 1}")
    assert held.unanswered.takes == ()


@given(st.lists(st.sampled_from(["open", "close", "final", "save", "settle"]), max_size=40))
def test_no_take_is_forgotten_before_its_final_is_saved(story: list[str]) -> None:
    """Takes of 10 packets; each final answers all that was closed."""
    held, head, number, saved = Held(), 0, 0, 0
    takes: list[Stretch] = []
    answered: dict[int, list[Stretch]] = {}  # final -> what it answered
    for what in story:
        head += 10
        final = None
        if what == "open" and not (takes and takes[-1].end is None):
            takes.append(take(head))
        elif what == "close" and takes and takes[-1].end is None:
            takes[-1] = take(takes[-1].start, head)
        elif what == "final":
            answered[number] = [t for t in takes if t.end is not None]
            takes = [t for t in takes if t.end is None]
            final, number = number, number + 1
        elif what == "save" and saved < number:
            held.saved(f"s-{saved}")
            saved += 1
            continue
        resume = takes[0].start if takes else head
        held.keep(Unanswered(tuple(takes), resume=resume, session="s", final=final))
        unsaved = [t for n, ts in answered.items() if n >= saved for t in ts]
        assert {t.start for t in held.unanswered.takes} == {t.start for t in unsaved + takes}
        starts = [t.start for t in unsaved + takes]
        assert held.unanswered.resume <= min(starts, default=head)
