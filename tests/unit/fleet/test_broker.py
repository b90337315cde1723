"""When everything the broker keeps has come, and its address."""

from __future__ import annotations

import pytest

from agent.config.schema import Mqtt
from agent.fleet.broker import FIRST_S, QUIET_S, address, gather
from agent.fleet.roster import Roster
from tests.unit.fleet.air import Air, heard, kept


@pytest.fixture
def air() -> Air:
    return Air()


def gathered(air: Air, wait_s: float) -> Roster:
    roster = Roster("dragoman")
    gather(air, roster, air.clock, wait_s, roster.complete)
    return roster


def test_a_fleet_that_is_away_is_known_at_once(air: Air) -> None:
    air.due(0.1, kept("a/status", b"offline"), kept("b/status", b"offline"))
    assert list(gathered(air, 16).devices) == ["a", "b"]
    assert air.clock.now() == pytest.approx(0.1 + QUIET_S)


def test_what_the_broker_keeps_is_waited_for_as_long_as_it_comes(air: Air) -> None:
    for number in range(20):
        air.due(number * 0.4, kept(f"d{number}/status", b"offline"))
    assert len(gathered(air, 0).devices) == 20


def test_a_slow_line_gets_more_time_for_its_first_message(air: Air) -> None:
    air.due(FIRST_S - 0.1, kept("a/status", b"offline"))
    assert len(gathered(air, 0).devices) == 1


def test_where_nothing_is_kept_telemetry_is_listened_for(air: Air) -> None:
    """RabbitMQ gives nothing that it keeps to who asks for all devices."""
    air.due(9, heard("a/telemetry", {"x": 1}))
    assert list(gathered(air, 16).devices) == ["a"]
    assert air.clock.now() == pytest.approx(16)


def test_an_empty_broker_is_not_waited_for_longer_than_wanted(air: Air) -> None:
    assert not gathered(air, 0).devices
    assert air.clock.now() == pytest.approx(FIRST_S)


def test_telemetry_of_all_that_are_online_is_waited_for(air: Air) -> None:
    air.due(0, kept("a/status", b"online"), kept("b/status", b"online"))
    air.due(3, heard("a/telemetry", {"x": 1}))
    air.due(7, heard("b/telemetry", {"x": 2}))
    air.due(8, heard("b/telemetry", {"x": 3}))
    assert gathered(air, 16).devices["b"].telemetry == {"x": 2}
    assert air.clock.now() == pytest.approx(7)


def test_but_not_longer_than_wanted(air: Air) -> None:
    air.due(0, kept("a/status", b"online"))
    air.due(7, heard("a/telemetry", {"x": 1}))
    assert gathered(air, 4).devices["a"].telemetry == {}
    assert air.clock.now() == pytest.approx(4)


def test_a_busy_fleet_does_not_keep_it_from_ending(air: Air) -> None:
    air.due(0, kept("a/status", b"online"))
    for number in range(100):
        air.due(number * 0.1, heard("b/telemetry", {"x": number}))
    gathered(air, 2)
    assert air.clock.now() == pytest.approx(2)


@pytest.mark.parametrize(
    ("host", "text"), [("10.0.0.7", "10.0.0.7:1883"), ("::1", "[::1]:1883"), ("b", "b:1883")]
)
def test_addresses(host: str, text: str) -> None:
    assert address(Mqtt(host=host)) == text
