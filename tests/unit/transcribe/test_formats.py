"""Text, JSON Lines and subtitles: golden documents, and subtitles read back strictly."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.summarize import spoken
from agent.events import Result, Word
from agent.transcribe.cues import clock
from agent.transcribe.formats import as_json, as_srt, as_txt, as_vtt
from agent.transcribe.record import Record


def record(*results: Result, duration_ms: int | None = 9_000_000) -> Record:
    made = Record("talk.wav", "maas-fast-asr", duration_ms)
    for result in results:
        made.put(result)
    return made


BOTH = Result(0, "Hello <b> & you", "Hola --> tú", True, 1_500, 3_661_007)
LATER = Result(1, "", "Adiós", True, 3_700_000, 3_700_000)

SRT = """\
1
00:00:01,500 --> 00:00:08,500
Hello <​b> & you
Hola -- > tú

2
01:01:40,000 --> 01:01:40,001
Adiós

"""

VTT = """\
WEBVTT

1
00:00:01.500 --> 00:00:08.500
Hello &lt;b&gt; &amp; you
Hola --&gt; tú

2
01:01:40.000 --> 01:01:40.001
Adiós

"""


def test_srt() -> None:
    assert as_srt(record(BOTH, LATER)) == SRT


def test_vtt() -> None:
    assert as_vtt(record(BOTH, LATER)) == VTT


def test_txt() -> None:
    alone = Result(2, "Only\nthis", None, True)
    expected = "Hello <b> & you  →  Hola --> tú\nAdiós\nOnly this\n"
    assert as_txt(record(BOTH, LATER, alone)) == expected


def test_json_has_every_key_with_a_value_and_no_other() -> None:
    full = Result(
        index=0,
        text="Hi",
        translation="Hola",
        final=True,
        start_ms=0,
        end_ms=400,
        translations={"es": "Hola", "ja": "やあ"},
        speaker="0",
        language="en-US",
        confidence=0.0,
        words=(Word("Hi", 0, 400),),
    )
    line = as_json(record(full, LATER))
    assert line.count("\n") == 1
    assert "やあ" in line
    assert json.loads(line) == {
        "file": "talk.wav",
        "service": "maas-fast-asr",
        "duration_ms": 9_000_000,
        "transcripts": [
            {
                "index": 0,
                "text": "Hi",
                "translation": "Hola",
                "translations": {"es": "Hola", "ja": "やあ"},
                "start_ms": 0,
                "end_ms": 400,
                "speaker": "0",
                "language": "en-US",
                "confidence": 0.0,
                "words": [{"text": "Hi", "start_ms": 0, "end_ms": 400}],
            },
            {"index": 1, "translation": "Adiós", "start_ms": 3_700_000, "end_ms": 3_700_000},
        ],
    }


def test_nothing_heard() -> None:
    silent = record(duration_ms=None)
    assert json.loads(as_json(silent)) == {
        "file": "talk.wav",
        "service": "maas-fast-asr",
        "transcripts": [],
    }
    assert (as_txt(silent), as_srt(silent), as_vtt(silent)) == ("", "", "WEBVTT\n\n")


def test_a_file_name_that_is_no_text_is_still_json() -> None:
    line = as_json(Record("a\udcff.wav", "youdao"))
    assert json.loads(line.encode())["file"] == "a�.wav"


def test_cues_without_times_follow_one_another() -> None:
    unknown = [Result(n, "a", None, True) for n in range(2)]
    times = [cue["times"] for cue in read_srt(as_srt(record(*unknown, duration_ms=None)))]
    assert times == [(0, 1), (0, 1)]
    after = record(Result(0, "a", None, True, 100, 700), unknown[1], duration_ms=900)
    assert [cue["times"] for cue in read_srt(as_srt(after))] == [(100, 700), (700, 900)]


def test_times_are_kept_within_the_file_and_in_order() -> None:
    late = record(Result(0, "a", None, True, 800, 2000), duration_ms=1000)
    assert (late.results[0].start_ms, late.results[0].end_ms) == (800, 1000)
    twisted = record(Result(0, "a", None, True, 800, 300))
    assert (twisted.results[0].start_ms, twisted.results[0].end_ms) == (800, 800)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "00:00:00,000"), (59_999, "00:00:59,999"), (3_600_000, "01:00:00,000"),
     (360_000_001, "100:00:00,001")],
)  # fmt: skip
def test_clock(ms: int, text: str) -> None:
    assert clock(ms, ",") == text


def test_a_summary_reads_the_words_of_json_lines_and_any_other_text() -> None:
    lines = as_json(record(BOTH, LATER)) + as_json(record())
    assert spoken(lines) == "Hello <b> & you\nAdiós"
    for text in ("plain", '{"transcripts": 1}', lines + "and more", '{"a": 1}', "[" * 5000):
        assert spoken(text) == text


def test_a_summary_reads_what_subtitles_show() -> None:
    made = record(
        Result(0, "Hello <b> & you", "Hola -> tú", True, 1_500, 3_000), Result(1, "1", None, True)
    )
    for document in (as_srt(made), as_vtt(made), as_srt(made).replace("\n", "\r\n")):
        assert spoken(document).split("\n") == ["Hello <b> & you", "Hola -> tú", "1"]
    cue = "00:01.000 --> 00:02.000 line:0\n<v Ann>Good <i>day</i>"
    tagged = f"WEBVTT - by hand\n\nNOTE no words\n\n{cue}\n"
    assert spoken(tagged) == "Good day"
    assert spoken("1\n2 apples") == "1\n2 apples"
    assert spoken("WEBVTTX is no word") == "WEBVTTX is no word"


# Subtitles of anything, read back by the formats' own rules

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "-->",
        "1",
        "a\n\nb",
        "<b>b</b>",
        "{\\an8}up",
        "00:00:01,000 --> 00:00:02,000",
        "WEBVTT",
        "<c>&amp;",
        "---->",
    ]
)
TIMES = st.none() | st.integers(0, 400_000_000)
RESULTS = st.lists(
    st.builds(Result, st.just(0), TEXTS, st.none() | TEXTS, st.just(True), TIMES, TIMES),
    max_size=6,
)
DURATIONS = st.none() | st.integers(0, 400_000_000)


def numbered(results: list[Result], duration_ms: int | None) -> Record:
    made = Record("a", "b", duration_ms)
    for n, r in enumerate(results):
        made.put(Result(n, r.text, r.translation, True, r.start_ms, r.end_ms))
    return made


def characters(texts: Iterable[str]) -> Counter[str]:
    """All that is there to be seen."""
    return Counter("".join("".join(text.split()) for text in texts).replace("\u200b", ""))


def said(results: list[Result]) -> Counter[str]:
    return characters(text for r in results for text in (r.text, r.translation or ""))


@given(RESULTS, DURATIONS)
def test_srt_reads_back(results: list[Result], duration_ms: int | None) -> None:
    cues = read_srt(as_srt(numbered(results, duration_ms)))
    assert [cue["number"] for cue in cues] == list(range(1, len(cues) + 1))
    assert characters(line for cue in cues for line in cue["lines"]) == said(results)
    assert not any(re.search(r"<[a-z/]|{\\", line) for cue in cues for line in cue["lines"])
    check_times(cues)


@given(RESULTS, DURATIONS)
def test_vtt_reads_back(results: list[Result], duration_ms: int | None) -> None:
    document = as_vtt(numbered(results, duration_ms))
    head, _, rest = document.partition("\n\n")
    assert head == "WEBVTT"
    cues = read_cues(rest, r"\.")
    shown = [html.unescape(line) for cue in cues for line in cue["lines"]]
    assert characters(shown) == said(results)
    written = "".join(line for cue in cues for line in cue["lines"])
    assert not re.search(r"<|>|&(?!amp;|lt;|gt;)", written)
    check_times(cues)


def read_srt(document: str) -> list[dict[str, Any]]:
    return read_cues(document, ",")


def read_cues(document: str, point: str) -> list[dict[str, Any]]:
    """Blocks between blank lines: number, times, text; AssertionError for anything else."""
    stamp = rf"(\d{{2,}}):([0-5]\d):([0-5]\d){point}(\d{{3}})"
    cues = []
    for block in document.split("\n\n")[:-1]:
        number, times, *lines = block.split("\n")
        match = re.fullmatch(f"{stamp} --> {stamp}", times)
        assert match
        assert lines
        assert not any("-->" in line for line in lines)
        start, end = _ms(match.groups()[:4]), _ms(match.groups()[4:])
        cues.append({"number": int(number), "times": (start, end), "lines": lines})
    assert not document or document.endswith("\n\n")
    return cues


def _ms(groups: Sequence[str]) -> int:
    hours, minutes, seconds, ms = map(int, groups)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def check_times(cues: list[dict[str, Any]]) -> None:
    starts = [cue["times"][0] for cue in cues]
    assert starts == sorted(starts)
    assert all(end > start for start, end in (cue["times"] for cue in cues))
