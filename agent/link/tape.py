"""The tape: which packets of the ring go to the service, and in which order.

Somebody opens and closes the gate; each opening is a :class:`Take`, a stretch of the
ring.  The tape plays the takes one after the other from a position that can be wound
back (replay).  When it lags behind the microphone it wins time back by leaving out
silence (packets that are certainly background), never by speed: of each silence ``KEEP``
packets stay, ``LEAST`` while it is ``FAR`` behind, so that the service still hears where a
sentence ends, and ``PAD`` packets stay before speech, so that a soft first consonant is not cut.

How long a pause must be to end a sentence, TWeTalk's and TSI's documents do not say; Tencent's
speech translation lets it be chosen, from 500 ms (page 1093/127565, ``vad_silence_time``).
``LEAST`` and ``PAD`` together are 100 ms more than that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import Packet, Ring
from agent.events import Pair

KEEP = 800 // PACKET_MS
LEAST = 400 // PACKET_MS
FAR = 240 // PACKET_MS
PAD = 200 // PACKET_MS
LONG_SILENCE = 2 * KEEP  # after this much even the pad may go: nobody is speaking


@dataclass(slots=True)
class Take:
    """Ring packets ``start`` to ``end`` (exclusive; None while the gate is open)."""

    start: int
    end: int | None
    pair: Pair

    def speaks(self, pair: Pair) -> bool:
        """Whether it is in ``pair``; asked for each packet, and nearly always the same object."""
        return self.pair is pair or self.pair == pair


class Tape:
    """Takes on a ring, and the position of the next packet to send.

    With ``catch_up`` silence is left out while the position lags.
    """

    def __init__(self, ring: Ring, *, catch_up: bool = True) -> None:
        self._ring, self._catch_up = ring, catch_up
        self.takes: deque[Take] = deque()
        self.seq = 0  #: the next packet to send, if a take holds it
        self.furthest = 0  #: one past the newest packet ever sent
        self.lost = 0  #: packets of takes overwritten before they were sent, or sent again
        self._gone = 0  # everything before is counted in ``lost``, if it was lost
        self.skipped = 0  #: silent packets left out to catch up
        self._quiet = KEEP  # silent packets sent in a row
        #: the take the position is in, or before; None when all were played.  The capture
        #: thread looks at it without a lock: it wakes who sends only while there is one.
        self.current: Take | None = None

    # --- the gate ----------------------------------------------------------------------------

    def open(self, start: int, pair: Pair) -> None:
        """Begin a take at ring packet ``start`` (the pre-roll); nothing is ever sent twice."""
        last = self.takes[-1] if self.takes else None
        if last is not None:
            if last.end is None:
                return
            # A press during the tail of the last take goes on where that take stands.
            last.end = min(last.end, max(self._ring.head, last.start))
            start = max(start, last.end)
        self.takes.append(Take(max(start, self.furthest, 0), None, pair))
        if len(self.takes) == 1:
            self.seq = self.takes[0].start
            self._quiet = max(self._quiet, KEEP)
        self._find()

    def close(self, end: int) -> None:
        """End the last take before ring packet ``end``, which may be yet to come (the tail).

        A take that is closed already can only be made shorter.
        """
        if self.takes:
            last = self.takes[-1]
            last.end = max(end if last.end is None else min(end, last.end), last.start)
            self._find()

    @property
    def is_open(self) -> bool:
        return bool(self.takes) and self.takes[-1].end is None

    # --- playing -----------------------------------------------------------------------------

    def next(self, pair: Pair | None = None, spare: bool = True) -> Packet | None:
        """The next packet to send, or None when it is not captured yet or all is played.

        With ``pair`` None also where a take in another pair begins.  ``spare`` tells
        whether pacing has a packet to spare: where not, a long silence gives it one.

        Moves over silence left out and over packets lost, but not over the packet it
        returns: :meth:`sent` does.
        """
        while (take := self.current) is not None and (pair is None or take.speaks(pair)):
            packet = self._ring.read(self.seq)
            if packet is None:
                if self.seq >= self._ring.head:
                    return None
                self._skip_lost(take)
            elif self._quiet < LEAST or not packet.background or not self._may_skip(spare):
                return packet
            else:
                self.skipped += 1
                self.seq += 1
                self._find()
        return None

    def sent(self, packet: Packet) -> None:
        """``packet`` has left: move on."""
        seq = self.seq = packet.seq + 1
        if seq > self.furthest:
            self.furthest = seq
        self._quiet = self._quiet + 1 if packet.background else 0
        take = self.current
        if take is None or take.end is not None or seq <= take.start:
            self._find()

    def silence_sent(self) -> None:
        """A packet of made silence has left (keepalive, trailing silence)."""
        self._quiet += 1

    @property
    def live(self) -> bool:
        """Whether no packet is waiting behind the next one."""
        return self._ring.head - self.seq <= 1 or self.backlog <= 1

    @property
    def backlog(self) -> int:
        """Packets captured for sending and not sent yet."""
        head, begin = self._ring.head, max(self.seq, self._ring.tail)
        return sum(
            max(0, (head if take.end is None else min(take.end, head)) - max(take.start, begin))
            for take in self.takes
        )

    # --- answered and not --------------------------------------------------------------------

    def rewind(self, seq: int) -> None:
        """Play again from ``seq`` on a new connection."""
        self.seq = min(self.seq, seq)
        self._quiet = KEEP
        self._find()

    def forget(self, seq: int) -> None:
        """All speech before ``seq`` is answered: drop the takes that hold no other."""
        while self.takes and (end := self.takes[0].end) is not None and end <= self.seq:
            if any(self.voiced(n) for n in range(max(seq, self.takes[0].start), end)):
                return
            self.takes.popleft()

    def clear(self) -> None:
        """Drop all takes."""
        self.takes.clear()
        self.current = None

    def hand_over(self, seq: int) -> tuple[Take, ...]:
        """Forget all takes, as if none had been; what of them lies from ``seq`` on."""
        left = [Take(max(take.start, seq), take.end, take.pair) for take in self.takes]
        self.clear()
        self.furthest = 0  # what was sent is theirs now who answer it
        return tuple(take for take in left if take.end is None or take.start < take.end)

    def voiced(self, seq: int) -> bool:
        """Whether packet ``seq`` is speech that belongs to a take."""
        return self._ring.voiced(seq) and any(
            take.start <= seq and (take.end is None or seq < take.end) for take in self.takes
        )

    def _find(self) -> None:
        """Find the current take, and move up to it."""
        self.current = None
        for take in self.takes:
            if take.end is None or max(self.seq, take.start) < take.end:
                self.current, self.seq = take, max(self.seq, take.start)
                return

    def _skip_lost(self, take: Take) -> None:
        tail = self._ring.tail
        upto = tail if take.end is None else min(tail, take.end)
        # Never sent, or sent and never answered; but each packet is lost only once.
        self.lost += max(0, upto - max(self.seq, self._gone))
        self._gone = max(self._gone, upto)
        self.seq = max(self.seq, upto)
        self._find()

    def _may_skip(self, spare: bool) -> bool:
        """Whether background may be left out here, after ``LEAST`` packets of it."""
        ahead = self._ring.head - self.seq - 1
        if self._quiet < KEEP and ahead < FAR:
            return False
        long = self._quiet >= LONG_SILENCE
        if ahead < 1:  # not behind; but each packet waits for its token ever after a burst
            return self._catch_up and long and not spare
        if not self._catch_up or (ahead < PAD and not long):
            return False
        return all(self._ring.background(self.seq + i) for i in range(1, min(ahead, PAD) + 1))
