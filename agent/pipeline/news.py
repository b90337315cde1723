"""What is said of trouble that repeats: at once, and then in measure.

A fault may come back hundreds of times a second.  Its event is for people and must neither
push transcripts out of the outbox nor fill the log, so it is bounded where it is made.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from agent.audio.pcm import PACKET_MS
from agent.clock import Backoff, Clock
from agent.events import Notice
from agent.report.telemetry import Telemetry

EVERY_S = 5.0
CALM_S = 60.0  # a device that was back for so long is good again
LONGEST_PROOF_S = 30.0
STEADY_S = 1.0  # it worked for so long: when it fails now it is tried again at once


def lost_audio(packets: int) -> Notice:
    """So many packets of speech are lost."""
    return Notice("lost_audio", {"packets": packets, "duration_ms": packets * PACKET_MS})


class Seldom:
    """Posts one kind of notice: the first at once, then at most one each 5 s, with the sums."""

    def __init__(self, event: str, post: Callable[[Notice], None], clock: Clock) -> None:
        self._event, self._post, self._clock = event, post, clock
        self._sums: Counter[str] = Counter()
        self._next = -math.inf
        self.waiting = False  #: whether something is yet to be told

    def add(self, **amounts: int) -> None:
        """It happened; ``amounts`` are added up until they are told."""
        self._sums.update(amounts)
        self.waiting = True
        self.tell()

    def tell(self) -> None:
        """Tell what waits, if it is time."""
        if self.waiting and self._clock.now() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Tell what waits now, as nothing more will come."""
        if self.waiting:
            self.waiting = False
            sums, self._sums = self._sums, Counter()
            self._next = self._clock.now() + EVERY_S
            self._post(Notice(self._event, dict(sums)))


class Losses:
    """Counts and tells packets that were overwritten before they were used."""

    def __init__(self, telemetry: Telemetry, post: Callable[[Notice], None], clock: Clock) -> None:
        self._telemetry, self._seen = telemetry, 0
        self._news = Seldom("lost_audio", post, clock)

    def watch(self, lost: int) -> None:
        """``lost`` are the packets lost in all."""
        packets = lost - self._seen
        if packets > 0:
            self._seen = lost
            self._telemetry.count("lost_packets", packets)
            self._news.add(packets=packets, duration_ms=packets * PACKET_MS)
        elif self._news.waiting:
            self._news.tell()

    def flush(self) -> None:
        """Nothing more will be lost."""
        self._news.flush()


class Presence:
    """Is a device there?  One that comes and goes is away until it stays.

    The first time it is back as soon as it works.  Each time it is lost again within a
    minute it must work twice as long before it is back, up to 30 s.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._backoff = Backoff(base=0.25, cap=1.0)
        self._proof = 0.0
        self._back_at = -math.inf
        self._works_since: float | None = None
        self.away = False  #: what was last told
        self.trying = False  #: it was lost, and has not worked for a second since

    def lost(self) -> bool:
        """It failed; true when that is news."""
        self.trying, self._works_since = True, None
        if self.away:
            return False
        again = self._clock.now() - self._back_at < CALM_S
        self._proof = min(LONGEST_PROOF_S, max(1.0, 2 * self._proof)) if again else 0.0
        self.away = True
        return True

    def pause(self) -> float:
        """Seconds to wait before it is opened again."""
        return self._backoff.next()

    def works(self) -> bool:
        """It gave or took sound; true when with that it is back, which is news."""
        now = self._clock.now()
        if self._works_since is None:
            self._works_since = now
        worked = now - self._works_since
        back = self.away and worked >= self._proof
        if back:
            self.away, self._back_at = False, now
        if worked >= STEADY_S and not self.away:
            self._backoff.reset()
            self.trying = False
        return back
