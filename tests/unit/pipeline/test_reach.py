"""Reachability is told once each way; waits grow, and are short again after success."""

from __future__ import annotations

import pytest

from agent.errors import LinkError, Refused
from agent.events import Blocked, LinkDown, LinkUp, Notice
from agent.pipeline.reach import LEAST_S, SLOW_RETRY_S, Reach
from tests.unit.pipeline.rig import Rig

LOST = LinkError("the connection was lost", "reset")
BUSY = Refused("try later", "429", retryable=True)
WRONG = Refused("bad token", "401")


class Watched(Rig):
    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.reach = Reach(self.parts, self._pause)

    def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds)


def test_the_first_connection_is_no_reconnect() -> None:
    rig = Watched()
    rig.reach.reached("s1")
    assert rig.events == [LinkUp("s1")]
    assert rig.telemetry.total("reconnects") == 0


def test_an_outage_is_told_once_and_its_end_with_its_length() -> None:
    rig = Watched()
    rig.reach.unreachable(LOST)
    rig.reach.unreachable(LOST)
    assert rig.reach.away
    assert rig.notices() == ["outage"]
    assert rig.of(Notice)[0].detail == {"reason": "the connection was lost", "kind": "reset"}
    assert rig.of(LinkDown) == [LinkDown("the connection was lost", wanted=False)] * 2
    rig.clock.advance(2.0 - rig.clock.now())
    rig.reach.reached("s1", backlog_ms=80)
    assert not rig.reach.away
    assert rig.of(Notice)[1] == Notice("reconnect", {"outage_ms": 2000, "backlog_ms": 80})
    assert rig.telemetry.total("reconnects") == 1


def test_the_first_retry_is_at_once_and_the_others_never_in_a_tight_loop() -> None:
    rig = Watched()
    for _ in range(60):
        rig.reach.unreachable(LOST)
    assert rig.waits[0] == 0
    assert min(rig.waits[1:]) >= LEAST_S
    assert max(rig.waits) <= 30
    assert max(rig.waits) > 5


def test_being_connected_is_not_enough_to_start_the_waits_over() -> None:
    rig = Watched()
    rig.reach.unreachable(LOST)
    rig.reach.reached("s1")
    rig.reach.unreachable(LOST)
    assert rig.waits[1] >= LEAST_S
    rig.reach.worked()
    rig.reach.unreachable(LOST)
    assert rig.waits[2] == 0


def test_a_refusal_that_may_pass_is_an_outage() -> None:
    rig = Watched()
    rig.reach.refused(BUSY)
    assert rig.notices() == ["refused", "outage"]
    assert rig.of(LinkDown) == [LinkDown("try later", wanted=False)]
    assert rig.of(Blocked) == []
    assert rig.waits == [0]


def test_a_refusal_that_retrying_cannot_mend_blocks_and_is_retried_slowly() -> None:
    rig = Watched()
    rig.reach.refused(WRONG)
    rig.reach.refused(WRONG)
    assert rig.of(Blocked) == [Blocked("401", "bad token")] * 2
    assert rig.waits == [SLOW_RETRY_S] * 2
    rig.reach.reached("s1")
    assert rig.of(Notice)[-1].detail["outage_ms"] == 2 * SLOW_RETRY_S * 1000


@pytest.mark.parametrize("refusal", [BUSY, WRONG])
def test_the_same_refusal_again_is_no_news_until_it_worked_between(refusal: Refused) -> None:
    rig = Watched()
    rig.reach.refused(refusal)
    rig.reach.refused(refusal)
    assert rig.notices().count("refused") == 1
    rig.reach.refused(Refused("another reason", refusal.code, retryable=refusal.retryable))
    assert rig.notices().count("refused") == 2
    rig.reach.worked()
    rig.reach.refused(refusal)
    assert rig.notices().count("refused") == 3


def test_what_nobody_wants_any_more_is_no_outage() -> None:
    rig = Watched()
    rig.reach.unreachable(LOST)
    rig.reach.unreachable(LOST)
    rig.reach.forget()
    assert not rig.reach.away
    assert rig.events[-1] == LinkDown("idle", wanted=True)
    rig.reach.reached("s2")
    assert "reconnect" not in rig.notices()
    rig.reach.unreachable(LOST)
    assert rig.waits[-1] == 0
