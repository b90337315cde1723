"""The hearer thread: listens for the wake word, and to whether somebody speaks.

It follows the ring as any other reader does, so capture never waits for it.  What it says of
a word is where in the ring it ended: the gate is opened there, however late that is known.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Protocol

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import Packet, Ring
from agent.audio.vad import Endpointer, SpeechStarted
from agent.clock import Clock
from agent.ears.spotted import Spotted
from agent.events import Event, StopWord, VoiceStarted, VoiceStopped, WakeWord
from agent.threads import Wake, Worker

log = logging.getLogger(__name__)

ECHO = 240 // PACKET_MS  # packets after a word is known that may still be its end to a detector


class Words(Protocol):
    """What spots words in a stream of sound."""

    def feed(self, pcm: bytes) -> Sequence[Spotted]:
        """Hear whole samples, any number; the words that were recognised in them."""


class Hearer(Worker):
    """Hands sound to ``spotter``, which spots the wake word and ``stop_word``, if there is one.

    Sound is heard from ``tap`` where there is one (the same packets, without what a canceller's
    suppressor takes from a voice), and ``ring`` tells whether they are speech.
    """

    name = "hearer"

    def __init__(
        self,
        spotter: Words,
        stop_word: str | None,
        ring: Ring,
        post: Callable[[Event], None],
        clock: Clock,
        *,
        tap: Ring | None = None,
    ) -> None:
        super().__init__(clock)
        self._spotter, self._stop_word = spotter, stop_word
        self._ring, self._post = ring, post
        self._cursor = (tap or ring).cursor()
        self._endpointer = Endpointer()
        self._wake = Wake()
        self._afresh = False
        self._lost = 0
        self._deaf_until = 0  # packets before are the wake word's own end, while they are voiced

    # --- from other threads ------------------------------------------------------------------

    def captured(self) -> None:
        """A packet was written; called in the capture thread, takes no lock."""
        self._wake.set()

    def afresh(self) -> None:
        """Whoever speaks now counts as beginning now."""
        self._afresh = True

    # --- the thread --------------------------------------------------------------------------

    def wake(self) -> None:
        self._wake.set()

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            if not self.step():
                self._wake.wait(0.5)

    def step(self) -> bool:
        """Hear the next packet; whether there was one."""
        if self._cursor.seq >= self._ring.head:  # the tap may be a packet ahead
            return False
        packet = self._cursor.read()
        if packet is None:
            return False
        if self._cursor.lost > self._lost:
            gone, self._lost = self._cursor.lost - self._lost, self._cursor.lost
            log.warning("too slow to listen: %d ms unheard", gone * PACKET_MS)
        if self._afresh:
            self._afresh = False
            self._endpointer.reset()
        spotted = self._spotter.feed(packet.data)
        self._listen(packet.seq)
        for each in spotted:
            self._tell(each, packet)
        return True

    def _listen(self, seq: int) -> None:
        voiced = self._ring.voiced(seq)
        if seq < self._deaf_until:
            if not voiced:
                self._deaf_until = 0
            voiced = False
        change = self._endpointer.feed(seq, voiced)
        if change is not None:
            started = isinstance(change, SpeechStarted)
            self._post(VoiceStarted(change.seq) if started else VoiceStopped(change.seq))

    def _tell(self, spotted: Spotted, packet: Packet) -> None:
        if spotted.word == self._stop_word:
            self._post(StopWord(spotted.word, spotted.score))
            return
        end = self._end(spotted, packet.seq)
        self._post(WakeWord(spotted.word, spotted.score, end))
        self._endpointer.reset()
        self._deaf_until = packet.seq + 1 + ECHO
        for seq in range(end, packet.seq + 1):
            self._listen(seq)

    def _end(self, spotted: Spotted, newest: int) -> int:
        """The first packet after the word: that of the pause after it, where there is one."""
        least = max(0, newest + 1 - math.ceil(spotted.ago_s * 1000 / PACKET_MS))
        pauses = (seq for seq in range(least, newest + 1) if not self._ring.voiced(seq))
        return next(pauses, least)
