"""WebRTC's echo canceller (AEC3): the only file that imports pywebrtc_audio."""

from __future__ import annotations

from pywebrtc_audio import AudioProcessor

from agent.ears.reference import Samples


class Canceller:
    """Takes ``far`` and its echoes out of ``near``, and suppresses what is left of them.

    Finds a delay of up to half a second by itself and follows it.  ``rate`` is 8000 or 16000
    Hz, each call whole frames of 10 ms; what comes back is a few ms late.
    """

    def __init__(self, rate: int) -> None:
        self._processor = AudioProcessor(sample_rate=rate, echo_cancellation=True)

    def process(self, near: Samples, far: Samples) -> Samples:
        """``near`` without ``far``."""
        return self._processor.process(near, far)
