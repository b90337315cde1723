"""Turning up a quiet microphone: ``audio.capture.gain_db``.

Applied after the voice was judged, so it changes what is sent and heard, never what counts as
speech.  ``auto`` follows the level of speech alone, by at most 2 dB a second, so it neither
pumps nor turns up the noise of a silent room.
"""

from __future__ import annotations

import math
from typing import Literal

from agent.audio.pcm import FULL_SCALE, PACKET_MS, SAMPLE_BYTES, Centre, audioop

MOST_DB = 30.0
TARGET_DBFS = -26.0  # of speech, RMS: what speech services are made for
SLACK_DB = 2.0  # nearer than this is near enough
STEP_DB = 2.0 * PACKET_MS / 1000  # 2 dB a second
PEAK = 0.9 * FULL_SCALE
FOLLOW = PACKET_MS / 1000  # how much of a packet enters the level of speech: a second of it

_TARGET = (FULL_SCALE * 10 ** (TARGET_DBFS / 20)) ** 2


class Gain:
    """Turns packets up by ``db``, or by 0 to 30 dB as speech needs it (``auto``)."""

    def __init__(self, db: float | Literal["auto"]) -> None:
        self._auto = db == "auto"
        self.db = 0.0 if db == "auto" else db  #: the gain of the moment
        self._centre = Centre()
        self._power = 0.0  # of speech, before the gain

    def apply(self, packet: bytes, voiced: bool, rms: float) -> bytes:
        """One packet, turned up but never over full scale; ``rms`` (steps) is that before."""
        if self._auto and voiced:
            self._learn(rms)
        packet = self._centre.feed(packet)  # DC times 30 dB would leave no room for sound
        factor = 10 ** (self.db / 20)
        peak = audioop.max(packet, SAMPLE_BYTES)
        if factor > 1 and peak * factor > PEAK:
            factor = max(1.0, PEAK / peak)
            if self._auto:
                self.db = max(0.0, self.db - STEP_DB)
        return audioop.mul(packet, SAMPLE_BYTES, factor)

    def _learn(self, rms: float) -> None:
        power = rms * rms
        share = FOLLOW if self._power else 1.0
        self._power += share * (power - self._power)
        missing = 10 * math.log10(_TARGET / max(self._power, 1.0)) - self.db
        if abs(missing) > SLACK_DB:
            step = max(-STEP_DB, min(STEP_DB, missing))
            self.db = max(0.0, min(MOST_DB, self.db + step))
