"""The plots and counters of the telemetry."""

from __future__ import annotations

from typing import Any

import pytest

from agent.cli.live.paint import DIM, STRONG_WARN, Line, Signs, width
from agent.cli.live.vitals import Vitals

GOOD = {
    "round_trip_ms": 12.34,
    "websocket_round_trip_ms": 99,
    "pacing_error_p99_ms": 0.3,
    "backlog_ms": 0,
    "reconnects": 0,
    "lost_packets": 0,
    "underruns": 2,
    "overruns": 0,
}


def vitals(*seconds: dict[str, Any], connected: bool = True) -> Vitals:
    made = Vitals()
    for second, telemetry in enumerate(seconds):
        made.add(second, telemetry, connected=connected)
    return made


def text(line: Line) -> str:
    return "".join(part for part, _ in line)


def names(made: Vitals, room: int = 78) -> str:
    return text(made.plots(room, Signs())[0])


def test_names_values_and_plots_stand_below_each_other() -> None:
    above, below = map(text, vitals(GOOD, GOOD | {"backlog_ms": 1000}).plots(78, Signs()))
    assert above == "round trip 12 ms           pacing error 0.3 ms        backlog 1000 ms         "
    assert below.split() == ["▂", "▁", "█"], "three seconds a column"
    assert below.index("█") > above.index("backlog")


def test_a_service_without_a_ping_of_its_own_has_the_one_of_its_connection() -> None:
    assert names(vitals({"websocket_round_trip_ms": 99.0})).startswith("round trip 99 ms")


def test_what_is_not_known_is_no_zero() -> None:
    assert names(vitals({})).split() == ["round", "trip", "–", "ms", "pacing", "error", "–", "ms",
                                         "backlog", "–", "ms"]  # fmt: skip
    assert names(Vitals()).startswith("round trip – ms")


def test_a_lost_connection_has_no_round_trip() -> None:
    assert names(vitals(GOOD, connected=False)).startswith("round trip – ms")
    assert "0.3 ms" in names(vitals(GOOD, connected=False))


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (63, "round trip 12 ms      pacing error 0.3 ms   backlog 0 ms"),
        (62, "round trip 12 ms     pacing 0.3 ms        backlog 0 ms"),
        (50, "trip 12 ms       pacing 0.3 ms    backlog 0 ms"),
        (40, "trip 12 ms    pacing 0.3    backlog 0"),
    ],
)
def test_names_become_short_where_there_is_little_room(room: int, expected: str) -> None:
    assert names(vitals(GOOD), room).rstrip() == expected.rstrip()


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (78, "reconnects 0   lost 0   underruns 2   overruns 0"),
        (45, "reconnects 0  lost 0  underruns 2  overruns 0"),
        (40, "reconn 0  lost 0  under 2  over 0"),
        (32, "reconn 0 lost 0 under 2 over 0"),
    ],
)
def test_the_counters(room: int, expected: str) -> None:
    assert text(vitals(GOOD).counters(room)) == expected


def test_a_counter_that_is_not_zero_stands_out() -> None:
    line = vitals(GOOD).counters(78)
    assert ("2", STRONG_WARN) in line
    assert ("0", DIM) in line


def test_the_plots_fit() -> None:
    made = vitals(*[dict.fromkeys(GOOD, 60_000.0)] * 70)
    for room in range(38, 200):
        assert all(width(line) <= room for line in made.plots(room, Signs())), room


def test_each_second_is_a_new_version() -> None:
    made = vitals(GOOD)
    version = made.version
    made.add(1, GOOD, connected=True)
    assert made.version > version
