"""Fault plans: read strictly, struck once, garbage the same for a seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.emulator.faults import Armed, Fault, for_request, read_faults
from agent.emulator.garbage import garbage, garbage_body
from agent.errors import UsageError


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return tmp_path / "faults.yaml"


def test_a_plan_is_read(plan: Path) -> None:
    plan.write_text("""
- {connection: 1, after_audio_ms: 2000, do: reset}
- {connection: any, do: freeze, for_ms: 10}
- {do: http, status: 429, body: slow down}
- {after_messages: 3, do: error, code: 7, msg: too bad}
""")
    assert read_faults(plan) == (
        Fault("reset", connection=1, after_audio_ms=2_000),
        Fault("freeze", for_ms=10),
        Fault("http", status=429, body="slow down"),
        Fault("error", after_messages=3, code=7, msg="too bad"),
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{}", "at least `do`"),
        ("reset", "at least `do`"),
        ("{do: rest}", "did you mean 'reset'"),
        ("{do: [reset]}", "do: unknown"),
        ("{do: reset, after: 3}", "unknown key 'after'"),
        ("{do: reset, code: 3}", "reset: unknown key 'code'"),
        ("{do: http, after_ms: 3}", "http: unknown key 'after_ms'"),
        ("{do: reset, after_ms: 1, after_messages: 2}", "after_ms and after_messages exclude"),
        ("{do: reset, after_ms: -1}", "after_ms: expected a whole number"),
        ("{do: reset, after_ms: 1.5}", "after_ms: expected a whole number"),
        ("{do: reset, connection: 0}", "connection: expected a whole number 1"),
        ("{do: reset, connection: all}", "connection: expected a whole number 1"),
        ("{do: close, code: 200}", "code: expected a whole number 1000 to 4999"),
        ("{do: close, msg: 3}", "msg: expected a text"),
        ("{do: error, msg: no}", "msg: expected a text, got False"),
        (f"{{do: close, msg: {'x' * 121}}}", "longer than 120 bytes"),
        ("{do: error, code: 0}", "0 means success"),
        ("{do: http, status: 200}", "status: expected a whole number 300 to 599"),
        ("{do: garbage, count: 0}", "count: expected a whole number 1"),
        ("{do: reset, request: 0}", "request: expected a whole number 1"),
        ("{do: reset, request: all}", "request: expected a whole number 1"),
        ("{do: reset, request: 1, connection: 1}", "reset: unknown key 'connection'"),
        ("{do: reset, request: 1, after_ms: 1}", "reset: unknown key 'after_ms'"),
        ("{do: close, request: 1, code: 1000}", "close: unknown key 'code'"),
        ("{do: slow, request: 1, for_ms: 1}", "slow: unknown key 'for_ms'"),
        ("{do: garbage, request: 1, count: 1}", "garbage: unknown key 'count'"),
        ("{do: error, request: 1, code: ''}", "code: expected a text"),
        ("{do: error, code: Busy}", "code: expected a whole number"),
    ],
)
def test_a_wrong_entry_is_named_by_its_number(plan: Path, entry: str, message: str) -> None:
    plan.write_text(f"- {{do: reset}}\n- {entry}\n")
    with pytest.raises(UsageError) as raised:
        read_faults(plan)
    assert str(raised.value).startswith(f"{plan}: entry 2: ")
    assert message in str(raised.value)


def test_a_plan_is_a_list(plan: Path) -> None:
    plan.write_text("do: reset")
    with pytest.raises(UsageError, match="expected a list"):
        read_faults(plan)


def test_a_plan_for_requests_is_read(plan: Path) -> None:
    plan.write_text("""
- {request: 2, do: error, code: FailedOperation, msg: later}
- {request: any, do: slow, delay_ms: 5}
- {request: 1, do: http, status: 429}
""")
    faults = read_faults(plan)
    assert faults == (
        Fault("error", request=2, code="FailedOperation", msg="later"),
        Fault("slow", request="any", delay_ms=5),
        Fault("http", request=1, status=429),
    )
    assert [fault.do for fault in for_request(faults, 2)] == ["error", "slow"]
    assert [fault.do for fault in for_request(faults, 3)] == ["slow"]


def test_faults_of_requests_leave_connections_alone() -> None:
    faults = [Fault("reset", request="any"), Fault("http", request=1), Fault("close")]
    armed = Armed(faults, 1)
    assert armed.http is None
    assert armed.take(1e6, 1e6, 9) == [faults[2]]
    assert for_request(faults, 7) == [faults[0]]


def test_a_fault_strikes_once_on_each_connection_it_is_meant_for() -> None:
    first, every = Fault("reset", connection=1, after_ms=100), Fault("close", after_messages=2)
    armed = Armed([first, every], 1)
    assert armed.next_ms == 100
    assert armed.take(99, 0, 1) == []
    assert armed.take(100, 0, 1) == [first]
    assert armed.next_ms == float("inf")
    assert armed.take(101, 0, 2) == [every]
    assert armed.take(200, 0, 3) == []
    assert Armed([first, every], 2).take(1e6, 0, 2) == [every]


def test_two_equal_faults_strike_twice() -> None:
    fault = Fault("garbage", after_messages=1)
    assert Armed([fault, fault], 1).take(0, 0, 1) == [fault, fault]


def test_audio_is_counted_in_its_own_time() -> None:
    armed = Armed([Fault("reset", after_audio_ms=500)], 1)
    assert armed.take(10_000, 480, 12) == []
    assert len(armed.take(10_000, 520, 13)) == 1


def test_a_refused_upgrade_is_known_before_anything_else() -> None:
    fault = Fault("http", connection=2)
    assert Armed([fault], 1).http is None
    assert Armed([fault], 2).http == fault
    assert Armed([fault], 2).take(1e6, 1e6, 9) == []


def test_garbage_is_the_same_for_a_seed() -> None:
    assert list(garbage(12, 5)) == list(garbage(12, 5))
    assert list(garbage(12, 5)) != list(garbage(12, 6))


def test_a_garbage_body_is_of_another_kind_for_the_next_seed() -> None:
    bodies = [garbage_body(seed) for seed in range(6)]
    assert bodies == [garbage_body(seed) for seed in range(6)]
    assert len(set(bodies)) == 6
    assert max(map(len, bodies)) > 1_000_000


def test_garbage_has_every_kind() -> None:
    messages = list(garbage(6))
    assert any(isinstance(message, bytes) for message in messages)
    assert any(len(message) > 1_000_000 for message in messages)
    with pytest.raises(json.JSONDecodeError):
        json.loads(messages[0])
