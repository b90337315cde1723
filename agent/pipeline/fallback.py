"""Several services for one: the first that works is in use.

A :class:`Fallback` is a cloud made of clouds.  When the service in use cannot be reached,
or refuses, for ``network.fallback_after_s``, the next takes over what was said and has no
answer.  The better ones are asked in their own time whether they are there again, and taken
back where nobody would notice: when all is answered, and nobody speaks.

A thread looks when it is time; what is done about it is done in the main thread, as all that
is done with a cloud.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.audio.pcm import PACKET_MS
from agent.config.schema import Service
from agent.errors import RunError, UsageError
from agent.events import Notice, Pair, Question, Settled, Unanswered
from agent.link.handover import Handover
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.rung import Rung, fitting
from agent.services.provider import Provider
from agent.threads import Wake, Worker

log = logging.getLogger(__name__)

LOOK_S = 0.25  # how often it is looked whether anything is to be done
QUIET_S = 1.5  # without speech: nobody speaks
LIVE_MS = 200  # of sound not sent yet: it keeps up

Build = Callable[[Parts], Cloud]


class Fallback:
    """Services in the order of preference (see :class:`agent.pipeline.cloud.Cloud`).

    ``parts`` are those of the first, ``others`` come after it; ``build`` makes the cloud of
    one.  It is made, with its threads, when it is needed.
    """

    def __init__(self, parts: Parts, others: Sequence[Service], build: Build) -> None:
        self._parts, self._others, self._build = parts, tuple(others), build
        self._now = Rung(parts, build, 0, last=not others)
        self._now.in_use = True
        self._rungs = {0: self._now}  # those that were made, by their place
        self._unable: dict[int, Pair] = {}  # what could not be had of others
        self._session = ""  # of the conversation, whoever leads it
        self._floor = 0  # ring packet; what lies before was sent, by whomever
        self._keep: Callable[[Unanswered], None] | None = None
        self._asked = False  # the main thread was told that it is time
        self._watch = Watch(self, parts)
        parts.telemetry.gauge("fallback", 0)

    # --- the service in use ------------------------------------------------------------------

    @property
    def provider(self) -> Provider:
        return self._now.provider

    @property
    def tts(self) -> bool:
        return self._now.cloud.tts

    @property
    def hurried_at(self) -> float:
        return self._now.cloud.hurried_at

    @property
    def connected(self) -> bool:
        return self._now.cloud.connected

    @property
    def backlog_ms(self) -> int:
        return self._now.cloud.backlog_ms

    @property
    def unanswered_ms(self) -> int:
        return self._now.cloud.unanswered_ms

    def captured(self) -> None:
        self._now.cloud.captured()

    def open(self, start: int, pair: Pair) -> None:
        self._now.cloud.open(max(start, self._floor), pair)

    def close(self, end: int) -> None:
        self._now.cloud.close(end)

    def hurry(self) -> None:
        for rung in self._rungs.values() if self._now.lost else (self._now,):
            rung.cloud.hurry()

    def switch_tts(self, enabled: bool) -> None:
        self._now.cloud.switch_tts(enabled)

    def renew(self, pair: Pair) -> None:
        self._now.cloud.renew(pair)

    def hand_over(self) -> Handover:
        return self._now.leave()

    def take_over(self, left: Handover) -> None:
        self._now.enter(left)

    def remember(self, keep: Callable[[Unanswered], None] | None) -> None:
        self._keep = keep
        self._now.cloud.remember(keep)

    def probe(self) -> None:
        """There is always one in use."""

    # --- all of them -------------------------------------------------------------------------

    @property
    def workers(self) -> Sequence[Worker]:
        made = [worker for rung in self._rungs.values() for worker in rung.cloud.workers]
        return [self._watch, *made]

    def free(self) -> None:
        for rung in self._rungs.values():
            rung.cloud.free()
        self._watch.free()

    # --- for the thread that looks -----------------------------------------------------------

    def look(self) -> None:
        """Ask after the better ones; have the main thread act when it is time."""
        for rung in self._better:
            if not rung.works:
                rung.cloud.probe()
        if not self._asked and self._is_time:
            self._asked = True
            self._parts.post(Question(self._act))

    @property
    def _is_time(self) -> bool:
        after = self._parts.config.network.fallback_after_s
        return self._back() is not None or (self._now.lost_for(after) and bool(self._left()))

    @property
    def _better(self) -> list[Rung]:
        """Those that would be in use if they worked, the best first."""
        made = sorted(self._rungs.items())
        return [rung for place, rung in made if place < self._now.place]

    def _left(self) -> list[int]:
        """The places of those to try when the one in use is lost."""
        places = range(self._now.place + 1, len(self._others) + 1)
        return [place for place in places if self._unable.get(place) != self._now.pair]

    def _back(self) -> Rung | None:
        """The better one to go back to now, if there is one."""
        better = next((rung for rung in self._better if rung.works), None)
        return better if better is not None and (self._now.lost or self._between) else None

    @property
    def _between(self) -> bool:
        """Whether nobody speaks, and all is answered or nobody waits for it any more."""
        if not self._quiet(QUIET_S) or self._parts.player.pending:
            return False
        answered = self.unanswered_ms == 0 and self.backlog_ms <= LIVE_MS
        return answered or self._quiet(self._parts.config.talk.result_timeout_s)

    def _quiet(self, seconds: float) -> bool:
        ring = self._parts.ring
        packets = round(seconds * 1000 / PACKET_MS)
        return not any(ring.voiced(seq) for seq in range(ring.head - packets, ring.head))

    # --- in the main thread ------------------------------------------------------------------

    def _act(self) -> None:
        self._asked = False
        if self._watch.stopping:
            return  # somebody chose another service meanwhile
        better = self._back()
        if better is not None:
            self._go(better, f"{better.provider.name} works again")
        elif self._is_time and (other := self._next()) is not None:
            self._go(other, self._now.reason)

    def _next(self) -> Rung | None:
        """The next one that can do what is wanted, ready to be used."""
        wanted = self._now.pair
        for place in self._left():
            provider = Provider(self._others[place - 1])
            try:
                fitting(provider, wanted)
                rung = self._rungs.get(place) or self._made(place, provider)
            except (UsageError, RunError) as error:
                self._unable[place] = wanted
                log.warning("service.fallback: %s", error)
            else:
                rung.provider.pair = rung.fitting(wanted)
                self._launch(rung)
                return rung
        return None

    def _made(self, place: int, provider: Provider) -> Rung:
        parts = replace(self._parts, provider=provider)
        self._rungs[place] = Rung(parts, self._build, place, last=place == len(self._others))
        return self._rungs[place]

    def _launch(self, rung: Rung) -> None:
        for worker in rung.cloud.workers:
            if not worker.alive:
                worker.on_death = self._watch.on_death
                worker.start()

    def _go(self, to: Rung, reason: str) -> None:
        was, wanted, tts = self._now, self._now.pair, self.tts
        left = was.leave()
        was.cloud.remember(None)
        to.cloud.remember(self._keep)
        self._session = was.session or self._session
        self._floor = max(self._floor, left.sent_to)
        to.provider.pair = to.fitting(wanted)
        to.cloud.switch_tts(tts)
        self._now = to
        to.enter(left)
        self._tell(was, to, reason)
        to.show(self._session)
        if not left.takes:  # whoever waited for the one that left, waits for nothing now
            self._parts.post(Settled())

    def _tell(self, was: Rung, to: Rung, reason: str) -> None:
        worse = to.place > was.place
        level = logging.WARNING if worse else logging.INFO
        log.log(level, "%s instead of %s: %s", to.provider.name, was.provider.name, reason)
        self._parts.telemetry.gauge("fallback", to.place)
        self._parts.telemetry.count("fallbacks", int(worse))
        names = {"from": was.provider.name, "to": to.provider.name}
        self._parts.post(Notice("fallback", names | {"reason": reason}))


class Watch(Worker):
    """Looks when it is time."""

    name = "fallback"

    def __init__(self, fallback: Fallback, parts: Parts) -> None:
        super().__init__(parts.clock)
        self._fallback, self._signal = fallback, Wake()

    def wake(self) -> None:
        self._signal.set()

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            self._fallback.look()
            self._signal.wait(LOOK_S)

    def free(self) -> None:
        """Give everything back, after the thread has ended."""
        self._signal.close()
