"""Troubles are told once each way; waits grow until the service has truly worked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from agent.errors import LinkError, Refused
from agent.events import Blocked, LinkDown, LinkUp, Notice
from agent.pipeline import reach
from agent.pipeline.reach import LEAST_S, LIMIT_S, MOST_AFTER_S, PRESS_S, SPREAD_S, Reach
from agent.threads import Worker
from tests.unit.pipeline.rig import Rig

LOST = LinkError("the connection was lost", "reset")
BUSY = Refused("try later", "429", retryable=True)
WRONG = Refused("bad token", "401")
CLOCK = Refused("check the device's clock", "206", retryable=True, about="clock")


class Watched(Rig):
    """``waits`` is how long each failure was waited out."""

    def __init__(self, **network: int) -> None:
        super().__init__(network=network)
        self.hurried_at = -inf
        self.backlog_ms, self.unanswered_ms = 0, 40  # somebody has spoken
        self.worker = Worker(self.clock)
        self.waits: list[float] = []
        self.reach = Reach(self, self.parts, self.worker, lambda s: self.clock.advance(min(s, 0.1)))

    def fail(self, error: LinkError | Refused = LOST) -> float:
        begun = self.clock.now()
        if isinstance(error, LinkError):
            self.reach.unreachable(error)
        else:
            self.reach.refused(error)
        self.waits.append(self.clock.now() - begun)
        return self.waits[-1]

    def press(self, seconds: float) -> None:
        """Somebody presses so many seconds from now."""
        self.clock.at(self.clock.now() + seconds, self._press)

    def talk(self, seconds: float) -> None:
        """Somebody begins to talk so many seconds from now."""
        self.clock.at(self.clock.now() + seconds, self._talk)

    def _talk(self) -> None:
        self.backlog_ms = 40

    def _press(self) -> None:
        self.hurried_at = self.clock.now()

    def set_clock(self, seconds: float, to: datetime) -> None:
        """The wall clock is set so many seconds from now."""
        self.clock.at(self.clock.now() + seconds, lambda: self._set(to))

    def _set(self, to: datetime) -> None:
        self.clock.epoch = to - timedelta(seconds=self.clock.now())


def test_the_first_connection_is_no_reconnect() -> None:
    rig = Watched()
    rig.reach.reached("s1")
    rig.reach.worked()
    assert rig.events == [LinkUp("s1")]
    assert rig.telemetry.total("reconnects") == 0


def test_a_trouble_is_told_once_and_its_end_with_its_length_and_attempts() -> None:
    rig = Watched()
    rig.fail()
    rig.fail()
    assert rig.reach.away
    assert rig.notices() == ["outage"]
    assert rig.of(Notice)[0].detail == {"reason": "the connection was lost", "kind": "reset"}
    assert rig.of(LinkDown) == [LinkDown("the connection was lost", wanted=False)] * 2
    rig.clock.advance(2.0 - rig.clock.now())
    rig.reach.reached("s1", backlog_ms=80)
    assert rig.notices() == ["outage"]  # reached is not served
    rig.clock.advance(1.0)
    rig.reach.worked()
    assert not rig.reach.away
    told = {"outage_ms": 2000, "attempts": 2, "backlog_ms": 80}
    assert rig.of(Notice)[1] == Notice("reconnect", told)
    assert rig.telemetry.total("reconnects") == 1


def test_a_service_that_answers_and_does_not_serve_is_one_trouble() -> None:
    rig = Watched()
    for _ in range(30):
        rig.reach.reached("s1")
        rig.fail()
    assert rig.notices() == ["outage"]
    assert rig.reach.doubted
    rig.reach.reached("s1")
    rig.reach.worked()
    assert rig.of(Notice)[-1].detail["attempts"] == 30
    assert not rig.reach.doubted


def test_the_first_retry_is_at_once_and_the_others_never_in_a_tight_loop() -> None:
    rig = Watched()
    for _ in range(60):
        rig.fail()
    assert rig.waits[0] == 0
    assert min(rig.waits[1:]) >= LEAST_S - 1e-6
    assert max(rig.waits) <= 30 + 1e-6
    assert max(rig.waits) > 5


def test_being_connected_is_not_enough_to_start_the_waits_over() -> None:
    rig = Watched()
    rig.fail()
    for _ in range(40):
        rig.reach.reached("s1")
        assert rig.fail() >= LEAST_S - 1e-6
    assert max(rig.waits) > 5
    rig.reach.worked()
    assert rig.fail() == 0


def test_a_refusal_that_may_pass_is_told_once_and_is_no_fault() -> None:
    rig = Watched()
    rig.fail(BUSY)
    assert rig.notices() == ["refused"]
    assert rig.of(LinkDown) == [LinkDown("try later", wanted=False)]
    assert rig.of(Blocked) == []
    assert rig.waits == [0]


def test_a_refusal_that_retrying_cannot_mend_blocks_and_is_retried_slowly() -> None:
    rig = Watched(memory_s=60)
    for _ in range(20):
        rig.fail(WRONG)
    assert rig.of(Blocked) == [Blocked("401", "bad token")] * 20
    assert all(20 < wait <= 30.01 for wait in rig.waits)  # what is said meanwhile is in memory
    assert rig.notices() == ["refused"]


@pytest.mark.parametrize("refusal", [BUSY, WRONG])
def test_the_same_refusal_again_is_no_news_until_it_worked_between(refusal: Refused) -> None:
    rig = Watched()
    for _ in range(2):
        rig.fail(refusal)
    assert rig.notices().count("refused") == 1
    rig.fail(Refused("another reason", refusal.code, retryable=refusal.retryable))
    assert rig.notices().count("refused") == 2
    rig.reach.worked()
    rig.fail(refusal)
    assert rig.notices().count("refused") == 3


def test_an_id_in_its_wording_does_not_make_a_refusal_another() -> None:
    rig = Watched()
    for number in range(9):
        rig.fail(Refused(f"internal error, request 7f{number}ab-12", "-1", retryable=True))
    assert rig.notices() == ["refused"]


def test_what_nobody_wants_any_more_is_no_outage() -> None:
    rig = Watched()
    rig.fail()
    rig.fail()
    rig.reach.forget()
    assert not rig.reach.away
    assert rig.events[-1] == LinkDown("idle", wanted=True)
    rig.reach.reached("s2")
    rig.reach.worked()
    assert "reconnect" not in rig.notices()
    assert rig.fail() == 0


# --- what the service asks for ---------------------------------------------------------------


@pytest.mark.parametrize("kind", [LinkError, Refused])
def test_a_retry_after_is_honoured_told_and_not_shortened_by_presses(kind: type) -> None:
    rig = Watched()
    asked = (
        LinkError("busy", "http", retry_after_s=60)
        if kind is LinkError
        else Refused("busy", "429", retryable=True, about="limit", retry_after_s=60)
    )
    for _ in range(3):
        rig.press(0.5)
        assert 60 <= rig.fail(asked) <= 67.1
    assert rig.of(Notice)[0].detail["retry_after_s"] == 60


def test_a_retry_after_of_a_day_is_no_reason_to_be_away_for_one() -> None:
    rig = Watched()
    assert MOST_AFTER_S <= rig.fail(LinkError("busy", "http", retry_after_s=86_400)) < 340


def test_a_retry_after_is_spread_over_a_fleet() -> None:
    waits = {round(Watched().fail(LinkError("", "http", retry_after_s=30)), 2) for _ in range(20)}
    assert len(waits) > 10


def test_too_many_requests_are_not_answered_with_one_at_once() -> None:
    rig = Watched()
    assert rig.fail(Refused("slow down", "411", retryable=True, about="limit")) >= LIMIT_S


# --- presses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [LOST, BUSY, WRONG, CLOCK])
def test_a_press_is_worth_an_attempt_at_once(error: LinkError | Refused) -> None:
    rig = Watched()
    for _ in range(12):
        rig.fail(error)
    rig.clock.advance(2.0)
    rig.press(PRESS_S + 0.2)
    assert rig.fail(error) <= PRESS_S + 0.4


def test_a_press_during_an_attempt_counts_for_the_next() -> None:
    rig = Watched()
    for _ in range(12):
        rig.fail(WRONG)
    rig.press(1.0)
    rig.clock.advance(5.0)
    assert rig.fail(WRONG) == 0
    assert rig.fail(WRONG) > 10


def test_presses_are_no_hammer() -> None:
    rig = Watched()
    for n in range(300):
        rig.press(n * 0.1)
    rig.fail()
    begun = rig.clock.now()
    for _ in range(10):
        rig.fail(WRONG)
    assert rig.clock.now() - begun >= 10 * PRESS_S - 0.2


# --- the clock -------------------------------------------------------------------------------


def test_a_clock_that_is_wrong_is_named_and_tried_again_soon() -> None:
    rig = Watched()
    for _ in range(10):
        assert rig.fail(CLOCK) <= reach.CLOCK_S + 0.01
    [told] = rig.of(Notice)
    assert (told.event, told.detail["kind"], told.detail["code"]) == ("refused", "clock", "206")
    assert rig.of(Blocked) == []


@pytest.mark.parametrize("error", [CLOCK, WRONG])
def test_a_clock_that_is_set_is_worth_an_attempt_at_once(error: Refused) -> None:
    rig = Watched()
    rig.clock.epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rig.fail(error)
    rig.set_clock(1.2, datetime(2026, 11, 20, tzinfo=UTC))
    assert rig.fail(error) <= 1.5


def test_tls_that_fails_before_the_clock_was_set_is_the_clocks_fault() -> None:
    rig = Watched()
    early = LinkError("certificate is not yet valid", "tls")
    rig.fail(early)
    assert rig.of(Notice)[0].detail["kind"] == "tls"
    rig.reach.worked()
    rig.clock.epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for _ in range(10):
        assert rig.fail(early) <= reach.CLOCK_S + 0.01
    assert rig.of(Notice)[-1].detail["kind"] == "clock"


def test_a_clock_that_is_slewed_was_not_set() -> None:
    rig = Watched()
    for _ in range(10):
        rig.fail()
    rig.clock.at(rig.clock.now() + 0.5, lambda: rig._set(rig.clock.utc() + timedelta(seconds=1)))
    rig.reach._backoff.next = lambda away=0.0: 20.0  # type: ignore[method-assign]
    assert rig.fail() == pytest.approx(20, abs=0.2)


def test_stopping_ends_a_wait() -> None:
    rig = Watched()
    rig.clock.at(5.0, rig.worker.stop)
    rig.fail(WRONG)
    assert rig.clock.now() <= 5.2


# --- the first second of a storm ---------------------------------------------------------------

KINDS = ("reset", "closed", "refused", "dns")


def idle() -> Watched:
    rig = Watched()
    rig.unanswered_ms = 0
    return rig


@pytest.mark.parametrize("kind", KINDS)
def test_devices_that_are_idle_spread_where_it_smells_of_a_server(kind: str) -> None:
    waits = sorted(idle().fail(LinkError("lost", kind)) for _ in range(400))
    assert 0 <= waits[0] < 0.05
    assert SPREAD_S - 0.05 < waits[-1] <= SPREAD_S + 0.1
    quarter = len([wait for wait in waits if wait < SPREAD_S / 4])
    assert 60 < quarter < 140, "evenly"


@pytest.mark.parametrize("kind", ["silent", "unreachable", "timeout", "lost", "tls"])
def test_a_connection_that_was_lost_alone_is_retried_at_once(kind: str) -> None:
    assert {idle().fail(LinkError("lost", kind)) for _ in range(50)} == {0.0}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["backlog_ms", "unanswered_ms"])
def test_nobody_who_talks_waits(kind: str, what: str) -> None:
    for _ in range(50):
        rig = idle()
        setattr(rig, what, 40)
        assert rig.fail(LinkError("lost", kind)) == 0.0


def test_who_begins_to_talk_or_presses_waits_no_longer() -> None:
    for _ in range(50):
        rig, other = idle(), idle()
        rig.talk(0.3)
        other.press(0.3)
        assert rig.fail() < 0.45
        assert other.fail() < 0.45


def test_only_the_first_attempt_is_spread() -> None:
    for _ in range(50):
        rig = idle()
        rig.fail()
        assert rig.fail(LinkError("no", "refused")) <= 0.5 + 0.1, "the backoff's first wait"
    rig.reach.reached("s1")
    rig.reach.worked()
    assert any(idle().fail() > 0.5 for _ in range(50)), "and again after it has worked"
