"""MaaS Whisper: transcription, and translation into English.

Of `verbose_json` the document shows nothing but `text`, with `timestamp_granularities=none`, which
is taken for the default; with `word` or `sentence` there are OpenAI's `words` and `segments`. What
OpenAI's own client sends besides (`model`, `timestamp_granularities[]`, `segment` …) is tolerated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.emulator.call import Call
from agent.emulator.engines import Engine, Heard
from agent.emulator.hearing import joined, listen, words
from agent.emulator.maas.gate import Gate, invalid

_FORMATS = ("json", "verbose_json")
_GRANULARITIES = {"none": "none", "word": "word", "sentence": "sentence", "segment": "sentence"}
_OPENAI = ("model", "stream", "chunking_strategy", "include[]", "timestamp_granularities[]")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_GUESSES = ("en", "zh")


class Whisper(Gate):
    """`/audio/transcriptions`, or `/audio/translation` when it `translates`."""

    kinds = ("mp3", "m4a", "wav", "webm")  # mp4 is an m4a; mpeg and mpga are mp3

    def __init__(self, engine: Engine, *, translates: bool) -> None:
        super().__init__(engine)
        self._translates = translates
        self.name = "maas-whisper-translate" if translates else "maas-whisper"
        # The translation's sample sends a granularity its table has not; it has no `language`.
        fields = ("prompt", "response_format", "temperature", "timestamp_granularities")
        self.known = (*fields, *_OPENAI, *(() if translates else ("language",)))

    def result(self, call: Call) -> Mapping[str, object]:
        """See `Gate.result`."""
        form = self.form(call)
        verbose, granularity = _check(form.fields)
        given = form.fields.get("language", "")
        if given and not _LANGUAGE.fullmatch(given):
            raise invalid("language must be a code such as en or zh")
        target = "en" if self._translates else None
        language = self.heard_language([given] if given else _GUESSES, target)
        heard = listen(self._engine, form.sound.mono, language)
        if self._translates:
            heard = self._in_english(heard, language)
        answer: dict[str, object] = {"text": _text(heard, "en" if self._translates else language)}
        if verbose and granularity != "none":
            task = "translate" if self._translates else "transcribe"
            answer |= {"task": task, "language": language, "duration": form.sound.ms / 1_000}
            answer |= _words(heard) if granularity == "word" else _segments(heard)
        return answer

    def _in_english(self, heard: Sequence[Heard], language: str) -> list[Heard]:
        if language == "en":
            return list(heard)
        translate = self._engine.translate
        return [
            Heard(h.kind, h.index, translate(h.text, language, "en"), h.start_ms, h.end_ms)
            for h in heard
        ]


def _check(fields: Mapping[str, str]) -> tuple[bool, str]:
    """Whether the answer is verbose, and its granularity; `Declined` for wrong values."""
    wanted = fields.get("response_format", "json")
    if wanted not in _FORMATS:
        raise invalid(f"response_format must be one of {', '.join(_FORMATS)}")
    temperature = fields.get("temperature", "0")
    if not re.fullmatch(r"0(\.[0-9]+)?|1(\.0+)?", temperature):
        raise invalid("temperature must be between 0 and 1")
    if fields.get("stream", "false").lower() != "false":
        raise invalid("stream is not supported")
    brackets = fields.get("timestamp_granularities[]", "none")
    granularity = fields.get("timestamp_granularities", brackets)
    if granularity not in _GRANULARITIES:
        raise invalid("timestamp_granularities must be none, word or sentence")
    return wanted == "verbose_json", _GRANULARITIES[granularity]


def _text(heard: Sequence[Heard], language: str) -> str:
    return joined((sentence.text for sentence in heard), language)


def _words(heard: Sequence[Heard]) -> dict[str, object]:
    return {
        "words": [
            {"word": word.text, "start": word.start_ms / 1_000, "end": word.end_ms / 1_000}
            for sentence in heard
            for word in words(sentence)
        ]
    }


def _segments(heard: Sequence[Heard]) -> dict[str, object]:
    return {
        "segments": [
            {"id": n, "start": h.start_ms / 1_000, "end": h.end_ms / 1_000, "text": h.text}
            for n, h in enumerate(heard)
        ]
    }
