"""Rooms by the image method (Allen and Berkley 1979): what a microphone hears of a source.

A device stands on a table, its speaker 20 cm from its microphone; a person stands 1.2 m away.
Walls absorb alike, by Eyring's formula; as it holds for diffuse sound only, the decay is corrected
to what was asked for.
"""

from __future__ import annotations

from functools import cache

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]

SPEED = 343.0  # m/s
SIZE = (4.6, 3.7, 2.6)  # m
MICROPHONE = (2.1, 1.7, 0.9)
SPEAKER = (2.25, 1.83, 0.88)
PERSON = (2.9, 2.5, 1.5)
JITTER = 0.02  # of a path: real walls are not flat, and flat ones make a flutter


@cache
def room(seconds: float, source: tuple[float, float, float], rate: int) -> Floats:
    """The impulse response from ``source`` to the microphone, its direct sound of 1 at sample 0.

    ``seconds`` is the reverberation time.
    """
    size = numpy.array(SIZE)
    volume, surface = size.prod(), 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    wall = numpy.exp(-0.161 * volume / (surface * seconds) / 2)  # of the pressure
    reach = SPEED * seconds
    most = numpy.ceil(reach / (2 * size)).astype(int) + 1
    grid = [numpy.arange(-count, count + 1) for count in most]
    axes = []
    for axis in range(3):
        whole = 2 * grid[axis] * size[axis]
        places = numpy.concatenate((whole + source[axis], whole - source[axis]))
        bounces = numpy.concatenate((2 * abs(grid[axis]), abs(2 * grid[axis] - 1)))
        axes.append((places - MICROPHONE[axis], bounces))
    x, y, z = axes
    apart = numpy.sqrt(
        x[0][:, None, None] ** 2 + y[0][None, :, None] ** 2 + z[0][None, None, :] ** 2
    ).ravel()
    bounces = (
        x[1][:, None, None] + y[1][None, :, None] + z[1][None, None, :]
    ).ravel()  # fmt: skip
    near = apart < reach
    apart, bounces = apart[near], bounces[near]
    dice = numpy.random.default_rng(1)
    direct = float(apart.min())
    paths = apart * (1 + JITTER * dice.uniform(-1, 1, len(apart)) * (apart > direct))
    strength = wall**bounces / paths
    places = (numpy.maximum(paths, direct) - direct) / SPEED * rate
    whole = places.astype(int)
    part = places - whole
    response = numpy.zeros(int(places.max()) + 2)
    response += numpy.bincount(whole, strength * (1 - part), len(response))
    response += numpy.bincount(whole + 1, strength * part, len(response))
    at = numpy.linspace(0, len(response) / rate, len(response), endpoint=False)
    for _ in range(4):
        response *= 1000 ** (at / reverberation(response, rate) - at / seconds)
    response /= response[0]
    return response


def reverberation(response: Floats, rate: int) -> float:
    """Seconds until sound has died away by 60 dB, from the decay between -5 and -25 dB (T20)."""
    left = numpy.cumsum(response[::-1] ** 2)[::-1]
    below = [int((left < left[0] * share).argmax()) for share in (10**-0.5, 10**-2.5)]
    return 3 * (below[1] - below[0]) / rate


def heard(sound: Floats, response: Floats) -> Floats:
    """``sound`` through a room, as long as it was."""
    size = 1 << (len(sound) + len(response) - 1).bit_length()
    spectrum = numpy.fft.rfft(sound, size) * numpy.fft.rfft(response, size)
    there: Floats = numpy.fft.irfft(spectrum, size)[: len(sound)]
    return there
