"""How synthesised speech goes out: in messages of any size, a little ahead of real time."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from agent.emulator.engines import SPEECH_RATE

LEAD_MS = 400
_SMALLEST, _LARGEST = 200, 4_000


def slices(pcm: bytes, seed: int) -> Iterator[bytes]:
    """The speech in messages of varying size, about half of them odd; the same for a seed.

    TWeTalk service interface document: the speech is a binary stream to be played as it comes.
    Nothing says that a message ends where a sample does.
    """
    random = Random(seed)
    at = 0
    while at < len(pcm):
        size = random.randint(_SMALLEST, _LARGEST)
        yield pcm[at : at + size]
        at += size


def early_ms(sent: int, playing_ms: float) -> float:
    """How long to hold the next message back: `sent` bytes out, playing for `playing_ms`."""
    return max(0.0, sent / 2 / SPEECH_RATE * 1000 - LEAD_MS - playing_ms)
