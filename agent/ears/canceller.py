"""WebRTC's echo canceller (AEC3): the only file that imports pywebrtc_audio."""

from __future__ import annotations

from pywebrtc_audio import EchoCanceller

from agent.ears.halfband import Doubler, Halver
from agent.ears.reference import Samples

RATE = 16000


class Canceller:
    """Takes ``far`` and its echoes out of ``near``, and suppresses what is left of them.

    Finds a delay of up to half a second by itself and follows it.  ``rate`` is 8000 or 16000
    Hz, each call whole frames of 10 ms; what comes back is 8 to 10 ms late.
    """

    def __init__(self, rate: int) -> None:
        self._canceller = EchoCanceller(sample_rate=RATE)
        self._doubled = rate != RATE  # the library's own way to 16 kHz and back takes longer
        self._near, self._far, self._clean = Doubler(), Doubler(), Halver()

    def process(self, near: Samples, far: Samples) -> Samples:
        """``near`` without ``far``."""
        if not self._doubled:
            return self._canceller.process(near, far)
        clean = self._canceller.process(self._near.feed(near), self._far.feed(far))
        return self._clean.feed(clean)
