"""Transcripts as text, JSON Lines and subtitles: pure functions of a :class:`Record`.

Each gives a whole document that ends with a line end, so that documents of several
files can follow one another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from msgspec.structs import asdict

from agent import printable
from agent.events import Result
from agent.transcribe.cues import Cue, clock, cues
from agent.transcribe.record import Record

_TAG = re.compile(r"(?<=[<{])(?=[\\/!A-Za-z])")
_NO_SPACE = "\u200b"

_KEYS = (
    *("index", "text", "translation", "translations", "start_ms", "end_ms"),
    *("speaker", "language", "confidence", "words"),
)


def as_json(record: Record) -> str:
    """One object on one line; keys without a value are left out."""
    name = os.fsencode(record.file).decode("utf-8", "replace")
    head = {"file": name, "service": record.service, "duration_ms": record.duration_ms}
    transcripts = [_given({key: _plain(result, key) for key in _KEYS}) for result in record.results]
    return printable.as_json({**_given(head), "transcripts": transcripts}) + "\n"


def as_txt(record: Record) -> str:
    """A line a transcript: text and translations, with arrows between."""
    return "".join(f"{'  →  '.join(_texts(result))}\n" for result in record.results)


def as_srt(record: Record) -> str:
    """SubRip.  It has no escapes: an arrow in a text is taken apart, and what players would
    take for a tag (``<b>``, ``{\\an8}``) gets a space of no width in it."""
    blocks = []
    for number, cue in enumerate(cues(record), 1):
        lines = "\n".join(_TAG.sub(_NO_SPACE, line.replace("-->", "-- >")) for line in cue.lines)
        blocks.append(f"{number}\n{_times(cue, ',')}\n{lines}\n\n")
    return "".join(blocks)


def as_vtt(record: Record) -> str:
    """WebVTT, characters that mean something in it escaped."""
    blocks = ["WEBVTT\n\n"]
    for number, cue in enumerate(cues(record), 1):
        lines = "\n".join(_escaped(line) for line in cue.lines)
        blocks.append(f"{number}\n{_times(cue, '.')}\n{lines}\n\n")
    return "".join(blocks)


FORMATS: Mapping[str, Callable[[Record], str]] = {
    "srt": as_srt,
    "vtt": as_vtt,
    "json": as_json,
    "txt": as_txt,
}


def _times(cue: Cue, point: str) -> str:
    return f"{clock(cue.start_ms, point)} --> {clock(cue.end_ms, point)}"


def _texts(result: Result) -> list[str]:
    """Text and translations, those there are, each on one line."""
    every = (result.text, result.translation or "", *result.translations.values())
    return [one for text in every if (one := _one_line(text))]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(result: Result, key: str) -> object:
    value = getattr(result, key)
    if key == "translations":
        return dict(value)
    return [asdict(word) for word in value] if key == "words" else value


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value not in (None, "", {}, [])}
