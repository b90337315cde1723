"""The roster: what each message teaches, and what strangers cannot do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import __version__
from agent.fleet import table
from agent.fleet.health import LIMITS
from agent.fleet.roster import MAX_PAYLOAD, Device, Roster, State
from agent.printable import printable
from agent.report import payloads
from agent.report.signals import Incoming
from agent.report.telemetry import Telemetry
from tests.unit.fleet.air import heard, kept

UTC0 = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def roster(*messages: Incoming, root: str = "dragoman") -> Roster:
    """A roster that was told these, a second apart."""
    made = Roster(root)
    for second, message in enumerate(messages):
        made.take(message, float(second), UTC0 + timedelta(seconds=second))
    return made


def only(*messages: Incoming) -> Device:
    [device] = roster(*messages).devices.values()
    return device


def test_a_device_is_put_together_from_its_topics() -> None:
    state = payloads.state("idle", service="youdao", source="zh", target="en", since="x")
    device = only(kept("bar-2/status", b"online"), kept("bar-2/state", state))
    assert device.id == "bar-2"
    assert device.online
    assert device.state is not None
    assert (device.state.state, device.state.service) == ("idle", "youdao")
    assert device.state.version == __version__


def test_a_number_no_float_can_hold_does_no_harm() -> None:
    huge = b'{"x": ' + b"9" * 400 + b', "y": 1}'
    assert only(heard("a/telemetry", huge)).telemetry == {"y": 1}


def test_telemetry_is_kept_with_the_one_before() -> None:
    first, second = {"uptime_s": 1, "x": 1}, {"uptime_s": 2, "x": 2}
    device = only(heard("a/telemetry", first), heard("a/telemetry", second | {"new": "word"}))
    assert (device.before, device.telemetry, device.measured) == ({"uptime_s": 1}, second, 1.0)


def test_what_a_device_publishes_is_understood_whole() -> None:
    numbers = Telemetry(0.0).snapshot(9.0)
    device = only(heard("a/telemetry", payloads.encode(numbers)))
    assert device.telemetry == json.loads(payloads.encode(numbers))


def test_devices_are_sorted_and_named_in_any_script() -> None:
    names = ["厨房", "b", "küche", "a"]
    assert list(roster(*(kept(f"{n}/status", b"online") for n in names)).devices) == sorted(names)


def test_the_root_may_have_several_levels() -> None:
    message = Incoming("home/voice/a/status", b"online", True)
    assert list(roster(message, root="home/voice").devices) == ["a"]
    assert Roster("home/voice").topics == [
        "home/voice/+/status",
        "home/voice/+/state",
        "home/voice/+/telemetry",
    ]


def test_it_is_complete_with_telemetry_of_all_that_are_online() -> None:
    made = roster(kept("a/status", b"online"), kept("b/status", b"offline"))
    assert not made.complete()
    made.take(heard("a/telemetry", {}), 5.0, UTC0)
    assert made.complete()


def test_who_is_wiped_from_the_broker_is_forgotten() -> None:
    made = roster(kept("a/status", b"offline"), kept("b/status", b"online"), heard("a/state", b""))
    assert list(made.devices) == ["b"]


# --- last seen -------------------------------------------------------------------------------


def test_one_that_is_away_was_last_seen_when_its_state_began() -> None:
    began = UTC0 - 3 * HOUR
    state = payloads.state("idle", since=began.isoformat())
    device = only(kept("a/status", b"offline"), kept("a/state", state))
    assert device.last_seen(UTC0) == began


def test_the_broker_vouches_for_one_that_is_online() -> None:
    state = payloads.state("idle", since=(UTC0 - 3 * HOUR).isoformat())
    device = only(kept("a/status", b"online"), kept("a/state", state))
    assert device.last_seen(UTC0 + HOUR) == UTC0


def test_a_message_is_a_sign_of_life_and_so_is_its_last_word() -> None:
    device = only(kept("a/status", b"online"), heard("a/telemetry", {}))
    assert device.last_seen(UTC0 + HOUR) == UTC0 + timedelta(seconds=1)
    device = only(kept("a/status", b"online"), heard("a/status", b"offline"))
    assert device.last_seen(UTC0 + HOUR) == UTC0 + timedelta(seconds=1)


@pytest.mark.parametrize("since", ["", "yesterday", "0001-01-01T00:00:00+14:00", None])
def test_a_time_nobody_can_read_is_none(since: str | None) -> None:
    state = payloads.state("idle", since=since)
    assert only(kept("a/status", b"offline"), kept("a/state", state)).last_seen(UTC0) is None


def test_a_clock_that_is_ahead_has_seen_nothing() -> None:
    state = payloads.state("idle", since=(UTC0 + 9 * HOUR).isoformat())
    assert only(kept("a/status", b"offline"), kept("a/state", state)).last_seen(UTC0) is None


# --- strangers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        heard("a/status", b"Online"),
        heard("a/status", {"status": "online"}),
        heard("a/state", b"idle"),
        heard("a/state", {"state": 3}),
        heard("a/state", {"service": "youdao"}),
        heard("a/state", {"state": "idle", "muted": "no"}),
        heard("a/state", b'{"state": "\xff"}'),
        heard("a/state", b"[" * 50_000),
        heard("a/telemetry", [1]),
        heard("a/telemetry", b""),
        heard("a/telemetry", b'{"a": ' + b"[" * 50_000),
        heard("a/telemetry", b'{"a": 1e999}'),
        heard("a/telemetry", b'{"a": "' + b"x" * MAX_PAYLOAD + b'"}'),
        heard("/status", b"online"),
        heard("a b/status", b"online"),
        heard("$SYS/status", b"online"),
    ],
)
def test_what_no_dragoman_sends_is_counted_and_ignored(message: Incoming) -> None:
    made = roster(message)
    assert made.devices == {}
    assert made.ignored == 1


def test_it_does_not_change_what_is_known() -> None:
    made = roster(
        kept("a/status", b"online"), heard("a/status", b"?"), heard("a/telemetry", {"t": "hot"})
    )
    assert made.ignored == 1
    assert made.devices["a"].online
    assert made.devices["a"].telemetry == {}


@pytest.mark.parametrize("topic", ["a/transcript", "a/command", "a/event", "a", "", "a/b/status"])
def test_other_topics_are_other_peoples_business(topic: str) -> None:
    made = roster(heard(topic, b"online"))
    assert (made.devices, made.ignored) == ({}, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = st.sampled_from([*State.__struct_fields__, *(limit.key for limit in LIMITS)]) | (
    st.sampled_from(["uptime_s", "lost_packets", "packets_sent", "reconnects", "level_dbfs"])
)
BODIES = st.one_of(
    st.binary(max_size=50),
    st.sampled_from([b"online", b"offline"]),
    st.dictionaries(KEYS, JSON).map(json.dumps).map(str.encode),
)


@given(st.lists(st.tuples(st.sampled_from(["status", "state", "telemetry"]), BODIES), max_size=8))
def test_nothing_anybody_sends_breaks_the_table(sent: list[tuple[str, bytes]]) -> None:
    made = roster(*(heard(f"a/{kind}", body) for kind, body in sent))
    entries = table.entries(made, 99.0, UTC0)
    for line in table.lines(entries, 80):
        assert line.text == printable(line.text)
    objects: list[Any] = [table.as_json(entry) for entry in entries]
    assert json.loads(json.dumps(objects)) == objects
