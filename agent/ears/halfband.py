"""Twice and half the rate, by a short half-band filter: 0.7 ms late each, 3.2 of 4 kHz whole."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

from agent.ears.reference import Samples

REACH = 11  # samples at the higher rate to either side

Floats = NDArray[numpy.float64]

_AT = numpy.arange(-REACH, REACH + 1)
_SHAPE: Floats = numpy.sinc(_AT / 2) * numpy.kaiser(len(_AT), 4.5)
_TAPS: Floats = _SHAPE / _SHAPE.sum()  # of a gain of 1


class _Filter:
    """A stream through the filter, as long as it was."""

    def __init__(self) -> None:
        self._past: Floats = numpy.zeros(2 * REACH)

    def feed(self, sound: Floats) -> Samples:
        """The next samples, of any number."""
        with_past = numpy.concatenate((self._past, sound))
        self._past = with_past[-2 * REACH :]
        smooth: Floats = numpy.convolve(with_past, _TAPS, "valid")
        return smooth.round().clip(-32768, 32767).astype(numpy.int16)


class Doubler:
    """Samples at one rate in, twice as many out."""

    def __init__(self) -> None:
        self._filter = _Filter()

    def feed(self, sound: Samples) -> Samples:
        """The next samples, of any number."""
        spread: Floats = numpy.zeros(2 * len(sound))
        spread[::2] = 2.0 * sound
        return self._filter.feed(spread)


class Halver:
    """Samples at one rate in, half as many out."""

    def __init__(self) -> None:
        self._filter = _Filter()

    def feed(self, sound: Samples) -> Samples:
        """The next samples, an even number."""
        return self._filter.feed(sound.astype(numpy.float64))[::2]
