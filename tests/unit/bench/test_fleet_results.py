"""What the run of a fleet on a cluster counts, and when it has failed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.fleet.backend import Heard, Order
from tests.fleet.devices import Told
from tests.fleet.results import BACK_S, BEGIN, END, SPREAD, Outcome, Step, failures, rows, write

SHARES = {"one": 3, "two": 3, "three": 3}


def outcome(**changed: Told) -> Outcome:
    """Two devices: each says a final before and after the kill at 10 s; a is away for 3 s."""
    told = {
        "a": Told([1.0, 11.0], [(10.5, 13.5)], {"c1": 1}),
        "b": Told([2.0, 12.0], [], {"c2": 2}),
    } | changed
    heard = Heard(
        finals=Counter({("a", 0): 1, ("a", 1): 2, ("b", 0): 1, ("b", 1): 1}),
        orders={
            "c1": Order("a", 3.0, 1, 3.0, 3.1),
            "c2": Order("b", 11.0, 2, 16.0, 16.2),
        },
    )
    steps = [Step("start", 0.0, 10.0, SHARES), Step("kill", 10.0, 20.0, SHARES)]
    return Outcome(steps, told, dict.fromkeys(told, "here"), heard, ((1, 2), (3, 4)), 20.0)


def test_everything_belongs_to_the_step_it_happened_in() -> None:
    start, kill = rows(outcome())
    assert (start.finals, start.lost, start.twice, start.gaps) == (2, 0, 0, [])
    assert (start.commands, start.at_once, start.again, start.never) == (1, 1, 0, 0)
    assert (kill.finals, kill.lost, kill.twice, kill.gaps) == (2, 0, 1, [3.0])
    assert (kill.commands, kill.at_once, kill.again, kill.never) == (1, 0, 1, 0)
    assert failures(outcome()) == []


def test_a_final_nobody_got_is_lost_unless_it_waits_in_the_outbox() -> None:
    lost = outcome(a=Told([1.0, 11.0, 14.0], [], {}))
    assert failures(lost) == ["1 finals were lost"]
    waits = outcome(a=Told([1.0, 11.0, 14.0], [], {}, waiting=1))
    assert failures(waits) == ["1 finals are still in an outbox"]


@pytest.mark.parametrize("back", [None, 10.5 + BACK_S + 1])
def test_who_is_away_for_too_long_is_a_failure(back: float | None) -> None:
    found = failures(outcome(a=Told([1.0, 11.0], [(10.5, back)], {})))
    assert any("away" in words for words in found)


def test_unanswered_commands_forgeries_and_a_lonely_node_are_failures() -> None:
    bad = outcome()
    bad.heard.orders["c3"] = Order("a", 5.0, 3, 9.0)
    bad.heard.forged = 1
    bad.steps.append(Step(SPREAD, 20.0, 30.0, {"one": 5, "two": 4, "three": 0}))
    words = " ".join(failures(bad))
    for expected in ("never answered", "something else under a known id", "not spread"):
        assert expected in words


def test_the_page_gets_the_table_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        write(page, outcome())
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n\n| what happens |")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert text.count("| kill |") == 1
