"""What is said: words our own voice detector takes for speech and the emulator can name.

A word is a burst of the emulator's tone (300 + 25 N Hz) with white noise a fifth as strong.
A tone alone passes the detector (webrtcvad) for only half of the hundred words; with the
noise every packet of all hundred does, and the emulator still decodes every one
(`tests/system/test_faults.py` measures both).  The noise also makes every packet unique, so
that the ones which arrived can be counted; so does the hiss under the pauses, which is 66 dB
down: silence to the detector and to the emulator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.emulator.engines.tones import WORDS, tone

RATE = 16_000
PACKET = 1280  # bytes of 40 ms
WORD_MS = 200
GAP_MS = 80  # between words; shorter than any pause that ends a sentence
PAUSE_MS = 920  # between sentences; longer than the 800 ms the device keeps of a silence
LEAD_MS = 400
NOISE = 0.2  # of the tone's amplitude, RMS
HISS = 16  # RMS, of 32768

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Word:
    """Word ``number`` from ``start_ms`` to ``end_ms`` of the speech."""

    number: int
    start_ms: int
    end_ms: int


class Speech:
    """``sentences`` of ``each`` words, every word once; ``first`` is the first number.

    ``pcm`` is s16le mono; all lengths are whole packets.
    """

    def __init__(
        self, sentences: int, *, each: int = 3, pause_ms: int = PAUSE_MS, first: int = 0
    ) -> None:
        if first + sentences * each > WORDS:
            raise ValueError(f"only {WORDS} words can be told apart")
        self._rng = np.random.default_rng(first)
        self._parts: list[Samples] = []
        self._ms = 0
        self.words: list[Word] = []
        self.ends: list[int] = []  #: where each sentence ends (ms)
        self._hiss(LEAD_MS)
        for sentence in range(sentences):
            self._sentence(range(first + sentence * each, first + (sentence + 1) * each), pause_ms)
        samples = np.concatenate(self._parts).clip(-32768, 32767)
        self.pcm = samples.round().astype("<i2").tobytes()

    @property
    def ms(self) -> int:
        return self._ms

    def _sentence(self, numbers: range, pause_ms: int) -> None:
        for number in numbers:
            self.words.append(Word(number, self._ms, self._ms + WORD_MS))
            self._add(voiced(number, self._rng))
            if number != numbers[-1]:
                self._hiss(GAP_MS)
        self.ends.append(self._ms)
        self._hiss(pause_ms)

    def _hiss(self, ms: int) -> None:
        self._add(self._rng.normal(0, HISS, RATE * ms // 1000))

    def _add(self, samples: Samples) -> None:
        self._parts.append(samples)
        self._ms += len(samples) * 1000 // RATE


def voiced(number: int, rng: np.random.Generator) -> Samples:
    """The samples of word ``number``."""
    pure = np.frombuffer(tone(number, RATE, WORD_MS), "<i2").astype(np.float64)
    return pure + rng.normal(0, NOISE * 16_384, len(pure)) * fade(len(pure))


def fade(length: int) -> Samples:
    """In and out within 5 ms, so that nothing clicks."""
    at = np.arange(length) / RATE
    return np.clip(np.minimum(at, at[::-1]) / 0.005, 0, 1)


def packets(pcm: bytes) -> list[bytes]:
    """The whole packets of ``pcm``."""
    return [pcm[at : at + PACKET] for at in range(0, len(pcm) - PACKET + 1, PACKET)]
