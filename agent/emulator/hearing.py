"""What a whole recording says: its sentences, and words with times that add up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent.emulator.engines import Engine, Heard, Unsupported
from agent.emulator.sound import RATE

_LEAD_MS = 500
"""Silence put before a recording: a recognizer that waits for speech to begin must be waiting
already when a file begins with it."""

_PIECE = 2 * RATE  # a second at a time: a recognizer may copy what it has not used yet
_SPACELESS = ("zh", "yue", "ja", "th")
_WORD = re.compile(r"[぀-ヿ㐀-鿿฀-๿][^\w\s]*|[^\s぀-ヿ㐀-鿿฀-๿]+")


@dataclass(frozen=True)
class Word:
    """A word; times are milliseconds of the recording."""

    text: str
    start_ms: int
    end_ms: int


def listen(engine: Engine, pcm: bytes, language: str) -> list[Heard]:
    """The sentences of 16 kHz mono s16le, in order; none for silence."""
    recognizer = engine.recognizer(language, RATE)
    heard = recognizer.feed(bytes(2 * RATE * _LEAD_MS // 1_000))
    for at in range(0, len(pcm), _PIECE):
        heard += recognizer.feed(pcm[at : at + _PIECE])
    heard += recognizer.finish()
    return [_earlier(step) for step in heard if step.kind == "final" and step.text]


def _earlier(heard: Heard) -> Heard:
    """The sentence with times of the recording itself."""
    start, end = (max(0, ms - _LEAD_MS) for ms in (heard.start_ms, heard.end_ms))
    return replace(heard, start_ms=start, end_ms=end)


def first_heard(engine: Engine, languages: Iterable[str], target: str | None = None) -> str:
    """The first language the engine can hear (and translate into `target`).

    It stands for telling languages apart, which no engine here can. `Unsupported`, in the words
    of the first, when there is none.
    """
    reason = Unsupported("no language to recognise")
    for number, language in enumerate(languages):
        try:
            engine.require(language, target)
        except Unsupported as unsupported:
            reason = reason if number else unsupported
        else:
            return language
    raise reason


def joined(sentences: Iterable[str], language: str) -> str:
    """Sentences as one text, with spaces where the language has them."""
    return ("" if language in _SPACELESS else " ").join(sentences)


def words(sentence: Heard) -> list[Word]:
    """The words of a sentence, its time shared out by their lengths: engines give no others.

    A character is a word where a script has no spaces, with the punctuation that follows.
    """
    texts = _WORD.findall(sentence.text)
    ends, length = [], 0
    for text in texts:
        length += len(text)
        ends.append(length)
    span = sentence.end_ms - sentence.start_ms
    edges = [sentence.start_ms + span * end // (length or 1) for end in (0, *ends)]
    return [
        Word(text, start, end) for text, start, end in zip(texts, edges, edges[1:], strict=False)
    ]
