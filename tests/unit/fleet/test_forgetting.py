from __future__ import annotations

import pytest

from agent.errors import RunError
from agent.fleet import forgetting
from agent.fleet.broker import QUIET_S
from agent.report.signals import Acked, Alive
from tests.unit.fleet.air import Air, heard, kept


@pytest.fixture
def air() -> Air:
    return Air()


def test_its_own_topics_and_those_of_the_discovery() -> None:
    assert forgetting.topics("dragoman", "ha", "a.b") == [
        "dragoman/a.b/#",
        "ha/+/dragoman_a_b_1eef715d/+/config",
    ]


def test_what_comes_after_the_answer_is_waited_for(air: Air) -> None:
    air.due(0.1, kept("a/status", b"offline"))
    air.due(0.2, Alive())
    air.due(0.3, kept("a/state", {"state": "idle"}), heard("a/event", {}))
    air.due(0.2 + QUIET_S + 0.1, Alive(), kept("a/old", b"x"), kept("a/wiped", b""))
    air.due(0.2 + 3 * QUIET_S, Alive())
    found = forgetting.look(air, "dragoman", "a", air.clock)
    assert found.topics == ["dragoman/a/old", "dragoman/a/state", "dragoman/a/status"]
    assert not found.online
    assert air.pings == 3


def test_a_device_that_is_there(air: Air) -> None:
    air.due(0.1, kept("a/status", b"online"), Alive())
    air.due(0.1 + QUIET_S + 0.1, Alive())
    assert forgetting.look(air, "dragoman", "a", air.clock).online


def test_a_broker_that_does_not_answer(air: Air) -> None:
    with pytest.raises(RunError, match="does not answer"):
        forgetting.look(air, "dragoman", "a", air.clock)


def test_wiping_is_a_retained_message_without_content(air: Air) -> None:
    air.due(0.1, Acked(1, 0), Acked(2, 0x87), Acked(9, 0))
    assert forgetting.wipe(air, ["x", "y", "z"], air.clock) == ["y", "z"]
    assert air.sent == [("x", b""), ("y", b""), ("z", b"")]
    assert air.retained
