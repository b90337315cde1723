"""The cloud as uploads: a recorder makes clips of what is said, an uploader sends them.

While one press is being uploaded the next is recorded; what cannot be sent now waits
in the spool, over restarts too.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from math import inf

from agent.audio.pcm import PACKET_MS
from agent.audio.segment import Segment, Segmenter
from agent.clock import is_set
from agent.events import LinkUp, Pair, Stretch, Unanswered
from agent.link.handover import Handover
from agent.link.spool import Recording, Spool
from agent.link.tape import Take, Tape
from agent.pipeline.cloud import Parts
from agent.services.provider import Provider
from agent.threads import Wake, Worker

SAFE = 1000 // PACKET_MS  # packets: what lies so near the end of memory is not handed over


class Utterances:
    """A service that takes utterances (see :class:`agent.pipeline.cloud.Cloud`)."""

    def __init__(self, parts: Parts, spool: Spool, segmenter: Segmenter) -> None:
        self.tts = parts.provider.service.tts
        self.workers: Sequence[Worker] = ()
        self.connected = True
        self.hurried_at = -inf
        self.spool = spool
        self.session = ""
        self.wanted = False  #: somebody asks whether the service is there
        self.unspoken_ms = 0  #: of the recording that is answered, but for its speech
        self.wake = Wake()  # the recorder's
        self.idle = Wake()  # the uploader's: there may be something to send
        self._parts = parts
        self._lock = threading.Lock()
        self._packet_bytes = parts.ring.packet_bytes
        self._tape = Tape(parts.ring, catch_up=False)
        self._segmenter = segmenter
        self._take: Take | None = None  # the one being recorded
        self._origin = 0
        self._active_at: float | None = None
        self._opened = False  # since the recorder last looked
        self._cut: Segment | None = None  # handed to the recorder, and not in the spool yet
        self._saved: Segment | None = None  # on its way to the disk
        self._answered: int | None = None  # the recording whose answer is here
        self._keep: Callable[[Unanswered], None] | None = None
        self._repeats_until = 0  # what begins before may repeat another service's finals

    # --- for the controller ------------------------------------------------------------------

    @property
    def provider(self) -> Provider:
        return self._parts.provider

    @property
    def backlog_ms(self) -> int:
        with self._lock:
            packets = self._tape.backlog + self._segmenter.pending
        return packets * PACKET_MS + self.spool.waiting_ms

    @property
    def unanswered_ms(self) -> int:
        return self.spool.waiting_ms + self.unspoken_ms

    def captured(self) -> None:
        if self._tape.current is not None:
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

    def hand_over(self) -> Handover:
        """Everything in the ring that is not answered; what is older waits on for this service."""
        with self._lock:
            sent_to, repeats = self._tape.furthest, [self._repeats_until]
            takes = []
            for recording in self.spool.withdraw(self._in_ring):
                assert recording.stretch is not None
                takes.append(Take(*recording.stretch, recording.pair))
                repeats += [recording.stretch[1]] if recording.replayed else []
            takes += self._unfinished()
            takes.sort(key=lambda take: take.start)  # one that was refused waits behind the others
            self._repeats_until = 0
        return Handover(tuple(takes), max(repeats), sent_to)

    def take_over(self, left: Handover) -> None:
        with self._lock:
            self._repeats_until = left.repeats_until
            for take in left.takes:
                self._open(take.start, take.pair)
                if take.end is not None:
                    self._tape.close(take.end)
            self._changed()
        self.wake.set()

    def remember(self, keep: Callable[[Unanswered], None] | None) -> None:
        self._keep = keep

    def probe(self) -> None:
        self.wanted = True

    def free(self) -> None:
        self.spool.flush()  # the disk may have room again
        self.wake.close()
        self.idle.close()

    # --- for the recorder --------------------------------------------------------------------

    def collect(self) -> Segment | None:
        """Move captured packets into clips until one is complete."""
        with self._lock:
            self._cut = self._collect()
            return self._cut

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
        with self._lock:
            if self._cut is not segment:
                return []  # another service has taken it over
            self._cut, self._saved = None, segment
            self._changed()
        rate = self._parts.config.audio.rate
        start_ms = max(0, segment.start - self._origin) * PACKET_MS
        pair = self._take.pair if self._take else self._parts.provider.pair
        clock = self._parts.clock
        at = clock.utc().timestamp() if is_set(clock) else None
        stretch = segment.start, segment.start + len(segment.pcm) // self._packet_bytes
        replayed = segment.start < self._repeats_until
        gone = self.spool.put(
            Recording(0, self.session, start_ms, pair, rate, segment.pcm, at, replayed, stretch)
        )
        with self._lock:
            self._saved = None
            self._changed()
        return gone

    # --- for the uploader --------------------------------------------------------------------

    def claim(self, recording: Recording) -> bool:
        """Its answer is here: whether it is ours to hand on, and from now on nobody else's."""
        with self._lock:
            self._answered = recording.number
            return self.spool.holds(recording)

    # --- under the lock ----------------------------------------------------------------------

    def _open(self, start: int, pair: Pair) -> None:
        self._begin_session()
        self._opened = True
        self._tape.open(start, pair)
        if self._origin < 0:
            self._origin = self._tape.takes[-1].start

    def _collect(self) -> Segment | None:
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
        return None if self._tape.takes else self._segmenter.finish()

    def _in_ring(self, recording: Recording) -> bool:
        """Whether another service could be given it: it is in memory whole, and not answered."""
        stretch, ring = recording.stretch, self._parts.ring
        least = ring.head - ring.capacity + SAFE
        return stretch is not None and stretch[0] >= least and recording.number != self._answered

    @property
    def _begun(self) -> int:
        """The ring packet before which everything is in recordings."""
        begin = self._tape.seq - self._segmenter.pending
        return begin if self._cut is None else min(begin, self._cut.start)

    @property
    def _takes(self) -> list[Take]:
        """Those that are not in recordings to their end."""
        here = list(self._tape.takes)
        return here if self._take is None or self._take in here else [self._take, *here]

    def _changed(self) -> None:
        if self._keep is not None:
            begin, covered = self._begun, self._repeats_until
            if self._saved is not None:  # perhaps it is on the disk already
                begin = min(begin, self._saved.start)
                end = self._saved.start + len(self._saved.pcm) // self._packet_bytes
                covered = max(covered, end)
            here = [take for take in self._takes if take.end is None or take.end > begin]
            takes = tuple(Stretch(take.start, take.end, take.pair) for take in here)
            self._keep(Unanswered(takes, begin, covered, service=self._parts.provider.name))

    def _unfinished(self) -> tuple[Take, ...]:
        """What is in no recording yet, which is forgotten here."""
        begin = self._begun
        self._tape.takes = deque(self._takes)
        self._segmenter.finish()
        self._take = self._cut = None
        return self._tape.hand_over(begin)

    def _begin_session(self) -> None:
        now, idle = self._parts.clock.now(), self._parts.config.network.idle_close_s
        if self._active_at is None or now - self._active_at > idle:
            self.session = self._parts.provider.new_session()
            self._origin = -1
            self._parts.post(LinkUp(self.session))
        self._active_at = now
