"""A room as a filter: s16le mono at 16 kHz from standard input to standard output, as it comes.

``python -m tests.system.walls [REVERBERATION_S [FIFO]]``.  What a speaker plays goes in, what a
microphone in the same room hears of it comes out, with a little noise, and with what somebody says
into the FIFO.  ``gap`` on standard error says that a block came late: the machine was too busy for
a room.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from math import inf

import numpy
from numpy.typing import NDArray

RATE = 16000
BLOCK = 320  # samples, 20 ms
DIRECT, TAIL = 0.4, 0.25  # of the sound itself, and of all its reflections together
NOISE = 10.0  # steps
LATE_S = 0.045  # more than what waits behind it

Floats = NDArray[numpy.float64]


class Walls:
    """The direct sound, and reflections that die away by 60 dB in so many ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._dice = numpy.random.default_rng(5)
        count = round(seconds * RATE)
        response = self._dice.normal(size=count) * 1000 ** (-numpy.arange(count) / count)
        response[: RATE // 500] = 0
        response *= TAIL / numpy.sqrt((response**2).sum())
        response[0] = DIRECT
        self._size = 1 << (BLOCK + count).bit_length()
        self._spectrum = numpy.fft.rfft(response, self._size)
        self._ringing: Floats = numpy.zeros(self._size)

    def feed(self, played: bytes, said: bytes = b"") -> bytes:
        """20 ms of the speaker, and at most as much of somebody else; what is heard of both."""
        spectrum = numpy.fft.rfft(numpy.frombuffer(played, "<i2").astype(float), self._size)
        self._ringing += numpy.fft.irfft(spectrum * self._spectrum, self._size)
        heard = self._ringing[:BLOCK] + self._dice.normal(size=BLOCK) * NOISE
        heard += numpy.frombuffer(said.ljust(2 * BLOCK, b"\0"), "<i2")
        self._ringing = numpy.concatenate((self._ringing[BLOCK:], numpy.zeros(BLOCK)))
        return heard.round().clip(-32768, 32767).astype("<i2").tobytes()


def main(seconds: float = 0.25, fifo: str | None = None) -> None:
    """Until the input ends."""
    walls = Walls(seconds)
    mouth = None if fifo is None else os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    _forget_what_waits()
    last = inf
    while len(played := sys.stdin.buffer.read(2 * BLOCK)) == 2 * BLOCK:
        if time.monotonic() - last > LATE_S:
            print("gap", file=sys.stderr, flush=True)
        last = time.monotonic()
        said = b"" if mouth is None else _said(mouth)
        os.write(1, walls.feed(played, said))


def _forget_what_waits() -> None:
    """What came while this program started would lag behind for good, as no room's echo does."""
    os.set_blocking(0, False)
    with suppress(BlockingIOError):
        while os.read(0, 65536):
            pass
    os.set_blocking(0, True)


def _said(mouth: int) -> bytes:
    try:
        return os.read(mouth, 2 * BLOCK)
    except BlockingIOError:
        return b""


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.25, *sys.argv[2:3])
