"""Cutting speech into clips for services that take one utterance at a time.

A clip ends where its take ends, where a pause is long enough (``pause``, for modes
without a button), or where the provider's limit comes near: then at the quietest
place there is, so that no word is cut in two if that can be helped.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import GUARDED, Packet

PAUSE = 800 // PACKET_MS
SEARCH = 0.5  # a clip that is cut by the limit keeps at least this share of it


@dataclass(frozen=True, slots=True)
class Segment:
    """Packets ``start`` … in a row as s16le mono; ``heard``: is it more than background?

    What is heard may be speech, also where no voice was found in it.
    """

    start: int
    pcm: bytes
    heard: bool


class Segmenter:
    """Collects packets; ``limit`` (packets) bounds a clip, ``pause`` (packets) ends one."""

    def __init__(self, limit: int | None, pause: int | None = None) -> None:
        self._limit, self._pause = limit, pause
        self._packets: list[Packet] = []
        self._quiet = 0

    def feed(self, packet: Packet) -> Segment | None:
        """Add one packet; the clip it completes, if it does."""
        if self._packets and packet.seq != self._packets[-1].seq + 1:
            done = self.finish()  # a gap: what was lost between must not be glued over
            self.feed(packet)
            return done
        if not self._packets and self._pause is not None and not packet.voiced:
            return None  # without a button a clip begins with speech
        self._packets.append(packet)
        self._quiet = 0 if packet.voiced else self._quiet + 1
        if self._pause is not None and self._quiet >= self._pause:
            return self.finish()
        if self._limit is not None and len(self._packets) >= self._limit:
            return self._cut(self._quietest())
        return None

    def finish(self) -> Segment | None:
        """The clip so far; None when there is nothing."""
        return self._cut(len(self._packets)) if self._packets else None

    @property
    def pending(self) -> int:
        """Packets collected and not yet in a clip."""
        return len(self._packets)

    def _cut(self, count: int) -> Segment:
        done, self._packets = self._packets[:count], self._packets[count:]
        self._quiet = 0
        silence = bytes(len(done[0].data))
        pcm = b"".join(silence if p.flags & GUARDED else p.data for p in done)
        return Segment(done[0].seq, pcm, not all(p.background for p in done))

    def _quietest(self) -> int:
        """Where to cut: the middle of the longest pause in the later part, else at the end."""
        best, length, run = len(self._packets), 0, 0
        for index in range(int(len(self._packets) * SEARCH), len(self._packets)):
            run = 0 if self._packets[index].voiced else run + 1
            if run >= max(length, 2):
                best, length = index + 1 - run // 2, run
        return best
