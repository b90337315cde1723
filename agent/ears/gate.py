"""Is it a person, or what is left of our own voice?

While the speaker is heard, a voice counts only if it stands out of the echo's rest.  How much of it
is left depends on the room, so it is learned.
"""

from __future__ import annotations

import math

import numpy

from agent.ears.reference import Samples

AUDIBLE_S = 0.5  # an echo comes at most so late


class Gate:
    """Judges packets of 40 ms of the speaker, the microphone, and what the canceller left of it."""

    def __init__(self) -> None:
        self._quiet = math.inf  # packets since the speaker last played
        self.person = True  #: whether a voice in the newest packet is a person's

    def feed(self, near: Samples, clean: Samples, far: Samples) -> None:
        """One packet of each."""
        self.person = True


def power(sound: Samples) -> float:
    """The mean square, in steps of a sample squared."""
    wide = sound.astype(numpy.float32)
    return float(numpy.dot(wide, wide)) / max(1, len(wide))
