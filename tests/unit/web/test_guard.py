"""The password: compared whole, guessed slowly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.secret import Secret
from agent.web.guard import FORGET_S, LONGEST_S, PEERS, Guard

PEER = "192.168.1.9"


def guard() -> Guard:
    return Guard(Secret("geheim"))


def attempts(guard: Guard, peer: str, seconds: float, every: float = 0.01) -> int:
    """How many guesses ``peer`` gets looked at in ``seconds`` when it tries all the time."""
    taken, now = 0, 0.0
    while now < seconds:
        wait = guard.wait_s(peer, now)
        if wait is not None and now + wait < seconds:
            taken += 1
        now += every
    return taken


def test_without_a_password_none_is_needed() -> None:
    assert not Guard(None).needed
    assert guard().needed


@given(st.text(st.characters(exclude_categories=())))
def test_only_the_password_is_the_password(attempt: str) -> None:
    assert guard().admits(PEER, attempt) == (attempt == "geheim")


def test_the_password_gets_in_whatever_its_letters() -> None:
    assert Guard(Secret("pässwörd 密码")).admits(PEER, "pässwörd 密码")


def test_the_first_attempt_waits_for_nothing_and_each_further_one_longer() -> None:
    slow = guard()
    waits, now = [], 0.0
    for _ in range(5):
        wait = slow.wait_s(PEER, now)
        assert wait is not None
        waits.append(wait)
        now += wait
    assert waits == [0, 1, 2, 4, 8]


def test_many_attempts_at_once_buy_nothing() -> None:
    slow = guard()
    waits = [slow.wait_s(PEER, 0.0) for _ in range(100)]
    assert waits[:4] == [0, 1, 3, 7]
    assert waits[-1] is None, "and are refused when too many wait"


def test_a_day_of_guessing_is_not_many_guesses() -> None:
    assert attempts(guard(), PEER, 3600, every=1.0) <= 3600 / LONGEST_S + 8


def test_one_peer_does_not_slow_another() -> None:
    slow = guard()
    for _ in range(5):
        slow.wait_s(PEER, 0.0)
    assert slow.wait_s("192.168.1.10", 0.0) == 0


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("2001:db8:1:2::99", True),
        ("2001:db8:1:2:3:4:5:6%eth0", True),
        ("2001:db8:1:3::1", False),
        ("?", False),
    ],
)
def test_a_host_with_many_addresses_is_one_peer(other: str, same: bool) -> None:
    slow = guard()
    slow.wait_s("2001:db8:1:2::1", 0.0)
    assert (slow.wait_s(other, 0.0) == 1.0) is same


def test_the_right_password_forgives() -> None:
    slow = guard()
    for _ in range(3):
        slow.wait_s(PEER, 0.0)
    assert slow.admits(PEER, "geheim")
    assert slow.wait_s(PEER, 0.0) == 0


def test_time_forgives() -> None:
    slow = guard()
    for _ in range(3):
        slow.wait_s(PEER, 0.0)
    slow.wait_s(PEER, 7 + FORGET_S + 1)
    assert slow.wait_s(PEER, 7 + FORGET_S + 1) == 1.0


def test_the_memory_is_bounded_and_keeps_the_newest() -> None:
    slow = guard()
    for number in range(PEERS + 5):
        slow.wait_s(f"10.0.{number // 250}.{number % 250}", 0.0)
    assert len(slow._peers) == PEERS
    assert slow.wait_s("10.0.0.0", 0.0) == 0, "the oldest is forgotten"
    assert slow.wait_s("10.0.4.4", 0.0) == 1.0


def test_the_password_is_not_in_it_as_text() -> None:
    assert "geheim" not in repr(vars(guard()))
