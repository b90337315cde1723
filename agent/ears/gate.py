"""Is it a person, or what is left of our own voice?

While the speaker is heard, a voice counts only if it stands out of the echo's rest.  How much of it
is left depends on the room, on the speaker and on how well the canceller knows both, so it is
learned all the time, as a share of what was played: fast where there is more than was thought,
slowly where there is less.  Nothing is known at first, and so the first words of a device cannot be
talked over until the canceller has found their echo.
"""

from __future__ import annotations

import math
from collections import deque

import numpy

from agent.audio.pcm import PACKET_MS
from agent.ears.reference import Samples

ECHO_S = 0.5  # an echo comes at most so late
MARGIN_DB = 11.0  # a person is louder than the rest by so much
RISE, FALL = 0.3, 0.01  # of the difference, a packet
IN_A_ROW = 2  # packets: what is left of an echo comes in bursts, a word does not
SILENT = 10.0  # a mean square (steps of a sample squared) below which nothing is played


class Gate:
    """Judges packets of 40 ms: what the speaker played, and what the canceller left."""

    def __init__(self) -> None:
        self._played: deque[float] = deque(maxlen=1 + round(ECHO_S * 1000 / PACKET_MS))
        self._rest = 0.0  # dB of what was played, the loudest that is usual
        self._stands = self._audible = False
        self._row = 0

    def feed(self, clean: Samples, far: Samples) -> None:
        """One packet of each."""
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
        self._row = self._row + 1 if voiced and (self._stands or not self._audible) else 0
        return not self._audible or self._row >= IN_A_ROW

    def forget(self) -> None:
        """Another canceller, or none: nothing is known of what it leaves."""
        self._played.clear()
        self._rest, self._audible = 0.0, False


def power(sound: Samples) -> float:
    """The mean square, in steps of a sample squared."""
    wide = sound.astype(numpy.float32)
    return float(wide @ wide) / max(1, len(wide))
