"""What may only be forgotten when its final is on the disk."""

from __future__ import annotations

from functools import partial

from agent.pipeline.finals import MOST, Finals


def test_a_call_waits_for_its_final_or_a_later_one() -> None:
    finals, made = Finals(), list[str]()
    for name in ("s-0", "s-1", "s-1", "s-2"):
        finals.after(name, partial(made.append, name))
    finals.saved("other-0")
    assert made == []
    finals.saved("s-1")
    assert made == ["s-0", "s-1", "s-1"]
    finals.saved("s-2")
    assert made[-1] == "s-2"


def test_a_disk_may_be_quicker_than_who_waits_for_it() -> None:
    finals, made = Finals(), list[str]()
    finals.saved("s-0")
    finals.after("s-0", partial(made.append, "s-0"))
    assert made == ["s-0"]


def test_what_waits_is_bounded() -> None:
    finals, made = Finals(), list[int]()
    for number in range(MOST + 5):
        finals.after(f"s-{number}", partial(made.append, number))
    assert made == [0, 1, 2, 3, 4]
