"""MaaS-AFast-asr: a recording to phrases with times, words, speakers and confidence.

API document v1.1, "MaaS-AFast-asr".  The table says that a word's offset counts within
its phrase; in the sample, and in the Azure service behind it, it counts from the
beginning of the sound: it is read so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agent.errors import UsageError
from agent.events import Result, ServiceEvent, Word
from agent.services import answers
from agent.services.locales import choose
from agent.services.maas import LOCALES, MAX_BYTES, Account, refusal, sound
from agent.services.multipart import Part
from agent.services.reading import Fields, Malformed
from agent.services.shapes import Clip, Nonce, Request, Response

__all__ = ["FORMATS", "LANGUAGES", "MAX_BYTES", "FastAsr", "Options"]

PATH = "/speechtotext/transcriptions:transcribe?api-version=2024-11-15"

# "definition", locales.
LANGUAGES = (
    *("de-DE", "en-IN", "en-US", "es-ES", "es-MX", "fr-FR"),
    *("hi-IN", "it-IT", "ja-JP", "ko-KR", "pt-BR", "zh-CN"),
)
# "音频文件支持"; A-law and mu-law in WAV count as wav.
FORMATS = ("wav", "mp3", "opus", "ogg", "flac", "wma", "aac", "amr", "webm", "m4a", "spx")


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of ``definition``; None leaves one out.

    ``channels`` are transcribed apart (indexes from 0, two at most); ``max_speakers``
    turns on telling speakers apart, which the service does in one channel only.
    Raises UsageError for what the document excludes.
    """

    channels: tuple[int, ...] = ()
    max_speakers: int | None = None
    profanity: Literal["None", "Masked", "Removed", "Tags"] | None = None

    def __post_init__(self) -> None:
        if not set(self.channels) <= {0, 1}:
            raise UsageError("maas-fast-asr: expected channels among 0 and 1")
        if len(self.channels) > 1 and self.max_speakers is not None:
            raise UsageError("maas-fast-asr tells speakers apart in one channel only")
        if self.max_speakers is not None and self.max_speakers < 1:
            raise UsageError("maas-fast-asr: expected at least one speaker")

    def definition(self, locales: Sequence[str]) -> dict[str, Any]:
        """The ``definition`` object; the service finds the language where none is given."""
        speakers = {"maxSpeakers": self.max_speakers, "enabled": True}
        every = {
            "channels": list(self.channels),
            "locales": list(locales),
            "diarization": speakers if self.max_speakers is not None else None,
            "profanityFilterMode": self.profanity,
        }
        return {key: value for key, value in every.items() if value}


class FastAsr:
    """Transcription of speech in any of ``sources`` (empty: the service finds out).

    Raises UsageError for a language the document does not list.
    """

    def __init__(
        self, account: Account, sources: Sequence[str] = (), options: Options | None = None
    ) -> None:
        self._account = account
        self._locales = [choose("maas-fast-asr", code, LANGUAGES, LOCALES) for code in sources]
        self._options = options or Options()

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        definition = json.dumps(self._options.definition(self._locales))
        parts = [sound("audio", clip), Part("definition", definition)]
        return self._account.upload(PATH, parts, nonce)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """A result for each phrase, in the order of the answer."""
        return answers.read(response, lambda data: refusal(data, response.status), _phrases)


def _phrases(data: Fields) -> list[ServiceEvent]:
    if data.get("phrases") is None:
        raise Malformed("missing-field", "phrases")
    return answers.numbered(answers.each(data.objects("phrases"), _phrase))


def _phrase(item: Fields) -> Result | None:
    """One phrase; None for silence."""
    start, end = _span(item)
    result = Result(
        index=0,
        text=item.text("text").strip(),
        final=True,
        start_ms=start,
        end_ms=end,
        speaker=item.word("speaker"),
        language=item.word("locale"),
        confidence=item.number("confidence"),
        words=_words(item),
    )
    return result if result.text else None


def _words(item: Fields) -> tuple[Word, ...]:
    """The words, or none at all if one is unreadable: the text is worth more than them."""
    words = [_word(word) for word in item.objects("words")]
    return () if None in words else tuple(word for word in words if word is not None)


def _word(item: Fields) -> Word | None:
    text, (start, end) = item.text("text"), _span(item)
    return None if start is None or end is None else Word(text, start, end)


def _span(item: Fields) -> tuple[int | None, int | None]:
    start, length = item.whole("offsetMilliseconds"), item.whole("durationMilliseconds")
    return (None, None) if start is None or length is None else (start, start + length)
