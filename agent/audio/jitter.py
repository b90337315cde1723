"""The jitter buffer between the network and the speaker.

Speech comes in messages of any size, in bursts or late; the speaker takes even
portions.  The buffer holds back until so much speech is there as its
:class:`~agent.audio.depth.Depth` says (or the first of it has waited that long, so that a
short word is spoken too), then gives all that comes until the speaker has run dry: not
the buffer, for a speaker has a buffer of its own.  A message may end in the middle of a
sample: its odd byte is carried to the next message, so what is stored, given or dropped
is always whole 16-bit samples.
"""

from __future__ import annotations

import math
import threading

from agent.audio.depth import Depth
from agent.audio.pcm import SAMPLE_BYTES


class JitterBuffer:
    """A bounded queue of samples that holds back at first; one thread puts, one takes.

    ``rate`` is samples a second, ``limit`` the most seconds of speech that are kept.
    """

    def __init__(self, depth: Depth, rate: int, limit: float) -> None:
        self.depth = depth
        self.overflow = 0  #: bytes thrown away because the buffer was full, in all
        self.first = False  #: whether the newest portion is the first after holding back
        self.gap = 0.0  #: seconds of silence an underrun made before the newest portion
        self._bytes_per_s = rate * SAMPLE_BYTES
        self._limit = int(rate * limit) * SAMPLE_BYTES
        self._bytes = bytearray()
        self._carry = b""
        self._since: float | None = None  # when the oldest stored sample came
        self._fresh = False  # the next message begins another sentence
        self._open = False  # gives what there is
        self._underrun = self._late = False  # in this sentence; just before what is stored
        self._dry_at = math.inf  # when the speaker will have played all it was given
        self._spare = math.inf  # the least that was in hand when a message came
        self._lock = threading.Lock()

    def put(self, pcm: bytes, now: float) -> int:
        """Append speech; returns how many bytes had no room and were dropped."""
        with self._lock:
            pcm = self._carry + pcm
            whole = len(pcm) & ~1
            self._carry = pcm[whole:]
            if whole:
                self._judge(now)
            kept = min(whole, self._limit - len(self._bytes))
            self._bytes += pcm[:kept]
            if self._since is None and self._bytes:
                self._since = now
            self.overflow += whole - kept
            return whole - kept

    def skip(self, pcm: bytes) -> None:
        """Pass over a message that is not wanted: only where samples begin is kept."""
        with self._lock:
            pcm = self._carry + pcm
            self._carry = pcm[len(pcm) & ~1 :]

    def take(self, size: int, now: float, stock: float = 0.0) -> bytes:
        """Up to ``size`` bytes, whole samples, to be played at once; empty while it holds back.

        ``stock`` is how many seconds of sound the speaker still has.
        """
        with self._lock:
            held_back = not self._open
            self._open = self._open or self._filled(now)
            if not self._open or not self._bytes:
                return b""
            self.first = held_back
            portion = bytes(self._bytes[: size & ~1])
            del self._bytes[: size & ~1]
            if not self._bytes:
                self._since = None
            self.gap = now - self._dry_at if self._late else 0.0
            self._late = False
            self._dry_at = now + stock + len(portion) / self._bytes_per_s
            return portion

    def sentence(self) -> None:
        """What comes next is another sentence: a silence before it is no underrun."""
        self._fresh = True

    def rest(self) -> None:
        """The speech is over: hold back before the next."""
        with self._lock:
            self._end()

    def clear(self) -> int:
        """Barge-in: forget what is stored; returns how many bytes that was."""
        with self._lock:
            dropped = len(self._bytes)
            self._bytes.clear()
            self._since = None
            self._rest()
            return dropped

    def new_stream(self) -> None:
        """A new connection: half a sample of the old one is not part of it."""
        with self._lock:
            self._carry = b""

    def ready_at(self) -> float | None:
        """When :meth:`take` gives something even if nothing more comes; None if never."""
        with self._lock:
            if self._since is None:
                return None
            ready = self._open or self._seconds >= self._enough
            return self._since if ready else self._since + self._enough

    def __len__(self) -> int:
        return len(self._bytes)

    # --- under the lock ----------------------------------------------------------------------

    @property
    def _seconds(self) -> float:
        return len(self._bytes) / self._bytes_per_s

    @property
    def _enough(self) -> float:
        """Seconds to hold back.

        After an underrun no more than is configured: the silence has put the rest of the
        sentence off by what was missing already.
        """
        return self.depth.least if self._underrun else self.depth.seconds

    def _filled(self, now: float) -> bool:
        if self._since is None:
            return False
        return self._seconds >= self._enough or now >= self._since + self._enough

    def _judge(self, now: float) -> None:
        """A message comes: how much was still in hand, or how late is it?"""
        fresh, self._fresh = self._fresh, False
        if not self._open:
            return
        spare = self._dry_at + self._seconds - now
        if spare >= 0:
            self._spare = min(self._spare, spare)
        elif not self._bytes:  # else it is not the message that is late
            if fresh:
                self._end()
            else:
                self._open, self._late, self._underrun = False, True, True
                self.depth.late(-spare)

    def _end(self) -> None:
        """A sentence is over; what it had to spare is a lesson if messages came while it played."""
        if not self._underrun and self._spare < math.inf:
            self.depth.calm(self._spare)
        self._rest()

    def _rest(self) -> None:
        self._open = self._underrun = self._late = False
        self._dry_at = self._spare = math.inf
