"""Cuts audio that arrives in pieces of any size into steps of 10 ms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float64]

HOP_MS = 10
_LOUD = 0.01  # RMS, of full scale: 40 dB under it, where quiet rooms end and speech begins
_FULL_SCALE = 32_768


class Hops:
    """The samples of one stream in steps of `HOP_MS`, whatever the sizes fed."""

    def __init__(self, rate: int) -> None:
        self._size = 2 * (rate * HOP_MS // 1000)
        self._rest = b""

    def feed(self, pcm: bytes) -> Iterator[Samples]:
        """The steps completed by this s16le audio, as samples from -1 to 1."""
        data = self._rest + pcm
        end = len(data) - len(data) % self._size
        self._rest = data[end:]
        for at in range(0, end, self._size):
            yield np.frombuffer(data[at : at + self._size], "<i2") / _FULL_SCALE


def is_loud(hop: Samples) -> bool:
    """Whether there is sound in it. A microphone's constant offset is not sound."""
    return float(hop.std()) >= _LOUD
