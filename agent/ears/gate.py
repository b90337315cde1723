"""Is it a person, or what is left of our own voice?

While the speaker is heard, a voice counts only if it stands out of the echo's rest.  How much of it
is left depends on the room, on the speaker and on how well the canceller knows both, so it is
learned all the time, as a share of what was played: fast where there is more than was thought,
slowly where there is less.  Nothing is known at first, and so the first words of a device cannot be
talked over until the canceller has found their echo.

A canceller that knows the room may know it no more: the delay of the devices moved, as a sound
server's does that was asleep.  Then all of the echo is left, as loud as a person; but it is what
was played, and a person says something else.  If that were a voice it would silence the speaker, at
each word, before the canceller has heard enough to find the new delay.
"""

from __future__ import annotations

import math
from collections import deque

import numpy

from agent.audio.pcm import PACKET_MS
from agent.ears.delay import LONGEST_S, likeness
from agent.ears.reference import Samples

MARGIN_DB = 11.0  # a person is louder than the rest by so much
RISE, FALL = 0.3, 0.01  # of the difference, a packet
IN_A_ROW = 2  # packets: what is left of an echo comes in bursts, a word does not
JUDGED_S = 0.2  # of sound, to tell whether it is what was played
OWN = 0.5  # a likeness; of an echo it is 0.8 (0.55 to 0.9), of a person over it 0.2 (0.1 to 0.35)
SILENT = 10.0  # a mean square (steps of a sample squared) below which nothing is played


class Gate:
    """Judges packets of 40 ms: what the speaker played, and what the canceller left."""

    def __init__(self) -> None:
        self._played: deque[float] = deque(maxlen=1 + _packets(LONGEST_S))
        self._far: deque[Samples] = deque(maxlen=_packets(LONGEST_S + JUDGED_S))
        self._clean: deque[Samples] = deque(maxlen=_packets(JUDGED_S))
        self._rest = 0.0  # dB of what was played, the loudest that is usual
        self._stands = self._audible = False
        self._row = 0

    def feed(self, clean: Samples, far: Samples) -> None:
        """One packet of each."""
        self._clean.append(clean)
        self._far.append(far)
        self._played.append(power(far))
        loudest = max(self._played)
        self._audible = loudest > SILENT
        if not self._audible:
            return
        left = 10 * math.log10(max(power(clean), 1e-3) / loudest)
        self._stands = left > self._rest + MARGIN_DB
        if not self._stands:
            self._rest += (RISE if left > self._rest else FALL) * (left - self._rest)

    def passes(self, voiced: bool) -> bool:
        """Whether the newest packet, in which a voice was found or not, counts.

        To be asked once a packet.
        """
        counts = voiced and (not self._audible or (self._stands and not self._own()))
        self._row = self._row + 1 if counts else 0
        return not self._audible or self._row >= IN_A_ROW

    def _own(self) -> bool:
        """Whether what is heard is our own voice, not cancelled."""
        heard, far = numpy.concatenate(self._clean), numpy.concatenate(self._far)
        return likeness(heard, far) > OWN

    def forget(self) -> None:
        """Another canceller, or none: nothing is known of what it leaves."""
        for memory in (self._played, self._far, self._clean):
            memory.clear()
        self._rest, self._audible = 0.0, False


def _packets(seconds: float) -> int:
    return round(seconds * 1000 / PACKET_MS)


def power(sound: Samples) -> float:
    """The mean square, in steps of a sample squared."""
    wide = sound.astype(numpy.float32)
    return float(wide @ wide) / max(1, len(wide))
