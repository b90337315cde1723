"""The verdict on a device, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.fleet.health import LIMITS, STALE_S, Finding, age, examine
from agent.fleet.roster import Device, State

NOW, UTC0 = 1000.0, datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WELL = {
    "packets_sent": 90_000,
    "lost_packets": 0,
    "reconnects": 2,
    "overruns": 0,
    "backlog_ms": 80,
    "round_trip_ms": 43.0,
    "level_dbfs": -41.0,
    "cpu_percent": 6.1,
    "temperature_c": 51.2,
    "outbox": 0,
    "uptime_s": 3600.0,
}


def device(*, state: str = "idle", since: str | None = None, **changes: Any) -> Device:
    fields: dict[str, Any] = {"online": True, "telemetry": WELL, "measured": NOW - 3}
    spoken = State(state, service="youdao", since=since)
    return Device("a", NOW - 100, state=spoken, **(fields | changes))


def measured(before: dict[str, float] | None = None, **numbers: float) -> Device:
    return device(telemetry=WELL | numbers, before={} if before is None else WELL | before)


def found(value: Device) -> list[Finding]:
    return list(examine(value, NOW, UTC0).findings)


def test_all_is_well() -> None:
    health = examine(device(), NOW, UTC0)
    assert (health.verdict, health.findings) == ("ok", ())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (device(online=False), ("fault", "offline", "not connected to the broker")),
        (device(state="offline"), ("fault", "cloud", "no connection to youdao")),
        (
            device(state="fault"),
            ("fault", "fault", "its microphone or its service fails: see its log"),
        ),
        (device(measured=NOW - 75), ("warn", "telemetry", "no telemetry for 1 min")),
        (device(measured=None), ("warn", "telemetry", "no telemetry for 1 min")),
        (measured(temperature_c=75), ("warn", "temperature_c", "the board is at 75 °C")),
        (measured(temperature_c=85.2), ("fault", "temperature_c", "the board is at 85 °C")),
        (measured(backlog_ms=6400), ("warn", "backlog_ms", "sends 6.4 s behind")),
        (measured(outbox=240), ("warn", "outbox", "240 messages wait for the broker")),
        (measured(cpu_percent=97.5), ("warn", "cpu_percent", "CPU at 98 %")),
        (
            measured(round_trip_ms=1800),
            ("warn", "round_trip_ms", "the service answers pings after 1.8 s"),
        ),
        (measured(reconnects=12), ("warn", "reconnects", "connects anew 12 times an hour")),
        (
            measured(overruns=20, uptime_s=1800),
            ("warn", "overruns", "40 overruns of the microphone an hour"),
        ),
        (
            measured(lost_packets=10_000),
            ("warn", "lost", "10.0 % of its speech was lost since its start"),
        ),
        (
            measured({"lost_packets": 5, "uptime_s": 3590.0}, lost_packets=30),
            ("fault", "lost", "loses speech: 1.0 s just now"),
        ),
        (
            measured({"level_dbfs": -96.0}, level_dbfs=-96.0),
            ("warn", "level", "the microphone is silent (-96 dBFS)"),
        ),
    ],
)
def test_what_is_wrong_is_said(value: Device, expected: tuple[str, str, str]) -> None:
    assert found(value) == [Finding(*expected)]  # type: ignore[arg-type]
    assert examine(value, NOW, UTC0).verdict == expected[0]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.key)
def test_a_limit_counts_from_itself_on(limit: Any) -> None:
    assert found(measured(**{limit.key: limit.warn - 0.1})) == []
    assert [f.verdict for f in found(measured(**{limit.key: limit.warn}))] == ["warn"]
    if limit.fault is not None:
        assert [f.verdict for f in found(measured(**{limit.key: limit.fault}))] == ["fault"]


@pytest.mark.parametrize(
    "value",
    [
        device(measured=NOW - STALE_S),
        measured(reconnects=2, uptime_s=60.0),  # a few may be chance
        measured(lost_packets=100),  # 0.1 % since its start
        measured({"lost_packets": 100}, lost_packets=100),
        measured({"lost_packets": 0, "uptime_s": 9000.0}, lost_packets=9),  # started anew
        measured({"level_dbfs": -40.0}, level_dbfs=-96.0),  # a pause
        measured(level_dbfs=-96.0),  # only one reading
        device(telemetry={}),
        device(since=(UTC0 + timedelta(seconds=59)).isoformat()),
    ],
)
def test_what_is_no_reason_to_worry(value: Device) -> None:
    assert found(value) == []


def test_a_clock_that_is_ahead_is_named() -> None:
    ahead = device(since=(UTC0 + timedelta(hours=2)).isoformat())
    assert found(ahead) == [Finding("warn", "clock", "its clock is 2 h ahead")]


def test_the_worst_counts_and_all_are_told() -> None:
    health = examine(measured(outbox=240, temperature_c=90), NOW, UTC0)
    assert health.verdict == "fault"
    assert [finding.name for finding in health.findings] == ["temperature_c", "outbox"]


def test_what_one_that_is_away_said_before_is_history() -> None:
    away = device(online=False, telemetry=WELL | {"temperature_c": 99}, measured=0.0)
    assert [finding.name for finding in found(away)] == ["offline"]


def test_one_that_has_said_nothing_but_online() -> None:
    new = Device("a", NOW, online=True)
    assert found(new) == [Finding("warn", "state", "has not said its state")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (3e5, "3 d")],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_who_has_said_nothing_at_all_is_unwell_and_who_measures_is_there() -> None:
    """A broker may keep nothing of it."""
    value = Device("a", 0.0)
    assert {finding.name for finding in found(value)} >= {"status", "state"}
    value.telemetry, value.measured = {"cpu_percent": 3}, NOW
    assert found(value) == []
