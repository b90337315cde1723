"""Cutting a stream into utterances, for servers that take one at a time.  Pure.

An utterance ends where the gate was closed.  Without a button it ends at a pause, and a long one
does in any mode: what a torn connection has to say again must still be in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from agent.audio.pcm import PACKET_MS
from agent.audio.ring import SOUND, VOICED
from agent.audio.segment import PAUSE
from agent.audio.vad import Vad

BLANK = 1000 // PACKET_MS  # packets of exact silence: the uplink makes it, waiting for the end
LEAD = 400 // PACKET_MS  # packets kept from before it, so that a soft first sound is not cut
LONG = 20_000 // PACKET_MS  # packets from which a pause ends one in any mode …
BREATH = 320 // PACKET_MS  # … also a short one
MOST = 45_000 // PACKET_MS  # packets of an utterance without any pause


@dataclass(frozen=True, slots=True)
class Cut:
    """What becomes of a packet: ``data`` to send; whether an utterance begins with it, ``lead``
    packets before this one, and whether one ends with it."""

    data: bytes
    begins: bool = False
    lead: int = 0
    ends: bool = False


NOTHING = Cut(b"")


class Cutter:
    """Judges packets in their order; ``pauses``: every pause ends an utterance.

    ``vad`` may have heard other connections before: it knows the room.
    """

    def __init__(self, vad: Vad, *, pauses: bool) -> None:
        self._vad, self._pauses = vad, pauses
        self._lead: deque[bytes] = deque(maxlen=LEAD)
        self._open = False
        self._length = self._quiet = self._blank = 0

    def feed(self, packet: bytes, played: Callable[[], bool]) -> Cut:
        """What becomes of ``packet`` (40 ms); ``played``: was all that was said sent before it?"""
        heard = self._vad.judge(packet)
        blank = not heard and not any(packet)
        self._blank = self._blank + 1 if blank else 0
        if not self._open:
            return self._wait(packet, heard, blank)
        self._length += 1
        self._quiet = 0 if heard & VOICED else self._quiet + 1
        if not (self._over() or (blank and played())):
            return Cut(packet)
        self.reset()
        return Cut(packet, ends=True)

    def reset(self) -> None:
        """The utterance is over, whoever ended it."""
        self._open = False
        self._lead.clear()

    def _wait(self, packet: bytes, heard: int, blank: bool) -> Cut:
        """With a button everything that may be speech is meant; without, only speech."""
        if not heard & (VOICED if self._pauses else VOICED | SOUND):
            if blank:
                self._lead.clear()
            else:
                self._lead.append(packet)
            return NOTHING
        self._open, self._length, self._quiet = True, len(self._lead) + 1, 0
        begun = Cut(b"".join((*self._lead, packet)), begins=True, lead=len(self._lead))
        self._lead.clear()
        return begun

    def _over(self) -> bool:
        if self._blank >= BLANK or self._length >= MOST:
            return True
        pause = BREATH if self._length >= LONG else PAUSE
        return self._quiet >= pause and (self._pauses or self._length >= LONG)
