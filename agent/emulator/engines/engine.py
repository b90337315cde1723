"""What an engine is: what the emulator hears, translates and speaks with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

SPEECH_RATE = 16_000
"""Samples per second of what `Engine.speak` returns."""


class Unsupported(Exception):
    """The engine cannot do this language or pair; the text is fit for the client to read."""


class EngineFailed(Exception):
    """A program or library the engine relies on failed on this request."""


@dataclass(frozen=True)
class Heard:
    """One step of recognising a sentence. Times are milliseconds of audio since the first.

    `source` is the language where more than one is spoken on a connection (see `ear.py`).
    """

    kind: Literal["start", "partial", "final"]
    index: int
    text: str
    start_ms: int
    end_ms: int
    source: str = ""


class Recognizer(Protocol):
    """Turns one connection's audio (s16le mono, whole samples) into sentences."""

    def feed(self, pcm: bytes) -> list[Heard]:
        """Take audio of any length; the results must not depend on how it was cut up."""

    def finish(self) -> list[Heard]:
        """No more audio comes: finish the sentence that is open, if there is one."""


class Engine(Protocol):
    """Recognition, translation and speech. Languages are codes such as `en`, `zh`, `yue`."""

    def require(self, source: str, target: str | None) -> None:
        """Raise `Unsupported` unless this source can be recognised and translated."""

    def require_pair(self, source: str, target: str) -> None:
        """Raise `Unsupported` unless text can be translated so."""

    def recognizer(self, source: str, rate: int) -> Recognizer:
        """A new recognizer for audio of `rate` samples per second (8000 or 16000)."""

    def translate(self, text: str, source: str, target: str) -> str:
        """The text in the target language; `EngineFailed` when that did not work."""

    def summarise(self, text: str, longest: int | None = None) -> str:
        """A text made of some of the text's sentences, of at most about `longest` characters."""

    def speak(self, text: str, language: str) -> bytes:
        """The text as 16 kHz mono s16le; `EngineFailed` when that did not work."""
