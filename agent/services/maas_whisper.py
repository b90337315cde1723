"""MaaS Whisper: transcription, and translation of any speech to English.

API document v1.1, "MaaS Whisper" and "音频翻译英文".  The document only shows ``text``
in an answer; ``segments`` and ``words`` of ``verbose_json`` are read as OpenAI, whose
model this is, shapes them: times in seconds, words beside the segments.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from agent.errors import UsageError
from agent.events import Result, ServiceEvent, Word
from agent.services import answers
from agent.services.maas import MAX_BYTES, Account, refusal, sound, text_of
from agent.services.multipart import Part
from agent.services.reading import Fields
from agent.services.shapes import Clip, Nonce, Request, Response

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
        return answers.read(response, lambda data: refusal(data, response.status), _transcript)


class WhisperTranslate:
    """Translation to English: results have a ``translation`` and no ``text``."""

    def __init__(self, account: Account, options: Options | None = None) -> None:
        self._account = account
        self._options = options or Options()

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        parts = [*self._options.parts(), sound("file", clip)]
        return self._account.upload("/audio/translation", parts, nonce)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        events = answers.read(response, lambda data: refusal(data, response.status), _transcript)
        return [_in_english(event) for event in events]


def _given(**fields: str | None) -> list[Part]:
    return [Part(name, value) for name, value in fields.items() if value is not None]


def _iso639(source: str) -> str:
    code = source.partition("-")[0].lower()
    if not re.fullmatch(r"[a-z]{2,3}", code):
        raise UsageError(f"maas-whisper does not take the language '{source[:20]}'; try en or zh")
    return code


def _transcript(data: Fields) -> list[ServiceEvent]:
    language = data.word("language")
    words = sorted(_words(data), key=_begin)
    events = answers.each(data.objects("segments"), lambda item: _segment(item, language, words))
    if not any(isinstance(event, Result) for event in events):
        events += _whole(data, language, words)
    return answers.numbered(events)


def _whole(data: Fields, language: str | None, words: Sequence[Word]) -> list[ServiceEvent]:
    text = text_of(data)
    end = _ms(data, "duration")
    start = None if end is None else 0
    result = Result(0, text, None, True, start, end, language=language, words=tuple(words))
    return [result] if text else []


def _segment(item: Fields, language: str | None, words: Sequence[Word]) -> Result | None:
    """One segment with those of ``words`` (sorted) that begin in it; None for silence."""
    text = item.text("text").strip()
    start, end = _ms(item, "start"), _ms(item, "end")
    if start is None or end is None:
        words = ()
    else:
        words = words[bisect_left(words, start, key=_begin) : bisect_left(words, end, key=_begin)]
    result = Result(0, text, None, True, start, end, language=language, words=tuple(words))
    return result if text else None


def _begin(word: Word) -> int:
    return word.start_ms


def _words(data: Fields) -> tuple[Word, ...]:
    """The words, or none at all if one is unreadable: the text is worth more than them."""
    words = [_word(item) for item in data.objects("words")]
    return () if None in words else tuple(word for word in words if word is not None)


def _word(item: Fields) -> Word | None:
    text, start, end = item.text("word").strip(), _ms(item, "start"), _ms(item, "end")
    return None if start is None or end is None else Word(text, start, end)


def _ms(data: Fields, key: str) -> int | None:
    seconds = data.number(key)
    return None if seconds is None else round(seconds * 1000)


def _in_english(event: ServiceEvent) -> ServiceEvent:
    """What was said stays unknown: the service gives the English words alone."""
    if not isinstance(event, Result):
        return event
    return replace(event, text="", translation=event.text, words=(), language=None)
