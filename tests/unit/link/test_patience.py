"""Patience in virtual time: grace, doubt, the end of waiting, and a service that is deaf."""

from __future__ import annotations

import pytest

from agent.events import Result
from agent.link.ledger import Ledger
from agent.link.patience import DEAF_S, GRACE_S, Patience


def spoken(packets: int, *, quiet: int = 20) -> Ledger:
    """Speech and the pause after it, sent."""
    ledger = Ledger()
    for seq in range(packets + quiet):
        ledger.sent(seq, seq < packets)
    return ledger


def test_an_answered_turn_is_over_after_a_short_grace() -> None:
    patience, ledger = Patience(5.0), spoken(25)
    patience.begin()
    assert patience.verdict(ledger, 10.0) is False
    ledger.final(Result(0, "a", final=True, start_ms=0, end_ms=900))
    patience.answered(11.0)
    assert patience.verdict(ledger, 11.0 + GRACE_S - 0.01) is False
    assert patience.verdict(ledger, 11.0 + GRACE_S) is True
    patience.over()
    assert not patience.awaiting


def test_a_turn_in_which_nothing_was_said_needs_no_grace() -> None:
    patience = Patience(5.0)
    patience.begin()
    assert patience.verdict(spoken(0), 10.0) is True


def test_waiting_ends_some_seconds_after_the_last_answer_not_after_the_first_look() -> None:
    patience, ledger = Patience(5.0), spoken(25)
    patience.begin()
    assert patience.verdict(ledger, 10.0) is False
    ledger.partial(Result(0, "a"))
    patience.answered(14.0)
    assert patience.verdict(ledger, 18.9) is False
    assert patience.verdict(ledger, 19.0) is None


def test_deafness_needs_speech_and_time_and_is_told_once_a_spell() -> None:
    patience = Patience(5.0)
    patience.connected(0.0)
    for _ in range(74):
        patience.said(0.0)
    assert not patience.deaf(DEAF_S)  # 2.96 s of speech
    patience.said(0.0)
    assert not patience.deaf(DEAF_S - 0.1)
    assert patience.deaf(DEAF_S)
    assert not patience.deaf(DEAF_S + 1)
    patience.connected(100.0)
    assert not patience.deaf(100.0 + DEAF_S)  # still the same spell: nothing was heard since
    patience.answered(120.0)
    for _ in range(75):
        patience.said(0.0)
    assert patience.deaf(120.0 + DEAF_S)


def lagging(lag_s: float, *, recorded: bool) -> tuple[Patience, Ledger]:
    """Two sentences were said within 2 s; the first has just been answered, so much later."""
    patience, ledger = Patience(5.0, recorded=recorded), spoken(45)
    patience.begin()
    patience.connected(0.0)
    patience.said(0.0)
    patience.verdict(ledger, 2.0)
    ledger.partial(Result(0, "a"))
    ledger.final(Result(0, "a", final=True))
    patience.answered(lag_s)
    return patience, ledger


@pytest.mark.parametrize("lag_s", [6.0, 9.0, 12.0])
def test_of_a_service_that_lags_more_is_expected_where_speech_is_recorded(lag_s: float) -> None:
    patience, ledger = lagging(lag_s, recorded=True)
    assert patience.verdict(ledger, 2 * lag_s) is False
    assert patience.verdict(ledger, lag_s + 1.5 * lag_s + 1.1) is True
    patience, ledger = lagging(lag_s, recorded=False)
    assert patience.verdict(ledger, 2.0 + lag_s + 2.1) is True  # somebody waits to speak


def test_a_quick_service_is_not_waited_for_any_longer() -> None:
    patience, ledger = lagging(0.8, recorded=True)
    assert patience.verdict(ledger, 2.0 + 2.3) is True


def test_a_service_that_never_answered_a_recording_may_be_late() -> None:
    patience, ledger = Patience(5.0, recorded=True), spoken(25)
    patience.begin()
    assert patience.verdict(ledger, 10.0) is False
    assert patience.verdict(ledger, 28.9) is False
    assert patience.verdict(ledger, 29.0) is None
