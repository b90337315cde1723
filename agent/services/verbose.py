"""Transcripts as OpenAI's speech API shapes them (API reference, "The transcription object").

``text`` is the whole; ``verbose_json`` adds ``segments`` and, where asked for, ``words`` beside
them, all with times in seconds, and ``language`` and ``duration``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from msgspec.structs import replace

from agent.events import Result, ServiceEvent, Word
from agent.services import answers
from agent.services.maas import text_of
from agent.services.reading import Fields


def transcript(data: Fields) -> list[ServiceEvent]:
    """A result for each segment, or one for the whole text; none for silence."""
    language = data.word("language")
    words = sorted(_words(data), key=_begin)
    events = answers.each(data.objects("segments"), lambda item: _segment(item, language, words))
    if not any(isinstance(event, Result) for event in events):
        events += _whole(data, language, words)
    return answers.numbered(events)


def in_english(event: ServiceEvent) -> ServiceEvent:
    """A translation to English: what was said stays unknown."""
    if not isinstance(event, Result):
        return event
    return replace(event, text="", translation=event.text, words=(), language=None)


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
