"""What the microphone is about to hear of our own speaker: the far end of the canceller.

The player's thread writes what the card was given, the capture thread reads it by the time its
samples were captured.  Both speak of samples by one number: the microphone's own count of them.
Within a speech its samples follow one another as they were written, whatever the clocks say, so two
sides of one card stay together to the sample; cards that drift apart are brought together by a
sample at a time.

No lock: the writer stores what lies ahead of the reader, and the reader clears what it has read.
"""

from __future__ import annotations

from collections import deque

import numpy
from numpy.typing import NDArray

Samples = NDArray[numpy.int16]

MEMORY_S = 4.0
LEAD_S = 0.02  # the reference comes so much before its echo: some sound servers let a sound be
# recorded before it is played, and an echo before its sound is none to a canceller
SLACK_S = 0.01  # further off by the clock than this it is moved
GAP_S = 0.015  # further than this, it is another speech, or one that ran dry
WINDOW_S, WINDOWS = 1.0, 4


class Timeline:
    """Which sample of the microphone belongs to a time, from when its samples were read.

    A thread may be woken late but never early, so the earliest of some seconds is the truth.
    Memory: a number a second, four of them.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._minima: deque[float] = deque(maxlen=WINDOWS)
        self._since = 0.0
        self.count = 0  #: samples captured so far, with those that were lost
        self.offset: float | None = None  #: when sample 0 was captured (s); None: not known yet
        self.torn = (
            False  #: samples were lost, or the microphone away: only the clock knows how many
        )

    def captured(self, samples: int, now: float) -> None:
        """``samples`` more came by ``now`` (s)."""
        self.count += samples
        offset = now - self.count / self._rate
        if self.offset is None:
            self.offset, self._since = offset, now
            self._minima.append(offset)
        elif self.torn:
            self.count += max(0, round((offset - self.offset) * self._rate))
        elif now - self._since >= WINDOW_S:
            self._since = now
            self._minima.append(offset)
            self.offset = min(self._minima)
        else:
            self._minima[-1] = min(self._minima[-1], offset)
            self.offset = min(self.offset, offset)
        self.torn = False

    def at(self, time: float) -> int | None:
        """The sample captured at ``time`` (s); None before there was any."""
        return None if self.offset is None else round((time - self.offset) * self._rate)


class Reference:
    """The speaker's sound by the microphone's count of samples, at ``rate`` samples a second."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._size = int(MEMORY_S * rate)
        self._sound: Samples = numpy.zeros(self._size, numpy.int16)
        self._timeline = Timeline(rate)
        self._cursor = 0  # the next sample to be read
        self._next = -self._size  # where the next of this speech goes

    # --- the capture thread ------------------------------------------------------------------

    def captured(self, samples: int, now: float) -> None:
        """So many ``samples`` were read from the microphone by ``now`` (s)."""
        torn = self._timeline.torn
        self._timeline.captured(samples, now)
        if torn:
            start = self._timeline.count - samples
            self.read(min(start - self._cursor, self._size))
            self._cursor = start

    def torn(self) -> None:
        """The microphone lost samples, or was opened anew: nothing unread is still to come."""
        self._timeline.torn = True

    def read(self, samples: int) -> Samples:
        """What the speaker played for the next ``samples`` of the microphone (at most 4 s)."""
        places = numpy.arange(self._cursor, self._cursor + samples) % self._size
        sound = self._sound[places]
        self._sound[places] = 0
        self._cursor += samples
        return sound

    # --- the player's thread -----------------------------------------------------------------

    def played(self, sound: Samples, until: float) -> None:
        """``sound`` was written to the speaker, which will have played it at ``until`` (s)."""
        end = self._timeline.at(until - LEAD_S)
        if end is None:
            return
        start = end - len(sound)
        early = (start - self._next) / self._rate
        if abs(early) <= GAP_S:
            start = self._next
            if early > SLACK_S:
                sound = numpy.concatenate((sound[:1], sound))
            elif early < -SLACK_S:
                sound = sound[1:]
        self._next = start + len(sound)
        self._store(start, sound)

    def silenced(self, now: float) -> None:
        """What was not yet played at ``now`` (s) never will be."""
        start = self._timeline.at(now - LEAD_S)
        if start is not None and start < self._next:
            start = max(start, self._next - self._size)
            self._store(start, numpy.zeros(self._next - start, numpy.int16))
        self._next = -self._size

    def _store(self, start: int, sound: Samples) -> None:
        """Store what lies ahead of the reader, and not so far that it would meet it again."""
        first, last = self._cursor, self._cursor + self._size
        sound = sound[max(0, first - start) : max(0, last - start)]
        start = max(start, first)
        self._sound[numpy.arange(start, start + len(sound)) % self._size] = sound
