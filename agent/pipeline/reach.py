"""Whether the service can be reached: told once each way, and how long to wait.

Every shape of service loses its network and is refused in the same ways; this is
the one place that says so to the main thread, the telemetry and the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.clock import Backoff
from agent.errors import LinkError, Refused
from agent.events import Blocked, LinkDown, LinkUp, Notice
from agent.pipeline.cloud import Parts

log = logging.getLogger(__name__)

SLOW_RETRY_S = 60.0  # after a refusal that retrying cannot mend
LEAST_S = 0.1  # between two attempts of any kind but the first


class Reach:
    """One service's reachability, as one thread sees it; ``pause`` waits interruptibly."""

    def __init__(self, parts: Parts, pause: Callable[[float], None]) -> None:
        self._parts, self._pause = parts, pause
        self._backoff = Backoff()
        self._lost_at: float | None = None
        self._refusal: tuple[str, str] | None = None

    def reached(self, session: str, **detail: int) -> None:
        """The service can be reached (again); ``detail`` goes into the event."""
        self._parts.post(LinkUp(session))
        if self._lost_at is None:
            return
        away = round((self._parts.clock.now() - self._lost_at) * 1000)
        self._lost_at = None
        self._parts.telemetry.count("reconnects")
        self._parts.post(Notice("reconnect", {"outage_ms": away, **detail}))
        log.info("%s: connected again after %d ms", self._parts.provider.name, away)

    @property
    def doubted(self) -> bool:
        """Whether it refused us last time: a connection alone does not mean that it takes us."""
        return self._refusal is not None

    @property
    def away(self) -> bool:
        """Whether the service was lost and not reached since."""
        return self._lost_at is not None

    def forget(self) -> None:
        """Nobody wants the service now: what was lost is no outage any more."""
        self._lost_at = None
        self._backoff.reset()
        self._parts.post(LinkDown("idle", wanted=True))

    def worked(self) -> None:
        """It was more than a connection: the next retry is a first one."""
        self._refusal = None
        self._backoff.reset()

    def unreachable(self, error: LinkError) -> None:
        """Report it if it is news, then wait as the backoff says."""
        self._lost(str(error), error.kind)
        self._wait(self._backoff.next(self._away()))

    def refused(self, error: Refused) -> None:
        """Report every refusal; wait, long where retrying cannot mend it."""
        if (error.code, str(error)) != self._refusal:  # a month of retries is one event
            self._refusal = (error.code, str(error))
            self._parts.post(Notice("refused", {"code": error.code, "reason": str(error)}))
        if error.retryable:
            self._lost(str(error), "refused")
            self._wait(self._backoff.next(self._away()))
            return
        self._lost_at = self._parts.clock.now() if self._lost_at is None else self._lost_at
        log.error("%s; trying again in %d s", error, SLOW_RETRY_S)
        self._parts.post(Blocked(error.code, str(error)))
        self._wait(SLOW_RETRY_S)

    def _away(self) -> float:
        """Seconds since the service was lost."""
        return 0.0 if self._lost_at is None else self._parts.clock.now() - self._lost_at

    def _lost(self, reason: str, kind: str) -> None:
        if self._lost_at is None:
            self._lost_at = self._parts.clock.now()
            log.warning("%s: %s; reconnecting", self._parts.provider.name, reason)
            self._parts.post(Notice("outage", {"reason": reason, "kind": kind}))
        else:
            log.debug("still not reachable: %s", reason)
        self._parts.post(LinkDown(reason, wanted=False))

    def _wait(self, seconds: float) -> None:
        # At once the first time; but never in a tight loop.
        self._pause(seconds if self._backoff.attempts <= 1 else max(LEAST_S, seconds))
