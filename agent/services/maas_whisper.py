"""MaaS Whisper: transcription, and translation of any speech to English.

API document v1.1, "MaaS Whisper" and "音频翻译英文".  The document only shows ``text``
in an answer; ``segments`` and ``words`` of ``verbose_json`` are read as OpenAI, whose
model this is, shapes them (:mod:`agent.services.verbose`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.errors import UsageError
from agent.events import ServiceEvent
from agent.services import answers
from agent.services.maas import MAX_BYTES, Account, refusal, sound
from agent.services.multipart import Part
from agent.services.shapes import Clip, Nonce, Request, Response
from agent.services.verbose import in_english, transcript

__all__ = ["FORMATS", "MAX_BYTES", "Options", "Whisper", "WhisperTranslate"]

# "请求body", field ``file`` (its "mpweg" is a slip for mpeg).
FORMATS = ("mp3", "mp4", "mpeg", "mpga", "m4a", "wav", "webm")


@dataclass(frozen=True, slots=True)
class Options:
    """The optional fields; None leaves one to the service.  UsageError for wrong values.

    ``temperature`` is 0 to 1; ``timestamps`` only shows in ``verbose_json`` answers.
    """

    prompt: str | None = None
    response_format: Literal["json", "verbose_json"] = "verbose_json"
    temperature: float | None = None
    timestamps: Literal["none", "word", "sentence"] | None = "sentence"

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 <= self.temperature <= 1:
            raise UsageError(f"maas-whisper: a temperature of {self.temperature}; expected 0 to 1")

    def parts(self) -> list[Part]:
        """The fields both services know."""
        temperature = None if self.temperature is None else f"{self.temperature:g}"
        return _given(
            prompt=self.prompt, response_format=self.response_format, temperature=temperature
        )


class Whisper:
    """Transcription of speech in ``source`` (None: the model finds out).

    The document names en, zh, es "and so on": any ISO 639 code is passed on, without
    its region.  Raises UsageError for what is no language code.
    """

    def __init__(
        self, account: Account, source: str | None = None, options: Options | None = None
    ) -> None:
        self._account = account
        self._language = _iso639(source) if source else None
        self._options = options or Options()

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        parts = self._options.parts()
        parts += _given(language=self._language, timestamp_granularities=self._options.timestamps)
        return self._account.upload("/audio/transcriptions", [*parts, sound("file", clip)], nonce)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """A result for each segment, or one for the whole text."""
        return answers.read(response, lambda data: refusal(data, response.status), transcript)


class WhisperTranslate:
    """Translation to English: results have a ``translation`` and no ``text``."""

    def __init__(self, account: Account, options: Options | None = None) -> None:
        self._account = account
        self._options = options or Options()

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        parts = [*self._options.parts(), sound("file", clip)]
        return self._account.upload("/audio/translation", parts, nonce)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        events = answers.read(response, lambda data: refusal(data, response.status), transcript)
        return [in_english(event) for event in events]


def _given(**fields: str | None) -> list[Part]:
    return [Part(name, value) for name, value in fields.items() if value is not None]


def _iso639(source: str) -> str:
    code = source.partition("-")[0].lower()
    if not re.fullmatch(r"[a-z]{2,3}", code):
        raise UsageError(f"maas-whisper does not take the language '{source[:20]}'; try en or zh")
    return code
