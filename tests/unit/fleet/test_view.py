"""What of a fleet is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.fleet.roster import BEFORE, MAX_DEVICES, Roster
from agent.fleet.table import Entry, entries, summary
from agent.fleet.view import ORDERS, View
from agent.report.signals import Incoming
from tests.unit.fleet.air import heard, kept

UTC0 = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def fleet() -> list[Entry]:
    """a is away, b well, c hot, d silent."""
    roster, messages = Roster("dragoman"), list[tuple[float, Incoming]]()
    for at, name in enumerate("abcd"):
        state = {"state": "idle", "version": f"0.{at % 2}", "service": "own"}
        messages.append((at, kept(f"{name}/state", state)))
        messages.append((at, kept(f"{name}/status", b"offline" if name == "a" else b"online")))
    messages.append((10, heard("b/telemetry", {"cpu_percent": 3})))
    messages.append((11, heard("c/telemetry", {"temperature_c": 90})))
    for at_s, message in messages:
        roster.take(message, at_s, UTC0 + timedelta(seconds=at_s))
    return entries(roster, 20.0, UTC0 + timedelta(seconds=20))


def names(view: View) -> str:
    return "".join(entry.device.id for entry in view.of(fleet()))


def test_all_by_name() -> None:
    assert names(View()) == "abcd"


def test_only_the_unwell() -> None:
    assert names(View(unwell=True)) == "acd"


@pytest.mark.parametrize(
    ("patterns", "found"), [(("a",), "a"), (("[bc]",), "bc"), (("x*", "d"), "d"), (("A",), "")]
)
def test_only_those_whose_names_fit(patterns: tuple[str, ...], found: str) -> None:
    assert names(View(patterns)) == found


def test_all_conditions_hold() -> None:
    assert names(View(("[abc]",), unwell=True)) == "ac"


@pytest.mark.parametrize(
    ("order", "found"),
    [("name", "abcd"), ("health", "acdb"), ("seen", "cbda"), ("version", "acbd")],
)
def test_orders(order: str, found: str) -> None:
    assert names(View(order=order)) == found
    assert set(ORDERS) >= {order}


def test_the_summary_is_of_all_and_says_how_many_are_shown() -> None:
    assert summary(fleet(), 0, 3) == "4 devices: 1 ok, 1 warn, 2 fault; 3 shown"
    assert summary(fleet(), 0, 4) == "4 devices: 1 ok, 1 warn, 2 fault"


def test_a_roster_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.fleet.roster.MAX_DEVICES", 3)
    assert MAX_DEVICES > 10_000
    roster = Roster("dragoman")
    for number in range(5):
        roster.take(kept(f"d{number}/status", b"online"), 0.0, UTC0)
    assert (len(roster), roster.ignored) == (3, 2)
    roster.take(kept("d0/status", b""), 0.0, UTC0)
    roster.take(kept("d4/status", b"online"), 0.0, UTC0)
    assert list(roster.devices) == ["d1", "d2", "d4"]


def test_of_the_telemetry_before_only_what_is_compared_is_kept() -> None:
    roster = Roster("dragoman")
    for count in (1, 2):
        numbers = dict.fromkeys((*BEFORE, "cpu_percent", "outbox"), count)
        roster.take(heard("a/telemetry", numbers), 0.0, UTC0)
    assert roster.devices["a"].before == dict.fromkeys(BEFORE, 1)
