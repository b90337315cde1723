"""A microphone that is there and gives no sound at all: a line that is cut, the wrong channel."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.audio.floor import DIGITAL
from agent.audio.pcm import PACKET_MS
from agent.events import Notice

log = logging.getLogger(__name__)

NEVER_S = 10.0  # without a sound from the beginning
AGAIN_S = 300.0  # after sound: some headsets shut a gate while nobody speaks


class Stillness:
    """Tells, once, that all samples are alike (zero, constant, the last bit), and when sound comes.

    Every room and every microphone makes a noise of more than one step of 16 bits.
    """

    def __init__(self, post: Callable[[Notice], None]) -> None:
        self._post = post
        self._still = 0  # packets in a row
        self._limit = int(NEVER_S * 1000 / PACKET_MS)
        self._heard = False

    def hear(self, rms: float) -> None:
        """One packet's RMS, in steps of a sample and without DC."""
        if rms < DIGITAL:
            self._still += 1
            if self._still == self._limit:
                log.warning(
                    "the microphone gives no sound at all: is it muted, wired, the right channel?"
                )
                self._post(
                    Notice("microphone_silent", {"seconds": self._still * PACKET_MS // 1000})
                )
        elif self._still or not self._heard:
            if self._still >= self._limit:
                log.info("the microphone gives sound")
                self._post(Notice("microphone_heard"))
            self._still, self._heard = 0, True
            self._limit = int(AGAIN_S * 1000 / PACKET_MS)
