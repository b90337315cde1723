"""The captions on the screen."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.cli.live.captions import KEPT, Captions
from agent.cli.live.paint import DIM, ITALIC, PLAIN, STRONG, Signs, width
from agent.events import Transcript
from tests.unit.report.test_history import said


def shown(*transcripts: Transcript) -> Captions:
    captions = Captions()
    for transcript in transcripts:
        captions.put(transcript)
    return captions


def text(captions: Captions, room: int = 40, rows: int = 20, *, spaced: bool = False) -> list[str]:
    lines = captions.lines(room, rows, Signs(), spaced=spaced)
    return ["".join(part for part, _ in line).rstrip() for line in lines]


def styles(captions: Captions) -> list[str]:
    return [line[1][1] for line in captions.lines(40, 20, Signs(), spaced=False)]


def test_the_translation_is_prominent_and_what_was_said_stands_above_it() -> None:
    captions = shown(said(0, "hello", translation="你好"), said(1, "bye", translation="再见"))
    assert text(captions) == ["  hello", "  你好", "  bye", "  再见"]
    assert styles(captions) == [DIM, PLAIN, DIM, STRONG]


def test_without_a_translation_what_was_said_is_prominent() -> None:
    assert styles(shown(said(0, "hello"))) == [STRONG]
    assert text(shown(said(0, "", translation="你好"))) == ["  你好"]


def test_what_grows_is_marked_and_settles_in_its_place() -> None:
    captions = shown(said(0, "first"), said(1, "gro", final=False, translation="grö"))
    assert text(captions) == ["  first", "┃ gro", "┃ grö"]
    assert styles(captions) == [STRONG, f"{ITALIC};{DIM}", ITALIC]
    captions.put(said(1, "grow", final=False))
    assert text(captions) == ["  first", "┃ grow"]
    captions.put(said(1, "grown"))
    assert text(captions) == ["  first", "  grown"]
    captions.put(said(1, "gro", final=False))
    assert text(captions) == ["  first", "  grown"], "it has settled"


def test_what_never_settles_goes_with_the_next_final() -> None:
    captions = shown(said(0, "first"), said(1, "lost", final=False), said(2, "second"))
    assert text(captions) == ["  first", "  second"]
    captions = shown(said(0, "lo", final=False), said(1, "new", final=False), said(1, "news"))
    assert text(captions) == ["  news"]
    captions = shown(said(0, "ol", final=False), said(1, "grow", final=False), said(0, "old"))
    assert text(captions) == ["  old", "┃ grow"]


def test_what_may_repeat_is_marked() -> None:
    captions = shown(replace(said(0, "again", translation="又"), replayed=True))
    assert text(captions) == ["↻ again (may repeat)", "↻ 又"]


def test_translations_into_other_languages_follow() -> None:
    extra: dict[str, Any] = {"translations": {"zh": "你好", "de": "Hallo", "fr": ""}}
    captions = shown(replace(said(0, "hello", translation="你好"), extra=extra))
    assert text(captions) == ["  hello", "  你好", "  Hallo"]


def test_the_newest_is_at_the_bottom_and_the_oldest_goes() -> None:
    captions = shown(*(said(n, f"s{n}") for n in range(KEPT + 5)))
    assert text(captions, rows=2) == [f"  s{KEPT + 3}", f"  s{KEPT + 4}"]
    assert len(text(captions, rows=1000)) == KEPT
    assert text(captions, rows=0) == []


def test_a_long_caption_is_wrapped_and_ends_at_the_bottom() -> None:
    captions = shown(said(0, "one two three four five", final=False))
    assert text(captions, room=12) == ["┃ one two", "┃ three four", "┃ five"]
    assert text(captions, room=12, rows=2) == ["┃ three four", "┃ five"]


def test_a_blank_line_between_captions_where_there_is_room() -> None:
    captions = shown(said(0, "one"), said(1, "two"))
    assert text(captions, spaced=True) == ["  one", "", "  two"]
    assert text(captions, rows=2, spaced=True) == ["", "  two"]


def test_wide_terminals_do_not_make_lines_too_long_to_read() -> None:
    assert max(map(len, text(shown(said(0, "word " * 100)), room=200))) <= 102


def test_each_change_is_a_new_version() -> None:
    captions = shown(said(0, "one"))
    version = captions.version
    captions.put(said(0, "on", final=False))
    assert captions.version == version
    captions.put(said(1, "two"))
    assert captions.version > version


@given(
    st.lists(st.tuples(st.integers(0, 5), st.text(), st.none() | st.text(), st.booleans())),
    st.integers(4, 60),
    st.integers(0, 12),
    st.booleans(),
)
def test_whatever_is_said_fits(
    spoken: list[tuple[int, str, str | None, bool]], room: int, rows: int, spaced: bool
) -> None:
    captions = shown(
        *(said(n, text, translation=other or "", final=final) for n, text, other, final in spoken)
    )
    lines = captions.lines(room, rows, Signs(), spaced=spaced)
    assert len(lines) <= rows
    assert all(width(line) <= room for line in lines)
