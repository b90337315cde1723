"""A room as a filter: s16le mono at 16 kHz from standard input to standard output, as it comes.

``python -m tests.system.walls [REVERBERATION_S]``.  What a speaker plays goes in, what a microphone
in the same room hears of it comes out, with a little noise.
"""

from __future__ import annotations

import os
import sys

import numpy

RATE = 16000
BLOCK = 320  # samples, 20 ms
DIRECT, TAIL = 0.4, 0.25  # of the sound itself, and of all its reflections together
NOISE = 10.0  # steps


def response(seconds: float) -> numpy.typing.NDArray[numpy.float64]:
    """The direct sound, and reflections that die away by 60 dB in so many ``seconds``."""
    dice = numpy.random.default_rng(5)
    count = round(seconds * RATE)
    tail = dice.normal(size=count) * 1000 ** (-numpy.arange(count) / count)
    tail[: RATE // 500] = 0
    tail *= TAIL / numpy.sqrt((tail**2).sum())
    tail[0] = DIRECT
    return tail


def main(seconds: float) -> None:
    """Until the input ends."""
    walls = response(seconds)
    size = 1 << (BLOCK + len(walls)).bit_length()
    spectrum = numpy.fft.rfft(walls, size)
    ringing = numpy.zeros(size)
    dice = numpy.random.default_rng()
    while len(pcm := sys.stdin.buffer.read(2 * BLOCK)) == 2 * BLOCK:
        ringing += numpy.fft.irfft(
            numpy.fft.rfft(numpy.frombuffer(pcm, "<i2").astype(float), size) * spectrum, size
        )
        heard = ringing[:BLOCK] + dice.normal(size=BLOCK) * NOISE
        os.write(1, heard.round().clip(-32768, 32767).astype("<i2").tobytes())
        ringing = numpy.concatenate((ringing[BLOCK:], numpy.zeros(BLOCK)))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.25)
