"""The history: finals of the newest sessions, bounded."""

from __future__ import annotations

from agent.events import Transcript
from agent.report.history import CHARACTERS, SENTENCES, SESSIONS, History


def said(
    index: int, text: str = "", *, session: str = "s", final: bool = True, translation: str = ""
) -> Transcript:
    return Transcript(
        session=session,
        index=index,
        text=text,
        translation=translation or None,
        source="en",
        target="zh",
        start_ms=0,
        end_ms=0,
        service="twetalk-v2",
        time="2026-01-01T00:00:00.000Z",
        final=final,
    )


def test_finals_are_kept_in_order_a_line_each() -> None:
    history = History()
    for index, text in enumerate(("one", "two", "three")):
        history.add(said(index, text))
    assert [each.text for each in history.sentences("s")] == ["one", "two", "three"]
    assert history.text("s") == "one\ntwo\nthree"


def test_partials_pass_by() -> None:
    history = History()
    history.add(said(0, "on", final=False))
    assert history.sentences("s") == []


def test_a_number_is_there_once() -> None:
    history = History()
    for text in ("one", "one"):
        history.add(said(0, text))
    assert history.text("s") == "one"


def test_where_only_a_translation_came_it_stands_for_the_text() -> None:
    history = History()
    history.add(said(0, "", translation="uno"))
    assert history.text("s") == "uno"


def test_a_session_nobody_knows_is_empty() -> None:
    history = History()
    assert history.sentences("x") == []
    assert history.text("x") == ""
    assert history.sentences("x") == [], "asking does not make it known"


def test_old_sessions_and_old_sentences_go() -> None:
    history = History()
    for n in range(SESSIONS + 1):
        history.add(said(0, "x", session=f"s{n}"))
    assert history.text("s0") == ""
    assert history.text("s1") == "x"
    for index in range(SENTENCES + 1):
        history.add(said(index, str(index), session="long"))
    kept = history.sentences("long")
    assert (len(kept), kept[0].text) == (SENTENCES, "1")


def test_the_newest_session_anything_was_said_in() -> None:
    history = History()
    assert history.newest() == []
    assert history.sessions() == []
    for session in ("s1", "s2"):
        history.add(said(0, f"in {session}", session=session))
    history.add(said(0, "not yet", session="s3", final=False))
    assert [each.text for each in history.newest()] == ["in s2"]
    assert history.sessions() == ["s1", "s2"]


def test_long_sentences_are_kept_as_long_as_there_is_room() -> None:
    history = History()
    for session in range(3):
        for index in range(100):
            history.add(said(index, "x" * (CHARACTERS // 200), session=f"s{session}"))
            history.add(said(index, "y" * (CHARACTERS // 200), session=f"s{session}"))
    kept = [each for session in history.sessions() for each in history.sentences(session)]
    assert sum(len(each.text) for each in kept) <= CHARACTERS
    assert len(kept) > 100
    assert (kept[-1].session, kept[-1].index) == ("s2", 99)
    assert history._characters <= CHARACTERS


def test_one_sentence_longer_than_all_there_is_room_for_harms_nothing() -> None:
    history = History()
    history.add(said(0, "x" * (CHARACTERS + 1)))
    assert (history.sessions(), history._characters) == ([], 0)
    history.add(said(1, "a"))
    assert history.text("s") == "a"
