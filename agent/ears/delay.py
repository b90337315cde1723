"""How late the microphone hears the speaker: by what both have in common.

The generalised cross-correlation with phase transform (GCC-PHAT, Knapp and Carter 1976): the
spectrum's phases alone are correlated, so that a room's colour and a voice's pitch make no peaks of
their own.  Done at a quarter of the rate: a delay to a quarter of a millisecond is enough.
"""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

from agent.ears.reference import Samples

LONGEST_S = 0.5
DIVISOR = 4
CLEAR = 6.0  # the peak is so many times the typical value elsewhere, or there is no echo

Floats = NDArray[numpy.float32]


def delay(near: Samples, far: Samples, rate: int) -> float | None:
    """Seconds from ``far`` to its echo in ``near``, 0 to 0.5; None where there is none to be heard.

    Both at ``rate`` Hz, equally long, some seconds of sound.  A second costs about 0.1 ms.
    """
    slow_near, slow_far = _slowed(near), _slowed(far)
    size = 1 << (2 * len(slow_far) - 1).bit_length()
    cross = numpy.fft.rfft(slow_near, size) * numpy.fft.rfft(slow_far, size).conj()
    cross /= numpy.abs(cross) + 1e-9
    lags = int(LONGEST_S * rate / DIVISOR) + 1
    likeness = numpy.abs(numpy.fft.irfft(cross, size)[:lags])
    best = int(likeness.argmax())
    typical = float(numpy.sqrt((likeness**2).mean()))
    if not typical or likeness[best] < CLEAR * typical:
        return None
    return best * DIVISOR / rate


def _slowed(sound: Samples) -> Floats:
    whole = len(sound) // DIVISOR * DIVISOR
    slow: Floats = sound[:whole].reshape(-1, DIVISOR).mean(axis=1, dtype=numpy.float32)
    return slow
