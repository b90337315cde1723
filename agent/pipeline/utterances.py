"""The cloud as uploads: a recorder makes clips of what is said, an uploader sends them.

While one press is being uploaded the next is recorded; what cannot be sent now waits
in the spool, over restarts too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from math import inf

from agent.audio.pcm import PACKET_MS
from agent.audio.segment import Segment, Segmenter
from agent.clock import is_set
from agent.events import LinkUp, Pair, Stretch, Unanswered
from agent.link.spool import Recording, Spool
from agent.link.tape import Take, Tape
from agent.pipeline.cloud import Parts
from agent.threads import Wake, Worker


class Utterances:
    """A service that takes utterances (see :class:`agent.pipeline.cloud.Cloud`)."""

    def __init__(self, parts: Parts, spool: Spool, segmenter: Segmenter) -> None:
        self.tts = parts.provider.service.tts
        self.workers: Sequence[Worker] = ()
        self.connected = True
        self.hurried_at = -inf
        self.spool = spool
        self.session = ""
        self.unspoken_ms = 0  #: of the recording that is answered, but for its speech
        self.wake = Wake()  # the recorder's
        self.idle = Wake()  # the uploader's: there may be something to send
        self._parts = parts
        self._lock = threading.Lock()
        self._tape = Tape(parts.ring, catch_up=False)
        self._segmenter = segmenter
        self._take: Take | None = None  # the one being recorded
        self._origin = 0
        self._active_at: float | None = None
        self._opened = False  # since the recorder last looked
        self._tell: Callable[[Unanswered], None] = lambda now: None
        self._unkept: list[Take] = []  # not all in the spool yet, oldest first
        self._kept_to = 0  # ring packet before which everything is in the spool
        self._repeats_to = 0  # before this one, another process may have put it there

    # --- for the controller ------------------------------------------------------------------

    @property
    def backlog_ms(self) -> int:
        with self._lock:
            packets = self._tape.backlog + self._segmenter.pending
        return packets * PACKET_MS + self.spool.waiting_ms

    @property
    def unanswered_ms(self) -> int:
        return self.spool.waiting_ms + self.unspoken_ms

    def captured(self) -> None:
        self.wake.set()

    def open(self, start: int, pair: Pair) -> None:
        with self._lock:
            self._open(start, pair)
            self._changed()
        self.wake.set()

    def close(self, end: int) -> None:
        with self._lock:
            self._tape.close(end)
            self._changed()
        self.wake.set()

    def hurry(self) -> None:
        self.hurried_at = self._parts.clock.now()
        self.idle.set()

    def switch_tts(self, enabled: bool) -> None:
        self.tts = enabled

    def renew(self, pair: Pair) -> None:
        """Each clip goes with the pair it was spoken in; there is nothing to renew."""

    def remember(self, keep: Callable[[Unanswered], None]) -> None:
        self._tell = keep

    def recover(self, found: Unanswered) -> None:
        with self._lock:
            for take in found.takes:
                self._open(take.start, take.pair)
                if take.end is not None:
                    self._tape.close(take.end)
            self._kept_to, self._repeats_to = found.resume, self._parts.ring.head
            self._changed()

    def free(self) -> None:
        self.spool.flush()  # the disk may have room again
        self.wake.close()
        self.idle.close()

    # --- for the recorder --------------------------------------------------------------------

    def collect(self) -> Segment | None:
        """Move captured packets into clips until one is complete."""
        with self._lock:
            while (packet := self._tape.next()) is not None:
                take = self._tape.current
                if take is not self._take and self._segmenter.pending:
                    return self._segmenter.finish()  # a clip never spans two presses
                self._take = take
                self._tape.sent(packet)
                segment = self._segmenter.feed(packet)
                if segment is not None:
                    return segment
            self._tape.forget(self._tape.seq)
            if self._tape.takes or self._segmenter.pending:
                return None if self._tape.takes else self._segmenter.finish()
            if self._unkept:
                self._kept(self._tape.seq)
            return None

    @property
    def recording(self) -> bool:
        """Whether a gate is open or a tail is still to come."""
        with self._lock:
            opened, self._opened = self._opened, False
            return opened or bool(self._tape.takes)

    @property
    def lost(self) -> int:
        """Packets overwritten before they were recorded."""
        return self._tape.lost

    def keep(self, segment: Segment) -> list[Recording]:
        """Put a clip into the spool; returns what had to go for it."""
        rate = self._parts.config.audio.rate
        start_ms = max(0, segment.start - self._origin) * PACKET_MS
        pair = self._take.pair if self._take else self._parts.provider.pair
        clock = self._parts.clock
        at = clock.utc().timestamp() if is_set(clock) else None
        again = segment.start < self._repeats_to
        made = Recording(0, self.session, start_ms, pair, rate, segment.pcm, at, again)
        gone = self.spool.put(made)
        with self._lock:
            self._kept(segment.start + len(segment.pcm) // self._parts.ring.packet_bytes)
        return gone

    # --- under the lock ----------------------------------------------------------------------

    def _open(self, start: int, pair: Pair) -> None:
        self._begin_session()
        self._opened = True
        self._tape.open(start, pair)
        newest = self._tape.takes[-1]
        if self._origin < 0:
            self._origin = newest.start
        if not self._unkept or self._unkept[-1] is not newest:
            self._unkept.append(newest)

    def _kept(self, upto: int) -> None:
        """Everything before ring packet ``upto`` is in the spool."""
        self._kept_to = max(self._kept_to, upto)
        self._unkept = [t for t in self._unkept if t.end is None or t.end > self._kept_to]
        self._changed()

    def _changed(self) -> None:
        takes = tuple(Stretch(take.start, take.end, take.pair) for take in self._unkept)
        self._tell(Unanswered(takes, resume=self._kept_to))

    def _begin_session(self) -> None:
        now, idle = self._parts.clock.now(), self._parts.config.network.idle_close_s
        if self._active_at is None or now - self._active_at > idle:
            self.session = self._parts.provider.new_session()
            self._origin = -1
            self._parts.post(LinkUp(self.session))
        self._active_at = now
