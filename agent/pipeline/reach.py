"""Whether the service can be reached: told once each way, and how long to wait.

Every shape of service loses its network and is refused in the same ways; this is
the one place that says so to the main thread, the telemetry and the log, and the one
that decides when the next attempt is made.

A trouble lasts from the first failure until the service truly *worked* again (a result,
an answered request, a connection that lasted): being reached in between ends neither the
trouble nor the growth of the waits.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable
from math import inf
from typing import Protocol

from agent.clock import Backoff, is_set, offset
from agent.errors import LinkError, Refused
from agent.events import Blocked, LinkDown, LinkUp, Notice
from agent.pipeline.cloud import Parts
from agent.threads import Worker

log = logging.getLogger(__name__)

SLOW_RETRY_S = 60.0  # after a refusal that retrying cannot mend; at most half of memory
CLOCK_S = 3.0  # after one that blames the clock
LIMIT_S = 1.0  # the least after "too many requests"
LEAST_S = 0.1  # between two attempts of any kind but the first
PRESS_S = 1.0  # between two attempts, however often somebody presses
MOST_AFTER_S = 300.0  # of what a Retry-After asks for
JUMP_S = 2.0  # the wall clock was set, not slewed
LOOK_S = 1.0  # how often a wait looks around

#: Troubles in which something did answer: it is spared.
ANSWERED = frozenset({"http", "portal", "gateway", "handshake", "closed", "garbage"})

_VARYING = re.compile(r"\S*\d\S*")  # ids and times in a reason do not make it another


#: Troubles that come to all devices of a service at one moment: it ended, or its name is gone.
SERVERS = frozenset({"reset", "closed", "refused", "dns"})
SPREAD_S = 1.0  # then the first attempt of a device that is idle comes within this


class Hurried(Protocol):
    """Whose presses and speech do not wait (:class:`agent.pipeline.cloud.Cloud`)."""

    hurried_at: float

    @property
    def backlog_ms(self) -> int: ...
    @property
    def unanswered_ms(self) -> int: ...


def first_wait(kind: str, idle: bool, rng: random.Random) -> float:
    """Seconds until the first attempt after a loss of this ``kind`` (see ``LinkError``).

    At once, as most losses are of one connection alone, and for whom somebody talks to.  The others
    spread where it smells of a server: a million of them at once are what it cannot bear.
    """
    return rng.uniform(0.0, SPREAD_S) if idle and kind in SERVERS else 0.0


class Reach:
    """One service's reachability, as ``worker`` sees it, the thread that makes the attempts.

    ``nap`` waits for so many seconds, or less when there is something to look at.
    """

    def __init__(
        self, cloud: Hurried, parts: Parts, worker: Worker, nap: Callable[[float], object]
    ) -> None:
        self._cloud, self._parts, self._worker, self._nap = cloud, parts, worker, nap
        self._backoff = Backoff()
        self._rng = random.Random()
        self._lost_at: float | None = None
        self._back: tuple[float, dict[str, int]] | None = None  # reached, but not proven yet
        self._fell = False  # it was reached and lost again without having worked
        self._refusal: tuple[str, str] | None = None
        self._attempts = 0  # since it last worked
        self._tried_at = -inf  # when the newest attempt began

    # --- good news ---------------------------------------------------------------------------

    def reached(self, session: str, **detail: int) -> None:
        """There is a connection; ``detail`` goes into the event that tells of its success."""
        self._parts.post(LinkUp(session))
        if self._lost_at is not None:
            self._back = (self._parts.clock.now(), detail)
            self._parts.telemetry.count("reconnects")

    def worked(self) -> None:
        """It was more than a connection: the trouble is over, the next retry a first one."""
        self._refusal, self._fell = None, False
        self._backoff.reset()
        if self._lost_at is None:
            return
        at, detail = self._back or (self._parts.clock.now(), {})
        away = round((at - self._lost_at) * 1000)
        told = {"outage_ms": away, "attempts": self._attempts, **detail}
        self._forget()
        self._parts.on_trouble(False)
        self._parts.post(Notice("reconnect", told))
        log.info("%s: works again after %d ms", self._parts.provider.name, away)

    def forget(self) -> None:
        """Nobody wants the service now: what was lost is no outage any more."""
        self._forget()
        self._parts.on_trouble(None)
        self._backoff.reset()
        self._parts.post(LinkDown("idle", wanted=True))

    @property
    def doubted(self) -> bool:
        """Whether a connection alone does not mean that the service takes us."""
        return self._refusal is not None or self._fell

    @property
    def away(self) -> bool:
        """Whether the service was lost and has not worked since."""
        return self._lost_at is not None

    # --- bad news ----------------------------------------------------------------------------

    def unreachable(self, error: LinkError) -> None:
        """Report it if it is news, then wait as the backoff says."""
        if error.kind == "tls" and not is_set(self._parts.clock):
            words = f"{error}; this device's clock is not set"
            self.refused(Refused(words, "tls", retryable=True, about="clock"))
            return
        news = self._lost(str(error))
        if news:
            log.warning("%s: %s; reconnecting", self._parts.provider.name, error)
            detail = {"reason": str(error), "kind": error.kind}
            self._parts.post(Notice("outage", detail | _after(error)))
        answered = self._fell or error.kind in ANSWERED
        self._retry(error.retry_after_s, answered=answered, kind=error.kind)

    def refused(self, error: Refused) -> None:
        """Report it if it is news, then wait: long where retrying cannot mend it."""
        self._lost(str(error))
        self._tell(error)
        if error.about == "clock":
            self._wait(CLOCK_S)
        elif error.retryable:
            least = LIMIT_S if error.about == "limit" else 0.0
            self._retry(error.retry_after_s, least, answered=True)
        else:
            self._parts.post(Blocked(error.code, str(error)))
            # Whatever was said meanwhile must still be in memory when it is mended.
            slow = min(SLOW_RETRY_S, self._parts.config.network.memory_s / 2)
            self._wait(slow * self._rng.uniform(0.75, 1.0))

    def _lost(self, reason: str) -> bool:
        """Count a failure; whether it is the first since the service worked."""
        first = self._lost_at is None
        self._fell = self._fell or self._back is not None
        self._back = None
        self._attempts += 1
        if first:
            self._lost_at = self._parts.clock.now()
            self._parts.on_trouble(True)
        else:
            log.debug("%s: still in trouble: %s", self._parts.provider.name, reason)
        self._parts.post(LinkDown(reason, wanted=False))
        return first

    def _tell(self, error: Refused) -> None:
        """A month of the same refusal is one event."""
        refusal = (error.code, _VARYING.sub("", str(error)))
        if refusal == self._refusal:
            return
        self._refusal = refusal
        level = logging.WARNING if error.retryable else logging.ERROR
        blamed = {"clock": "this device's clock is wrong: "}.get(error.about, "")
        log.log(level, "%s%s; trying again", blamed, error)
        detail: dict[str, object] = {"code": error.code, "reason": str(error)}
        detail |= {"kind": error.about} if error.about else {}
        self._parts.post(Notice("refused", detail | _after(error)))

    def _forget(self) -> None:
        self._lost_at, self._back, self._attempts = None, None, 0

    # --- waiting -----------------------------------------------------------------------------

    def _retry(
        self, after_s: float | None, least: float = 0.0, *, answered: bool, kind: str = ""
    ) -> None:
        """Wait as the backoff says, but not less than the service asks for (presses too).

        What cannot be reached costs nobody anything: there a short outage stays short.
        """
        away = self._parts.clock.now() - (self._lost_at or 0.0)
        delay = self._backoff.next(inf if answered else away)
        first = self._backoff.attempts == 1
        # Never in a tight loop.
        delay = first_wait(kind, self._idle, self._rng) if first else max(LEAST_S, delay)
        if after_s is not None:
            asked = min(after_s, MOST_AFTER_S)
            least = max(least, asked + self._rng.uniform(0.0, 1.0 + asked / 10))
        self._wait(max(delay, least), least, idle=first)

    def _wait(self, seconds: float, least: float = 0.0, *, idle: bool = False) -> None:
        """Wait; a press is worth an attempt at once, and so is a clock that was set.

        Not before ``least`` (s), and not again within ``PRESS_S`` of the last attempt.  A wait for
        the ``idle`` ends when somebody talks.
        """
        clock = self._parts.clock
        now, set_to = clock.now(), offset(clock)
        due, early = now + seconds, max(now + least, self._tried_at + PRESS_S)
        while not self._worker.stopping:
            hurry = self._cloud.hurried_at > self._tried_at
            hurry = hurry or abs(offset(clock) - set_to) > JUMP_S or (idle and not self._idle)
            left = (min(due, early) if hurry else due) - clock.now()
            if left <= 0:
                break
            self._worker.beat()
            self._nap(min(left, LOOK_S))
        self._tried_at = clock.now()

    @property
    def _idle(self) -> bool:
        """Whether nobody talks, and nobody waits for an answer."""
        return not (self._cloud.backlog_ms or self._cloud.unanswered_ms)


def _after(error: LinkError | Refused) -> dict[str, object]:
    asked = error.retry_after_s
    return {} if asked is None else {"retry_after_s": round(min(asked, MOST_AFTER_S), 1)}
