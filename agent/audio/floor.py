"""The noise floor of a microphone: what it gives while nobody makes a sound.

By minimum statistics: speech pauses for breath, and between its syllables, so the quietest
packet of the last ten seconds is background however loud or quiet the microphone is.
"""

from __future__ import annotations

from collections import deque

from agent.audio.pcm import FULL_SCALE

WINDOW, WINDOWS = 32, 8  # packets in a window, windows remembered: 10 s
KNOWN = 50  # packets until the floor may be trusted: 2 s
DIGITAL = 1.0  # an RMS below one step is no sound, but how a card begins, or a gate that is shut


class Floor:
    """Follows the RMS of packets (in steps of a 16-bit sample) down at once and up in 10 s."""

    def __init__(self) -> None:
        self._minima: deque[float] = deque(maxlen=WINDOWS)
        self._least = float(FULL_SCALE)
        self._count = 0
        self._before = float(FULL_SCALE)  # the least of the windows before this one
        self.known = False  #: whether enough was heard
        self.rms = float(FULL_SCALE)  #: the floor

    def feed(self, rms: float) -> None:
        """Hear one packet."""
        if rms < DIGITAL:
            return
        count = self._count = self._count + 1
        if rms < self._least:
            self._least = rms
            self.rms = min(rms, self._before)
        if count % WINDOW == 0:
            self._minima.append(self._least)
            self._before = min(self._minima)
            self._least = float(FULL_SCALE)
            self.rms = self._before
        if count == KNOWN:
            self.known = True
