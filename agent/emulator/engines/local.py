"""The local engine: recognises, translates and speaks for real, without a network.

Whisper hears English where it is installed, else pocketsphinx; Apertium translates between the
languages it has pairs for; Piper speaks where it is installed, else espeak-ng.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from agent.emulator.engines.engine import EngineFailed, Recognizer, Unsupported
from agent.emulator.engines.program import run
from agent.emulator.engines.summary import summary
from agent.emulator.engines.voices import Piper, espeak, voice_file
from agent.emulator.yamlfile import integer, mapping, read_yaml, string
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.emulator.engines.sentences import Decoder
    from agent.emulator.engines.whisper import Whisper

log = logging.getLogger(__name__)

HEARD = "en"
"""The one language there is a model for."""

ENDPOINT_MS = 500
_LONGEST_S = 5.0  # for a sentence; what Debian has is not as good, but ten times as fast
_SAMPLE = bytes(32_000)
_APERTIUM_CODES = {
    "ar": "ara", "de": "deu", "en": "eng", "es": "spa", "fr": "fra", "id": "ind",
    "it": "ita", "ms": "zlm", "pt": "por", "ru": "rus", "tr": "tur",
}  # fmt: skip
_PHRASE = re.compile(r"[a-z']+( [a-z']+)*")


def read_options(path: Path) -> tuple[tuple[str, ...], int]:
    """`phrases` and `endpoint_ms` from this YAML file; `UsageError` says what is wrong."""
    keys = mapping(read_yaml(path), str(path), ("phrases", "endpoint_ms"))
    listed = keys.get("phrases") or []
    if not isinstance(listed, list):
        raise UsageError(f"{path}: phrases: expected a list of texts")
    phrases = tuple(string(phrase, f"{path}: phrase {n}") for n, phrase in enumerate(listed, 1))
    endpoint = keys.get("endpoint_ms", ENDPOINT_MS)
    return phrases, integer(endpoint, f"{path}: endpoint_ms", 200, 3_000)


class Languages:
    """What the engine can hear and translate: known without asking its process."""

    def __init__(self, pairs: frozenset[str]) -> None:
        self._pairs = pairs

    def require(self, source: str, target: str | None) -> None:
        """See `Engine.require`: English, into a language Apertium has the pair for."""
        if source != HEARD:
            raise Unsupported(f"the local engine recognises {HEARD!r} only, not {source!r}")
        if target is not None:
            self.require_pair(source, target)

    def require_pair(self, source: str, target: str) -> None:
        """See `Engine.require_pair`."""
        if target != source and self.pair(source, target) is None:
            known = ", ".join(sorted(self._pairs))
            raise Unsupported(f"no Apertium pair from {source!r} to {target!r} (have: {known})")

    def pair(self, source: str, target: str) -> str | None:
        """Apertium's name of the pair; None where it has none."""
        pair = f"{_APERTIUM_CODES.get(source)}-{_APERTIUM_CODES.get(target)}"
        return pair if pair in self._pairs else None


class LocalEngine:
    """Hears English, or only `phrases` if given; a sentence ends after `endpoint_ms` of silence.

    A `small` one does with what Debian has.  `UsageError` names what to install when something
    is missing, and phrases with words that the dictionary does not have.
    """

    def __init__(
        self, phrases: Sequence[str] = (), endpoint_ms: int = ENDPOINT_MS, *, small: bool = False
    ) -> None:
        _check_installed()
        self._phrases = tuple(phrase.lower() for phrase in phrases)
        self._endpoint_ms = endpoint_ms
        _check_phrases(self._phrases)
        self._whisper = None if self._phrases or small else _whisper()
        self._piper = None if small else _piper()
        log.info("recognising with %s", "Whisper (tiny.en)" if self._whisper else "pocketsphinx")
        log.info("speaking with %sespeak-ng", "Piper (en_US-joe-medium) and " * bool(self._piper))
        self.languages = Languages(_translation_pairs())

    def require(self, source: str, target: str | None) -> None:
        """See `Engine.require`."""
        self.languages.require(source, target)

    def require_pair(self, source: str, target: str) -> None:
        """See `Engine.require_pair`."""
        self.languages.require_pair(source, target)

    def recognizer(self, source: str, rate: int) -> Recognizer:
        """A new one; its decoder's model may take a moment to load."""
        from agent.emulator.engines.sentences import SentenceRecognizer

        return SentenceRecognizer(self._decoder(), rate, self._endpoint_ms)

    def _decoder(self) -> Decoder:
        if self._whisper is not None:
            from agent.emulator.engines.whisper import WhisperDecoder

            return WhisperDecoder(self._whisper)
        from agent.emulator.engines.sphinx import SphinxDecoder

        return SphinxDecoder(self._phrases)

    def translate(self, text: str, source: str, target: str) -> str:
        """See `Engine.translate`."""
        if not text or source == target:
            return text
        pair = self.languages.pair(source, target)
        if pair is None:
            raise EngineFailed(f"no Apertium pair from {source!r} to {target!r}")
        return run(["apertium", "-u", pair], text).decode("utf-8", "replace").strip()

    def summarise(self, text: str, longest: int | None = None) -> str:
        """The sentences whose words the text repeats most; nothing is written anew."""
        return summary(text, longest)

    def speak(self, text: str, language: str) -> bytes:
        """See `Engine.speak`."""
        if not text.strip():
            return b""
        if self._piper is not None and self._piper.speaks(language):
            return self._piper(text, language)
        return espeak(text, language)


def _whisper() -> Whisper | None:
    """Its model, loaded; None where it is not installed, or where this processor is too slow."""
    from agent.emulator.engines.whisper import Whisper, model_folder

    folder = model_folder()
    whisper = Whisper(folder) if folder else None
    if whisper is not None and not _quick("Whisper", partial(whisper.read, _SAMPLE)):
        return None
    return whisper


def _piper() -> Piper | None:
    """Piper with its voice, loaded; None where it is not installed, or too slow here."""
    file = voice_file()
    piper = Piper(file) if file else None
    if piper is not None and not _quick("Piper", partial(piper, "Buenos días.", "es")):
        return None
    return piper


def _quick(name: str, once: Callable[[], object]) -> bool:
    """Whether it is done with a sentence before one has forgotten what it was about."""
    begun = monotonic()
    once()
    took = monotonic() - begun
    if took > _LONGEST_S:
        log.info("%s takes %.0f s for a sentence here: too long", name, took)
    return took <= _LONGEST_S


def _check_installed() -> None:
    if find_spec("pocketsphinx") is None:
        raise UsageError("the local engine needs pocketsphinx: pip install 'dragoman[local]'")
    for program, package in (("apertium", "apertium apertium-eng-spa"), ("espeak-ng",) * 2):
        if shutil.which(program) is None:
            raise UsageError(f"the local engine needs {program}: sudo apt install {package}")


def _translation_pairs() -> frozenset[str]:
    pairs = frozenset(run(["apertium", "-l"], "").decode().split())
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
