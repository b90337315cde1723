"""Words that are tones: audio from which a test can tell exactly which words arrived.

Word `wN` (N from 0 to 99) is a burst of 300 + 25 N Hz, at least 120 ms long and followed by at
least 40 ms of silence. In 40 ms each of these tones makes a whole number of turns, so every one
falls on its own bin of a 40 ms Fourier transform and none leaks into another.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Iterable

import numpy as np

from agent.emulator.engines.hops import HOP_MS, Hops, Samples, is_loud

WORDS = 100
SURE_MS = 70
"""How much of a burst must have been heard before its word is recognised."""

_BASE_HZ, _STEP_HZ = 300, 25
_WINDOW = 40 // HOP_MS
_AGREE = (SURE_MS - 40) // HOP_MS + 1
_PURE = 0.8  # share of the window's energy that must be in the one tone
_FADE_S = 0.005
_FULL_SCALE = 32_767


def tone(number: int, rate: int, length_ms: int, amplitude: float = 0.5) -> bytes:
    """The tone of word `number` as s16le mono, faded in and out so that it does not click."""
    seconds = np.arange(rate * length_ms // 1000) / rate
    wave = np.sin(2 * np.pi * (_BASE_HZ + _STEP_HZ * number) * seconds)
    fade = np.clip(np.minimum(seconds, seconds[::-1]) / _FADE_S, 0, 1)
    return (amplitude * _FULL_SCALE * fade * wave).round().astype("<i2").tobytes()


def silence(rate: int, length_ms: int) -> bytes:
    """Silence as s16le mono."""
    return bytes(2 * (rate * length_ms // 1000))


def tone_words(
    numbers: Iterable[int],
    rate: int,
    *,
    burst_ms: int = 160,
    gap_ms: int = 80,
    amplitude: float = 0.5,
) -> bytes:
    """The words as s16le mono, each followed by its gap; `ValueError` outside 0 to 99."""
    words = list(numbers)
    if not all(0 <= number < WORDS for number in words):
        raise ValueError(f"tone words are numbered 0 to {WORDS - 1}")
    gap = silence(rate, gap_ms)
    return b"".join(tone(number, rate, burst_ms, amplitude) + gap for number in words)


def tone_number(word: str) -> int:
    """N for `wN`; any other word has a number too, always the same one."""
    named = re.fullmatch(r"w(\d{1,2})", word)
    return int(named[1]) if named else zlib.crc32(word.encode()) % WORDS


def decode_tones(pcm: bytes, rate: int) -> list[int]:
    """The numbers of the words in this audio, in order."""
    detector = ToneDetector()
    numbers = (detector.look(hop) for hop in Hops(rate).feed(pcm))
    return [number for number in numbers if number is not None]


class ToneDetector:
    """Recognises tone words in steps of 10 ms, `SURE_MS` after each begins."""

    def __init__(self) -> None:
        self._window: deque[Samples] = deque(maxlen=_WINDOW)
        self._quiet = 0
        self._candidate: int | None = None
        self._agreed = 0
        self._told: int | None = None

    def look(self, hop: Samples) -> int | None:
        """The word that became certain with this step, if one did."""
        if not is_loud(hop):
            self._hush()
            return None
        self._quiet = 0
        self._window.append(hop)
        return self._weigh() if len(self._window) == _WINDOW else None

    def _hush(self) -> None:
        self._quiet += 1
        self._window.clear()
        self._agreed = 0
        if self._quiet >= 2:  # one quiet step may be a hole in a burst, two are a gap
            self._told = None

    def _weigh(self) -> int | None:
        number = _number(np.concatenate(self._window))
        self._agreed = self._agreed + 1 if number == self._candidate else 1
        self._candidate = number
        if number is None or self._agreed < _AGREE or number == self._told:
            return None
        self._told = number
        return number


def _number(window: Samples) -> int | None:
    """The word whose tone holds nearly all the energy of this window."""
    power = np.abs(np.fft.rfft(window)) ** 2
    peak = int(np.argmax(power))
    number = peak - _BASE_HZ // _STEP_HZ
    pure = bool(power[peak] >= _PURE * power.sum())
    return number if pure and 0 <= number < WORDS else None
