"""One service of several: its cloud, and whether it serves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from agent.audio.ring import Ring
from agent.errors import UsageError
from agent.events import Blocked, Event, LinkDown, LinkUp, Notice, Pair, Transcript
from agent.link.handover import Handover
from agent.pipeline.cloud import OF_THE_ONE_IN_USE, Cloud, Parts
from agent.services.provider import Provider

log = logging.getLogger(__name__)

RELAPSE_S = 30.0  # a service that came back and answered nothing must work for so long, doubled …
MOST_S = 600.0  # … up to this

_TROUBLE = frozenset({"outage", "refused", "reconnect"})


def fitting(provider: Provider, pair: Pair) -> Pair:
    """The pair ``provider`` is to use where ``pair`` is wanted; UsageError where there is none.

    Recognition alone is better than nothing.
    """
    for candidate in (pair, Pair(pair.source, None)):
        if provider.takes(candidate):
            return candidate
    raise UsageError(f"{provider.name} does not take {pair.source} to {pair.target}")


def answerable(left: Handover, provider: Provider, ring: Ring) -> tuple[Handover, int]:
    """``left`` as ``provider`` can answer it, and how many packets of speech it cannot."""

    def taken(pair: Pair) -> Pair | None:
        try:
            return fitting(provider, pair)
        except UsageError as error:
            log.warning("what has no answer is left out: %s", error)
            return None

    kept = left.spoken_in(taken)
    return kept, left.voiced(ring) - kept.voiced(ring)


class Rung:
    """A service that may be in use; ``build`` makes its cloud, UsageError where it cannot.

    Its threads tell what happens; the rest is for the main thread.
    """

    def __init__(
        self, parts: Parts, build: Callable[[Parts], Cloud], place: int, *, last: bool
    ) -> None:
        self.place = place  #: in the order of preference, from 0
        self._post, self._clock, self._last = parts.post, parts.clock, last
        self.in_use = False
        self.session = ""  #: of the conversation, once there was one
        self.reason = ""  #: of the newest failure
        self._up = False
        self._lost_at: float | None = None
        self._works_at: float | None = None  # since when, after a loss
        self._used_at = 0.0
        self._answered = True  # anything since it came back
        self._relapses = 0  # times in a row that it came back for nothing
        self._pairs: dict[Pair, Pair] = {}  # its own for what is wanted, and back
        self.cloud = build(replace(parts, post=self._hear, on_trouble=self._trouble))

    @property
    def provider(self) -> Provider:
        return self.cloud.provider

    # --- what its threads tell ---------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        if isinstance(event, LinkUp):
            self._up, self.session = True, event.session
            if self._lost_at is None and not self.in_use:  # nobody wanted it, and then somebody did
                self._works_at = self._works_at or self._clock.now()
        elif isinstance(event, LinkDown):
            self._up, self.reason = False, self.reason if event.wanted else event.reason
        elif isinstance(event, Transcript):
            self._answered = True
        if self._told(event):
            self._post(event)

    def _told(self, event: Event) -> bool:
        if isinstance(event, Blocked):
            return self.in_use and self._last  # else somebody else is asked
        if isinstance(event, OF_THE_ONE_IN_USE):
            return self.in_use
        return self.in_use or not (isinstance(event, Notice) and event.event in _TROUBLE)

    def _trouble(self, news: bool | None) -> None:
        now = self._clock.now()
        self._lost_at = now if news else None
        self._works_at = now if news is False else None

    # --- is it of use? -----------------------------------------------------------------------

    @property
    def lost(self) -> bool:
        """Whether it cannot be reached or refuses now."""
        return self._lost_at is not None and not self._up

    def lost_for(self, seconds: float) -> bool:
        """Whether it is lost, and has not worked for so long."""
        since = max(self._lost_at or 0.0, self._used_at)
        return self.lost and self._clock.now() >= since + seconds

    @property
    def works(self) -> bool:
        """Whether a service that was lost is good again."""
        if self._works_at is None:
            return False
        proof = min(MOST_S, RELAPSE_S * 2.0 ** (self._relapses - 1)) if self._relapses else 0.0
        return self._clock.now() >= self._works_at + proof

    # --- coming and going --------------------------------------------------------------------

    def fitting(self, pair: Pair) -> Pair:
        """As :func:`fitting`, of this service; which pair it stands for is kept in mind."""
        fit = fitting(self.provider, pair)
        self._pairs[fit] = pair
        return fit

    @property
    def pair(self) -> Pair:
        """What is wanted of it, as it was asked for."""
        now: Pair = self.provider.pair
        return self._pairs.get(now, now)

    def leave(self) -> Handover:
        """Another comes into use; what is left for that one, in the pairs asked for."""
        left = self.cloud.hand_over()
        self._relapses = 0 if self._answered else self._relapses + 1
        self.in_use = False
        left = replace(left, pair=self.pair)
        return left.spoken_in(lambda pair: self._pairs.get(pair, pair))

    def enter(self, left: Handover) -> None:
        """Come into use, and answer what another has ``left``."""
        self.in_use, self._used_at = True, self._clock.now()
        self._answered = self._works_at is None  # one that was never lost is trusted
        self.cloud.take_over(left.spoken_in(self._taken))

    def _taken(self, pair: Pair) -> Pair:
        try:
            return self.fitting(pair)
        except UsageError:  # spoken before the languages were changed
            now: Pair = self.provider.pair
            return now

    def show(self, session: str) -> None:
        """Tell the main thread whether it is there; ``session`` is the conversation so far."""
        if not self.cloud.connected:
            self._post(LinkDown(self.reason or "not connected yet", wanted=False))
        elif self.session or session:
            self._post(LinkUp(self.session or session))
        else:
            self._post(LinkDown("nobody has spoken yet", wanted=True))
