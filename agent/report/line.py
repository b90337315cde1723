"""The line to the broker: connections one after another, each looked after while it lasts.

A connection that looks healthy may be dead: acknowledgements that do not come, or a local
address that is gone.  Then it is given up, long before TCP or the keep-alive would.  Or it may be
deaf: a cluster can lose what a client has subscribed to and tell nobody, so that is said again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from agent.clock import Clock
from agent.report.reconnect import Reconnect, Timers
from agent.report.signals import Connect, Down, Link, Signal

log = logging.getLogger(__name__)

#: Messages are out and for so long none is acknowledged: the connection is no use, seconds.
ANSWER_S = 20.0

#: What a slow line carries, bytes a second: a large message may take longer.
SLOW = 2000

#: For how long a connection may be made, TCP and TLS included, seconds.
CONNECT_S = 20.0

#: How soon a ping must be answered when there is a doubt, seconds.
PING_S = 5.0

#: How often the subscription to commands is renewed, seconds.
RENEW_S = 60.0

#: Devices whose network comes back at one moment must not come at one moment, seconds.
SPREAD_S = 2.0


class Line:
    """Used by the thread of the reports.

    Args:
        where: the broker, for the log.
        signal: takes what a link signals, on any thread.

    Attributes:
        link: the connection of the moment, perhaps not up yet.
        up: whether the broker takes messages on it.
    """

    def __init__(
        self,
        where: str,
        reconnect: Reconnect,
        timers: Timers,
        clock: Clock,
        signal: Callable[[Link, Signal], None],
    ) -> None:
        self._where, self._reconnect, self._timers, self._clock = where, reconnect, timers, clock
        self._signal = signal
        self.connect: Connect | None = None  #: makes links
        self.link: Link | None = None
        self.up = False
        self._answered = 0

    def open(self) -> None:
        """Begin to connect."""
        assert self.connect is not None
        link = self.connect(lambda signal: self._signal(link, signal))
        self.link = link
        self._timers.set(self._unheard, self._clock.now() + CONNECT_S)
        link.open()

    def on_up(self) -> None:
        """The broker accepted the connection."""
        self.up = True
        self._timers.unset(self._unheard)
        self._reconnect.up(self._clock.now())
        self._timers.set(self._renew, self._clock.now() + RENEW_S)
        log.info("%s: connected", self._where)

    def on_down(self, signal: Down, *, soon: bool) -> None:
        """The connection has ended; another follows, ``soon`` when what ended it is mended."""
        self.end()
        level = logging.WARNING if self._reconnect.is_news(signal) else logging.DEBUG
        log.log(level, "%s: %s; keeping messages, retrying", self._where, signal.reason)
        now = self._clock.now()
        if soon:
            self._reconnect.reset()
        self._timers.set(self.open, now + self._reconnect.down(signal, now))

    def end(self) -> None:
        """The connection has ended."""
        self.link, self.up = None, False
        for timer in (self._unanswered, self._unheard, self._renew):
            self._timers.unset(timer)

    def watch(self, unanswered: int, answered: int) -> None:
        """So many bytes of messages wait for an acknowledgement, so many had theirs before."""
        if not unanswered or not self.up:
            self._timers.unset(self._unanswered)
        elif answered != self._answered or self._unanswered not in self._timers:
            wait = ANSWER_S + unanswered / SLOW
            self._timers.set(self._unanswered, self._clock.now() + wait)
        self._answered = answered

    def check(self) -> None:
        """Something says that the network has changed: is the connection alive?"""
        if self.up and self.link is not None and self._unheard not in self._timers:
            self.link.ping()
            self._timers.set(self._unheard, self._clock.now() + PING_S)

    def alive(self) -> None:
        """The broker answered a ping."""
        self._timers.unset(self._unheard)

    def unwelcome(self) -> None:
        """The broker lets this device hear no commands: it is not asked again."""
        self._timers.unset(self._renew)

    def hurry(self, rng: random.Random) -> None:
        """Something says that the network is there again: do not wait any longer."""
        if self.open in self._timers:
            self._timers.bring_forward(self.open, self._clock.now() + rng.uniform(0, SPREAD_S))

    def _renew(self) -> None:
        if self.link is not None:
            self.link.renew()
            self._timers.set(self._renew, self._clock.now() + RENEW_S)

    def _unanswered(self) -> None:
        self._give_up("the broker acknowledges nothing any more")

    def _unheard(self) -> None:
        self._give_up("the broker does not answer any more")

    def _give_up(self, reason: str) -> None:
        if self.link is not None:
            self.link.drop()
            self._signal(self.link, Down(reason))
