"""How late the microphone hears the speaker, and whether it hears anything else.

Told by what both have in common.  For the delay it is the generalised cross-correlation with phase
transform (GCC-PHAT, Knapp and Carter 1976): the spectrum's phases alone are correlated, so that a
room's colour and a voice's pitch make no peaks of their own; for the likeness all of the spectrum
counts as it is.  Done at a quarter of the rate: a delay to a quarter of a millisecond is enough,
and a voice is mostly below 1 kHz.
"""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

from agent.ears.reference import Samples

LONGEST_S = 0.5  # an echo comes at most so late
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


def likeness(heard: Samples, far: Samples) -> float:
    """How much of ``heard`` is ``far``, 0 to 1, whatever the delay between them.

    Both at one rate; ``far`` reaches back further than ``heard`` by the longest delay, and ends
    with it.  The greatest normalised cross-correlation; 0 where ``heard`` is silence.
    """
    slow_heard, slow_far = _slowed(heard), _slowed(far)
    slow_heard -= slow_heard.mean()
    count = len(slow_heard)
    size = 1 << (len(slow_far) - 1).bit_length()
    cross = numpy.fft.rfft(slow_far, size) * numpy.fft.rfft(slow_heard, size).conj()
    common = numpy.abs(numpy.fft.irfft(cross, size)[: len(slow_far) - count + 1])
    energy = numpy.cumsum(numpy.concatenate(([0.0], slow_far.astype(float) ** 2)))
    both = numpy.sqrt((energy[count:] - energy[:-count]) * float(slow_heard @ slow_heard))
    return float((common / numpy.maximum(both, count)).max())


def _slowed(sound: Samples) -> Floats:
    whole = len(sound) // DIVISOR * DIVISOR
    slow: Floats = sound[:whole].reshape(-1, DIVISOR).mean(axis=1, dtype=numpy.float32)
    return slow
