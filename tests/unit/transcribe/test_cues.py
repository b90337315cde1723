"""Cues: what is shown is what was said, within the limits of guidelines for subtitles."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Result, Word
from agent.transcribe.cues import LONGEST_MS, Cue, cues
from agent.transcribe.record import Record

CLOSING = "、。，．！？）」』】…ーっょ!?.,)"


def made(*results: Result) -> list[Cue]:
    record = Record("a", "b", 9_000_000)
    for n, r in enumerate(results):
        record.put(Result(n, r.text, r.translation, True, r.start_ms, r.end_ms, words=r.words))
    return list(cues(record))


def said(text: str, seconds: float = 4, translation: str | None = None) -> list[Cue]:
    return made(Result(0, text, translation, True, 0, round(seconds * 1000)))


def wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def fits(line: str) -> bool:
    """42 Latin characters, or 16 of which each takes the room of two and a half."""
    return sum(0 if unicodedata.combining(c) else 42 / 16 if wide(c) else 1 for c in line) <= 42.001


def seen(*texts: str) -> str:
    return "".join("".join(texts).split())


def test_a_short_one_is_one_line() -> None:
    assert said("Good morning.") == [Cue(0, 4000, ["Good morning."])]


def test_two_lines_of_about_the_same_length_are_broken_after_punctuation() -> None:
    (cue,) = said("Good morning everybody, where is the railway station please?")
    assert cue.lines == ["Good morning everybody,", "where is the railway station please?"]


def test_a_long_sentence_becomes_several_cues_one_after_the_other() -> None:
    text = " ".join(["the train to the mountains leaves at nine"] * 6)
    parts = said(text, 18)
    assert len(parts) == 3
    assert " ".join(line for cue in parts for line in cue.lines) == text
    assert (parts[0].start_ms, parts[-1].end_ms) == (0, 18000)
    assert all(a.end_ms == b.start_ms for a, b in pairwise(parts))


def test_chinese_is_broken_anywhere_but_before_its_punctuation() -> None:
    text = (
        "秋天总是那么那么富有诗意,树叶渐渐变红街道旁的银杏树开始落叶,"
        "人们穿上厚重的外套,享受着凉爽的秋风。"
    )
    parts = said(text, 12)
    lines = [line for cue in parts for line in cue.lines]
    assert "".join(lines) == text
    assert all(fits(line) and line[0] not in CLOSING for line in lines)
    assert len(parts) == 2
    assert parts[0].lines[-1].endswith(",")


def test_japanese_keeps_small_signs_and_brackets_where_they_belong() -> None:
    lines = [
        line
        for cue in said("「おはようございます」ちょっと、待って。" * 4, 20)
        for line in cue.lines
    ]
    assert all(line[0] not in "」ょっ、。" and line[-1] != "「" for line in lines)


def test_french_keeps_its_spaced_signs() -> None:
    text = "Est-ce que vous savez où se trouve la gare ! Non ? Alors " * 3
    assert not any(line[0] in "!?" for cue in said(text, 20) for line in cue.lines)


def test_words_say_when() -> None:
    """A pause between the words: the first cue ends before it, the second begins after it."""
    early = [Word(f"early{n}", n * 500, n * 500 + 400) for n in range(10)]
    late = [Word(f"later{n}", 9000 + n * 500, 9400 + n * 500) for n in range(10)]
    text = " ".join(word.text for word in (*early, *late))
    first, second = made(Result(0, text, None, True, 0, 14000, words=(*early, *late)))
    assert (first.start_ms, first.end_ms) == (0, 4900)
    assert (second.start_ms, second.end_ms) == (9000, 14000)
    assert second.lines[0].startswith("later0")


def test_nothing_stays_for_longer_than_seven_seconds() -> None:
    assert said("Yes.", 60) == [Cue(0, LONGEST_MS, ["Yes."])]
    parts = said("the train to the mountains leaves at nine", 14)
    assert len(parts) == 2
    assert all(cue.end_ms - cue.start_ms <= LONGEST_MS for cue in parts)


def test_a_translation_stands_below_what_was_said() -> None:
    (cue,) = said("Good morning.", translation="Buenos días.")
    assert cue.lines == ["Good morning.", "Buenos días."]
    text, translation = "where is the railway station " * 5, "火车站在哪里" * 8
    parts = said(text, 10, translation)
    assert seen(*(cue.lines[0] for cue in parts)) == seen(text)
    assert seen(*(cue.lines[1] for cue in parts)) == seen(translation)


def test_an_end_in_the_same_moment_is_shown_for_a_moment() -> None:
    assert made(Result(0, "a", None, True, 500, 500)) == [Cue(500, 501, ["a"])]


# Anything

PIECES = ["a", "w" * 41, "w" * 50, "。" * 30, "（字", "ab。cd"]
TEXTS = st.one_of(
    st.text(
        st.sampled_from("abc def, ghi. jkl? 你好,世界。ーっ「」(é) 한국어 ไทย\u0301"), max_size=300
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.lists(
        st.sampled_from(["a", "w" * 41, "w" * 50, "。" * 30, "（字", "ab。cd"]), max_size=12
    ).map(" ".join),
)
WORDS = st.lists(
    st.builds(Word, st.text(max_size=12), st.integers(0, 30_000), st.integers(0, 30_000)),
    max_size=9,
).map(tuple)


@given(TEXTS, st.none() | TEXTS, st.integers(0, 20_000), st.integers(0, 60_000), WORDS)
def test_nothing_is_lost_and_all_limits_hold(
    text: str, translation: str | None, start: int, length: int, words: tuple[Word, ...]
) -> None:
    result = Result(0, text, translation, True, start, start + length, words=words)
    parts = made(result)
    shown = seen(*(line for cue in parts for line in cue.lines))
    both = seen(text, translation or "")
    assert sorted(shown) == sorted(both)
    if not seen(translation or ""):
        assert shown == both
    assert [cue.start_ms for cue in parts] == sorted(cue.start_ms for cue in parts)
    for cue in parts:
        assert 1 <= len(cue.lines) <= 2
        assert start <= cue.start_ms < cue.end_ms <= max(start + length, cue.start_ms + 1)
        assert cue.end_ms - cue.start_ms <= LONGEST_MS
        assert all(fits(line) and line == line.strip() for line in cue.lines)


@given(st.text(st.sampled_from("你好世界,。！？」、 abc「"), max_size=200))
def test_no_line_begins_with_what_closes(text: str) -> None:
    if re.search(r"[,。！？」、]{9}", seen(text)):
        return  # more of it than fits a line
    first = seen(text)[:1]
    lines = [line for cue in said(text, 20) for line in cue.lines]
    assert not any(line[0] in "。！？」、" for line in lines[1:]), (first, lines)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_silence_has_no_cue(text: str) -> None:
    assert said(text) == []
