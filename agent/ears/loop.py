"""The loop from speaker to microphone in numbers: how late, how loud, and how much is cancelled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy

from agent.audio.pcm import FULL_SCALE, PACKET_MS, SILENCE_DBFS
from agent.ears.canceller import Canceller
from agent.ears.delay import delay
from agent.ears.gate import power
from agent.ears.reference import Samples

SIGNAL_S = 2.8
JUDGED_S = 1.0  # of the end: by then the canceller has found its echo
SIGNAL_DBFS = -24.0


@dataclass(frozen=True, slots=True)
class Loop:
    """``delay_s`` is None where the microphone does not hear the speaker.

    Levels are dBFS: of the echo, and of what the canceller leaves of it.
    """

    delay_s: float | None
    echo: float
    left: float


def signal(rate: int) -> Samples:
    """Noise with the spectrum and the syllables of speech, s16 at ``rate`` Hz."""
    dice = numpy.random.default_rng(16)
    count = round(SIGNAL_S * rate)
    spectrum = numpy.fft.rfft(dice.normal(size=count))
    hertz = numpy.fft.rfftfreq(count, 1 / rate)
    spectrum *= numpy.where((hertz > 150) & (hertz < 3800), 1 / numpy.sqrt(hertz + 1), 0)
    sound = numpy.fft.irfft(spectrum, count)
    sound *= 0.3 + abs(numpy.sin(numpy.arange(count) / rate * 4 * math.pi))
    sound *= FULL_SCALE * 10 ** (SIGNAL_DBFS / 20) / numpy.sqrt((sound**2).mean())
    return sound.clip(-FULL_SCALE, FULL_SCALE - 1).astype(numpy.int16)


def measure(near: Samples, far: Samples, rate: int) -> Loop:
    """What the microphone heard (``near``) while the speaker played ``far``, equally long."""
    canceller, size = Canceller(rate), rate * PACKET_MS // 1000
    places = [slice(at, at + size) for at in range(0, len(near) - size + 1, size)]
    clean = [canceller.process(near[place], far[place]) for place in places]
    judged = round(JUDGED_S * 1000 / PACKET_MS)
    echo = numpy.concatenate([near[place] for place in places[-judged:]])
    left = numpy.concatenate(clean[-judged:])
    return Loop(delay(near, far, rate), _dbfs(echo), _dbfs(left))


def _dbfs(sound: Samples) -> float:
    mean = power(sound)
    return 10 * math.log10(mean / FULL_SCALE**2) if mean else SILENCE_DBFS
