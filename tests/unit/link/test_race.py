"""Addresses are raced: a dead one costs a head start, once, and is not tried first again."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import closing
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config.schema import Network
from agent.errors import LinkError
from agent.link.dial import Dialer, Limits, Target
from agent.link.race import WINNER_S, Winners, interleaved
from agent.link.resolve import Address
from tests.unit.link.peers import peer
from tests.unit.link.test_dial import closed_port, echo, mute_port, resolves_to

FOUR, SIX = socket.AF_INET, socket.AF_INET6
TARGET = Target("two.example", 80, secure=False)
SLOW_S = 3.0  # what a dead first address cost before it was raced, and more than a busy machine


def at(family: int, name: str) -> Address:
    return (int(family), int(socket.SOCK_STREAM), 6, "", (name, 80))


def test_families_take_turns_in_the_resolvers_order() -> None:
    found = [at(SIX, "a"), at(SIX, "b"), at(SIX, "c"), at(FOUR, "d")]
    assert [each[4][0] for each in interleaved(found)] == ["a", "d", "b", "c"]
    assert interleaved([]) == []


def test_the_winner_is_first_for_a_while_and_forgotten_when_it_fails() -> None:
    winners, dead, good = Winners(), at(SIX, "dead"), at(FOUR, "good")
    assert winners.first("host:80", [dead, good], 0) == [dead, good]
    winners.note("host:80", good, 0)
    assert winners.first("host:80", [dead, good], WINNER_S - 1) == [good, dead]
    assert winners.first("host:81", [dead, good], 1) == [dead, good]
    winners.note("host:80", good, WINNER_S - 1)  # that it still answers keeps it no longer
    assert winners.first("host:80", [dead, good], WINNER_S) == [dead, good]
    winners.note("host:80", good, 0)
    winners.note("host:80", None, 1)
    assert winners.first("host:80", [dead, good], 2) == [dead, good]


def test_a_dead_address_costs_a_head_start_and_the_next_time_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with peer(echo) as port, mute_port() as mute:
        resolves_to(monkeypatch, (FOUR, ("127.0.0.1", mute)), (FOUR, ("127.0.0.1", port)))
        dialer = Dialer(Network(), SystemClock(), {})
        begun = time.monotonic()
        dialer.open(TARGET, Limits(connect=30)).close()
        first = time.monotonic() - begun
        dialed: list[int] = []
        connect = socket.socket.connect_ex

        def noted(sock: socket.socket, address: Any) -> int:
            dialed.append(address[1])
            return connect(sock, address)

        monkeypatch.setattr(socket.socket, "connect_ex", noted)
        dialer.open(TARGET, Limits(connect=30)).close()
    assert 0.2 < first < SLOW_S
    assert dialed == [port]


def test_an_address_that_refuses_does_not_make_the_next_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with peer(echo) as port:
        refusing = [(FOUR, ("127.0.0.1", closed_port())) for _ in range(5)]
        resolves_to(monkeypatch, *refusing, (FOUR, ("127.0.0.1", port)))
        begun = time.monotonic()
        with closing(Dialer(Network(), SystemClock(), {}).open(TARGET, Limits(connect=30))):
            assert time.monotonic() - begun < 5 * 0.25


def test_a_slow_address_still_wins_when_the_later_ones_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is not given up when the second is begun."""
    with mute_port() as mute:
        resolves_to(monkeypatch, (FOUR, ("127.0.0.1", mute)), (FOUR, ("127.0.0.1", closed_port())))
        with pytest.raises(LinkError) as caught:
            Dialer(Network(), SystemClock(), {}).open(TARGET, Limits(connect=0.6))
    assert caught.value.kind == "timeout"


def test_no_socket_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []

    class Noted(socket.socket):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            if "fileno" not in more:  # those are the peer's
                made.append(self)

    with peer(echo) as port, mute_port() as mute:
        addresses = [(FOUR, ("127.0.0.1", each)) for each in (mute, closed_port(), mute, port)]
        resolves_to(monkeypatch, *addresses)
        monkeypatch.setattr(socket, "socket", Noted)
        with closing(Dialer(Network(), SystemClock(), {}).open(TARGET, Limits(connect=30))) as won:
            assert [sock for sock in made if sock.fileno() >= 0] == [won]
        with pytest.raises(LinkError):
            Dialer(Network(), SystemClock(), {}).open(
                TARGET, Limits(connect=30), cancelled=lambda: len(made) > 5
            )
    assert [sock for sock in made if sock.fileno() >= 0] == []


def test_why_an_address_cannot_be_reached_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: errno.ENETUNREACH)
    resolves_to(monkeypatch, (FOUR, ("127.0.0.1", 1)))
    with pytest.raises(LinkError, match=r"Network is unreachable \(ENETUNREACH\)") as caught:
        Dialer(Network(), SystemClock(), {}).open(TARGET, Limits())
    assert caught.value.kind == "unreachable"
