"""When a connection is given up that looks healthy, in virtual time."""

from __future__ import annotations

import random

import pytest

from agent.clock import ManualClock
from agent.report.line import ANSWER_S, CONNECT_S, PING_S, RENEW_S, SLOW, SPREAD_S, Line
from agent.report.reconnect import Reconnect, Timers
from agent.report.signals import Down, Link, Signal
from tests.unit.report.stage import FakeLink


class Rig:
    def __init__(self) -> None:
        self.clock, self.timers = ManualClock(), Timers()
        self.links: list[FakeLink] = []
        self.downs: list[str] = []
        reconnect = Reconnect(1.0, 30.0, random.Random(1))
        self.line = Line("broker", reconnect, self.timers, self.clock, self.signal)
        self.line.connect = lambda post: self.links.append(FakeLink(post)) or self.links[-1]  # type: ignore[func-returns-value]
        self.line.open()

    def signal(self, link: Link, signal: Signal) -> None:
        if isinstance(signal, Down) and link is self.line.link:
            self.downs.append(signal.reason)
            self.line.on_down(signal, soon=False)

    def pass_by(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while (left := end - self.clock.now()) > 1e-9:
            self.clock.advance(min(left, max(0.01, self.timers.wait(self.clock.now(), left))))
            self.timers.run(self.clock.now())


@pytest.fixture
def rig() -> Rig:
    made = Rig()
    made.line.on_up()
    return made


def test_no_acknowledgement_for_a_while_ends_it(rig: Rig) -> None:
    rig.line.watch(1000, 0)
    rig.pass_by(ANSWER_S)
    rig.line.watch(1000, 0)  # more is sent, nothing is answered
    assert not rig.downs
    rig.pass_by(1000 / SLOW)
    assert rig.downs == ["the broker acknowledges nothing any more"]
    assert rig.links[0].dropped
    rig.pass_by(5)
    assert len(rig.links) == 2


def test_the_subscription_is_renewed_as_long_as_it_lasts(rig: Rig) -> None:
    rig.pass_by(3 * RENEW_S + 1)
    assert rig.links[0].renewals == 3
    rig.line.on_down(Down("gone"), soon=False)
    rig.pass_by(1.5)
    rig.line.on_up()
    rig.pass_by(RENEW_S + 1)
    assert [link.renewals for link in rig.links] == [3, 1]


def test_where_no_commands_are_let_through_nothing_is_renewed(rig: Rig) -> None:
    rig.line.unwelcome()
    rig.pass_by(3 * RENEW_S)
    assert rig.links[0].renewals == 0


def test_one_acknowledgement_is_a_sign_of_life(rig: Rig) -> None:
    for answered in range(10):
        rig.line.watch(1000, answered)
        rig.pass_by(ANSWER_S - 1)
    rig.line.watch(0, 10)
    rig.pass_by(10 * ANSWER_S)
    assert not rig.downs


def test_a_large_message_on_a_slow_line_gets_its_time(rig: Rig) -> None:
    rig.line.watch(160_000, 0)
    rig.pass_by(160_000 / SLOW + ANSWER_S - 1)
    assert not rig.downs


def test_a_ping_must_be_answered_soon(rig: Rig) -> None:
    rig.line.check()
    rig.line.check()
    assert rig.links[0].pings == 1
    rig.pass_by(PING_S - 1)
    rig.line.alive()
    rig.pass_by(60)
    assert not rig.downs
    rig.line.check()
    rig.pass_by(PING_S)
    assert rig.downs == ["the broker does not answer any more"]


def test_a_broker_that_takes_the_connection_and_says_nothing() -> None:
    rig = Rig()
    rig.pass_by(CONNECT_S)
    assert rig.downs == ["the broker does not answer any more"]


def test_when_the_network_is_back_nobody_waits_for_the_backoff(rig: Rig) -> None:
    rig.signal(rig.links[0], Down("refused", refused=True))
    rig.pass_by(5)
    assert len(rig.links) == 1
    rig.line.hurry(random.Random(1))
    rig.pass_by(SPREAD_S)
    assert len(rig.links) == 2
    rig.line.hurry(random.Random(1))  # it is connecting already
    rig.line.check()
    assert rig.links[1].pings == 0
