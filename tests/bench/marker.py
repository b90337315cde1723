"""The time that the microphone of ``alsa_clock.c`` writes into its sound."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass

RATE = 16000
SECOND = 1_000_000_000  # ns
BLOCK_FRAMES = 640
BLOCK_NS = BLOCK_FRAMES * SECOND // RATE
SPEECH_NS, CYCLE_NS = 5 * SECOND, 8 * SECOND  # there is sound in the first 5 s of every 8 s

_MAGIC = 100
_EPOCH_DIGITS, _NUMBER_DIGITS = 16, 8
_DIGITS = _EPOCH_DIGITS + _NUMBER_DIGITS


@dataclass(frozen=True, slots=True)
class Mark:
    """What one packet says of itself; times are ns of CLOCK_MONOTONIC."""

    epoch: int  #: when the stream began: another one after an overrun
    number: int  #: of the block in its stream
    captured: int  #: when the last sample of the packet was captured


def read(packet: bytes) -> Mark | None:
    """The mark in s16le mono; None where there is none, as in made silence."""
    samples = array("h", packet)
    if sys.byteorder == "big":
        samples.byteswap()
    try:
        place = samples.index(_MAGIC)
    except ValueError:
        return None
    digits = samples[place + 1 : place + 1 + _DIGITS]
    if len(digits) < _DIGITS or not all(0 <= digit < 16 for digit in digits):
        return None
    epoch = _value(digits[:_EPOCH_DIGITS])
    number = _value(digits[_EPOCH_DIGITS:])
    frames = number * BLOCK_FRAMES + len(samples) - place
    return Mark(epoch, number, epoch + frames * SECOND // RATE)


def write(epoch: int, number: int, speech: bool = False) -> bytes:
    """A block as the device makes it, with a steady level in the place of its noise."""
    digits = f"{epoch:0{_EPOCH_DIGITS}x}{number:0{_NUMBER_DIGITS}x}"
    samples = array("h", [_MAGIC, *(int(digit, 16) for digit in digits)])
    samples.extend([4000 if speech else 0] * (BLOCK_FRAMES - len(samples)))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def is_speech(begins: int) -> bool:
    """Whether a block that begins at ``begins`` (ns) holds sound."""
    return begins % CYCLE_NS < SPEECH_NS


def _value(digits: array[int]) -> int:
    value = 0
    for digit in digits:
        value = value << 4 | digit
    return value
