"""Transcripts as text, JSON Lines and subtitles: pure functions of a :class:`Record`.

Each gives a whole document that ends with a line end, so that documents of several
files can follow one another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import asdict

from agent.events import Result
from agent.transcribe.record import Record

_KEYS = (
    *("index", "text", "translation", "translations", "start_ms", "end_ms"),
    *("speaker", "language", "confidence", "words"),
)


def as_json(record: Record) -> str:
    """One object on one line; keys without a value are left out."""
    name = os.fsencode(record.file).decode("utf-8", "replace")
    head = {"file": name, "service": record.service, "duration_ms": record.duration_ms}
    transcripts = [_given({key: _plain(result, key) for key in _KEYS}) for result in record.results]
    return json.dumps({**_given(head), "transcripts": transcripts}, ensure_ascii=False) + "\n"


def as_txt(record: Record) -> str:
    """A line a transcript: text, translation, or both with an arrow between."""
    return "".join(f"{'  →  '.join(_texts(result))}\n" for result in record.results)


def as_srt(record: Record) -> str:
    """SubRip.  It has no escapes, so an arrow in a text is taken apart."""
    blocks = []
    for number, cue in enumerate(_cues(record), 1):
        lines = "\n".join(line.replace("-->", "-- >") for line in cue.lines)
        blocks.append(f"{number}\n{_times(cue, ',')}\n{lines}\n\n")
    return "".join(blocks)


def as_vtt(record: Record) -> str:
    """WebVTT, characters that mean something in it escaped."""
    blocks = ["WEBVTT\n\n"]
    for number, cue in enumerate(_cues(record), 1):
        lines = "\n".join(_escaped(line) for line in cue.lines)
        blocks.append(f"{number}\n{_times(cue, '.')}\n{lines}\n\n")
    return "".join(blocks)


FORMATS: Mapping[str, Callable[[Record], str]] = {
    "srt": as_srt,
    "vtt": as_vtt,
    "json": as_json,
    "txt": as_txt,
}


def clock(ms: int, point: str) -> str:
    """``ms`` as ``HH:MM:SS,mmm``, with ``point`` before the milliseconds."""
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


@dataclass(frozen=True, slots=True)
class _Cue:
    start_ms: int
    end_ms: int
    lines: list[str]


def _cues(record: Record) -> Iterator[_Cue]:
    """The results in order of time; WebVTT wants that, and ends after starts."""
    timed = _timed(record)
    for start, end, result in sorted(timed, key=lambda cue: cue[0]):
        if lines := _texts(result):
            yield _Cue(start, max(start + 1, end), lines)


def _timed(record: Record) -> Iterator[tuple[int, int, Result]]:
    """Where nobody knows a time: from the end of the last one, to the end of the file."""
    at = 0
    for result in record.results:
        start = at if result.start_ms is None else result.start_ms
        end = (record.duration_ms or 0) if result.end_ms is None else result.end_ms
        at = max(start, end)
        yield start, at, result


def _times(cue: _Cue, point: str) -> str:
    return f"{clock(cue.start_ms, point)} --> {clock(cue.end_ms, point)}"


def _texts(result: Result) -> list[str]:
    """Text and translation, those there are, each on one line."""
    every = (_one_line(result.text), _one_line(result.translation or ""))
    return [text for text in every if text]


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
