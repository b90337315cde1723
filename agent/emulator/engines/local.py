"""The local engine: recognises, translates and speaks for real, without a network.

pocketsphinx hears English, Apertium translates between the languages it has pairs for, and
espeak-ng speaks.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import wave
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soxr

from agent.emulator.engines import SPEECH_RATE, EngineFailed, Recognizer, Unsupported
from agent.emulator.engines.summary import summary
from agent.emulator.yamlfile import integer, mapping, read_yaml, string
from agent.errors import UsageError

HEARD = "en"
"""The one language pocketsphinx brings a model for."""

ENDPOINT_MS = 500
_APERTIUM_CODES = {
    "ar": "ara", "de": "deu", "en": "eng", "es": "spa", "fr": "fra", "id": "ind",
    "it": "ita", "ms": "zlm", "pt": "por", "ru": "rus", "tr": "tur",
}  # fmt: skip
_VOICES = {"zh": "cmn", "en": "en-us"}
_PHRASE = re.compile(r"[a-z']+( [a-z']+)*")
_TIMEOUT_S = 20


def read_options(path: Path) -> tuple[tuple[str, ...], int]:
    """`phrases` and `endpoint_ms` from this YAML file; `UsageError` says what is wrong."""
    keys = mapping(read_yaml(path), str(path), ("phrases", "endpoint_ms"))
    listed = keys.get("phrases") or []
    if not isinstance(listed, list):
        raise UsageError(f"{path}: phrases: expected a list of texts")
    phrases = tuple(string(phrase, f"{path}: phrase {n}") for n, phrase in enumerate(listed, 1))
    endpoint = keys.get("endpoint_ms", ENDPOINT_MS)
    return phrases, integer(endpoint, f"{path}: endpoint_ms", 200, 3_000)


class LocalEngine:
    """Hears English, or only `phrases` if given; a sentence ends after `endpoint_ms` of silence.

    `UsageError` names what to install when something is missing, and phrases with words that
    the dictionary does not have.
    """

    def __init__(self, phrases: Sequence[str] = (), endpoint_ms: int = ENDPOINT_MS) -> None:
        _check_installed()
        self._phrases = tuple(phrase.lower() for phrase in phrases)
        self._endpoint_ms = endpoint_ms
        _check_phrases(self._phrases)
        self._pairs = _translation_pairs()

    def require(self, source: str, target: str | None) -> None:
        """See `Engine.require`: English, into a language Apertium has the pair for."""
        if source != HEARD:
            raise Unsupported(f"the local engine recognises {HEARD!r} only, not {source!r}")
        if target is not None:
            self.require_pair(source, target)

    def require_pair(self, source: str, target: str) -> None:
        """See `Engine.require_pair`."""
        if target != source and self._pair(source, target) is None:
            known = ", ".join(sorted(self._pairs))
            raise Unsupported(f"no Apertium pair from {source!r} to {target!r} (have: {known})")

    def recognizer(self, source: str, rate: int) -> Recognizer:
        """A new decoder; loading its model takes a moment."""
        from agent.emulator.engines.sphinx import SphinxRecognizer

        return SphinxRecognizer(rate, self._phrases, self._endpoint_ms)

    def translate(self, text: str, source: str, target: str) -> str:
        """See `Engine.translate`."""
        if not text or source == target:
            return text
        pair = self._pair(source, target)
        if pair is None:
            raise EngineFailed(f"no Apertium pair from {source!r} to {target!r}")
        return _run(["apertium", "-u", pair], text).decode("utf-8", "replace").strip()

    def summarise(self, text: str, longest: int | None = None) -> str:
        """The sentences whose words the text repeats most; nothing is written anew."""
        return summary(text, longest)

    def speak(self, text: str, language: str) -> bytes:
        """See `Engine.speak`."""
        if not text.strip():
            return b""
        voice = _VOICES.get(language, language)
        return _to_speech_rate(_run(["espeak-ng", "--stdin", "--stdout", "-v", voice], text))

    def _pair(self, source: str, target: str) -> str | None:
        pair = f"{_APERTIUM_CODES.get(source)}-{_APERTIUM_CODES.get(target)}"
        return pair if pair in self._pairs else None


def _check_installed() -> None:
    if find_spec("pocketsphinx") is None:
        raise UsageError("the local engine needs pocketsphinx: pip install 'dragoman[local]'")
    for program, package in (("apertium", "apertium apertium-eng-spa"), ("espeak-ng",) * 2):
        if shutil.which(program) is None:
            raise UsageError(f"the local engine needs {program}: sudo apt install {package}")


def _translation_pairs() -> frozenset[str]:
    pairs = frozenset(_run(["apertium", "-l"], "").decode().split())
    if not pairs:
        raise UsageError("apertium has no language pair: sudo apt install apertium-eng-spa")
    return pairs


def _check_phrases(phrases: Sequence[str]) -> None:
    if not phrases:
        return
    from agent.emulator.engines.sphinx import new_decoder

    dictionary = new_decoder()
    for phrase in phrases:
        if not _PHRASE.fullmatch(phrase):
            raise UsageError(f"phrase {phrase!r}: only English words, letters and apostrophes")
        for word in phrase.split():
            if dictionary.lookup_word(word) is None:
                raise UsageError(f"phrase {phrase!r}: {word!r} is not in the dictionary")


def _run(command: list[str], text: str) -> bytes:
    """What the program answers to this text. It goes in by a pipe: it may look like an option."""
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineFailed(f"{command[0]}: {error}") from error
    return done.stdout


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
