"""A session as a file."""

from __future__ import annotations

import json

from msgspec.structs import replace

from agent.web.export import document
from tests.unit.report.test_history import said

SENTENCES = [
    replace(said(0, "one", translation="一"), start_ms=200, end_ms=900),
    replace(said(1, "two", translation="二"), start_ms=1500, end_ms=2250),
]


def test_subtitles() -> None:
    assert document("srt", SENTENCES) == (
        "1\n00:00:00,200 --> 00:00:00,900\none\n一\n\n2\n00:00:01,500 --> 00:00:02,250\ntwo\n二\n\n"
    )
    assert document("vtt", SENTENCES).startswith("WEBVTT\n\n1\n00:00:00.200 --> 00:00:00.900\n")


def test_text() -> None:
    assert document("txt", SENTENCES) == "one  →  一\ntwo  →  二\n"


def test_json_has_everything() -> None:
    words = [{"text": "one", "start_ms": 200, "end_ms": 900}]
    first = replace(
        SENTENCES[0], extra={"speaker": "1", "words": words, "translations": {"es": "uno"}}
    )
    value = json.loads(document("json", [first, SENTENCES[1]]))
    assert (value["file"], value["service"], value["duration_ms"]) == ("s", "twetalk-v2", 2250)
    assert value["transcripts"][0] == {
        "index": 0,
        "text": "one",
        "translation": "一",
        "translations": {"es": "uno"},
        "start_ms": 200,
        "end_ms": 900,
        "speaker": "1",
        "words": words,
    }


def test_where_nobody_knows_the_times() -> None:
    untimed = [replace(each, start_ms=None, end_ms=None) for each in SENTENCES]
    assert document("srt", untimed).startswith("1\n00:00:00,000 --> 00:00:00,001\none\n")
