"""TWeTalk V1 against the document's samples: originals and translations joined by index."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Garbage, Result, ServiceEvent, Speech
from agent.services.twetalk_v1 import MAX_DONE, MAX_OPEN, Setup, TwetalkV1
from tests.unit.services.events import assert_is, json_values
from tests.vectors import load

VECTORS = load("twetalk_v1")


def protocol(**changes: Any) -> TwetalkV1:
    given = {
        "token": "XXXXXX",
        "request_id": VECTORS["setup"]["request_id"],
        "source": "zh",
        "target": "en",
        "tts": True,
        "tts_stream": False,
    }
    return TwetalkV1(Setup(**(given | changes)))


def original(index: int, text: str, kind: int = 2) -> str:
    detail = {"slice_type": kind, "index": index, "voice_text_str": text}
    return json.dumps({"original": "", "original_detail": detail})


def translation(index: int, text: str) -> str:
    return json.dumps({"translation": text, "index": index})


def said(*messages: str, **changes: Any) -> list[ServiceEvent]:
    """Everything one connection makes of ``messages``."""
    v1 = protocol(**changes)
    return [event for message in messages for event in v1.receive(message)]


def partial(index: int, text: str, translation: str | None = None) -> Result:
    return Result(index, text, translation)


def final(index: int, text: str, translation: str | None = None) -> Result:
    return Result(index, text, translation, final=True)


def test_the_set_up_is_the_documents() -> None:
    assert protocol().endpoint(0).url == VECTORS["endpoint"]
    [message] = protocol().begin()
    assert json.loads(message) == VECTORS["setup"]
    assert protocol().ready


def test_speech_is_disabled_where_it_is_not_wanted() -> None:
    [message] = protocol(tts=False).begin()
    assert json.loads(message) == VECTORS["setup"] | {"disable_tts": True}


def test_v1_has_neither_control_message_nor_heartbeat() -> None:
    assert protocol().switch_tts(True) is None
    assert protocol().ping("1.0") is None


def test_the_token_is_not_shown() -> None:
    assert "geheim" not in repr(Setup("geheim", "r", "zh", "en", True))


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda v: v["name"])
def test_an_answer(vector: dict[str, Any]) -> None:
    events = protocol().receive(vector["message"])
    expected = vector["events"] if "events" in vector else [vector["event"]]
    for event, fields in zip(events, expected, strict=True):
        assert_is(event, fields)


def test_the_documents_two_messages_are_one_sentence() -> None:
    samples = VECTORS["samples"]
    text, other = "Please tell a joke.", "请讲个笑话。"
    assert said(samples["original"], samples["translation"]) == [
        partial(1, text),
        final(1, text, other),
    ]
    assert said(samples["translation"], samples["original"]) == [
        partial(1, "", other),
        final(1, text, other),
    ]


def test_a_sentence_is_shown_while_it_grows() -> None:
    events = said(
        original(0, "", 0), original(0, "a", 1), original(0, "a b"), translation(0, "x y")
    )
    assert events == [partial(0, ""), partial(0, "a"), partial(0, "a b"), final(0, "a b", "x y")]


def test_the_next_sentence_may_begin_before_the_translation() -> None:
    events = said(original(0, "a"), original(1, "", 0), original(1, "b", 1), translation(0, "x"))
    assert events[-1] == final(0, "a", "x")


@pytest.mark.parametrize(
    "overtaking", [original(1, "b"), translation(1, "y"), original(2, "c", 0), original(7, "c")]
)
def test_a_translation_that_never_comes_is_not_waited_for(overtaking: str) -> None:
    events = said(original(0, "a"), overtaking)
    assert events[1] == final(0, "a")
    assert len(events) == 3


def test_a_translation_that_comes_too_late_is_reported_and_changes_nothing() -> None:
    events = said(original(0, "a"), original(1, "b"), translation(0, "x"), translation(0, "x"))
    assert events[3:] == [Garbage("late-translation", "index 0")]


def test_one_language_needs_no_translation() -> None:
    assert said(original(0, "a"), translation(0, "a"), target="zh") == [final(0, "a")]


def test_an_empty_translation_is_an_answer() -> None:
    assert said(original(0, "hm"), translation(0, ""))[-1] == final(0, "hm")


def test_the_newest_translation_counts() -> None:
    events = said(
        original(0, "a", 1), translation(0, "x"), translation(0, "x y"), original(0, "a b")
    )
    assert events[1:] == [partial(0, "a", "x"), partial(0, "a", "x y"), final(0, "a b", "x y")]


def test_repetitions_say_nothing() -> None:
    once = [original(0, "a"), translation(0, "x")]
    assert said(*once, *once, original(0, "a", 1)) == [partial(0, "a"), final(0, "a", "x")]
    assert said(once[0], once[0], original(0, "a", 1), once[1]) == said(*once)


def test_out_of_order() -> None:
    events = said(original(1, "b"), original(0, "a"), translation(1, "y"), translation(0, "x"))
    assert events[:2] == [partial(1, "b"), partial(0, "a")]
    assert events[2:4] == [final(0, "a"), final(1, "b", "y")]
    assert events[4:] == [Garbage("late-translation", "index 0")]


def test_what_was_overtaken_comes_in_order() -> None:
    events = said(original(1, "b"), original(0, "a"), original(2, "c"))
    assert events[2:] == [final(0, "a"), final(1, "b"), partial(2, "c")]


def test_a_translation_whose_original_never_settles_is_not_lost() -> None:
    assert said(translation(0, "x"), original(1, "b"))[1] == final(0, "", "x")
    assert said(original(0, "a", 1), translation(0, "x"), original(1, "b"))[2] == final(0, "a", "x")


def test_what_waits_at_the_end_of_the_connection() -> None:
    v1 = protocol()
    for message in (original(3, "a"), original(4, "b", 1)):
        v1.receive(message)
    assert v1.flush() == [final(3, "a")]
    assert v1.flush() == []


def test_the_oldest_open_sentence_ends_when_there_are_too_many() -> None:
    v1 = protocol()
    for index in reversed(range(MAX_OPEN)):
        assert v1.receive(original(index, "a", 1)) == [partial(index, "a")]
    assert v1.receive(original(MAX_OPEN - 1, "a", 1)) == [partial(MAX_OPEN - 1, "a")]
    assert v1.receive(original(MAX_OPEN, "b", 1)) == [
        final(MAX_OPEN - 1, "a"),
        partial(MAX_OPEN, "b"),
    ]


def test_memory_is_bounded() -> None:
    v1 = protocol(target="zh")
    for index in range(MAX_DONE + 1):
        v1.receive(original(index, "a"))
    assert v1.receive(original(1, "a")) == []
    assert v1.receive(original(0, "a")) == [final(0, "a")]  # forgotten, so new


def test_binary_is_speech_of_any_length() -> None:
    assert protocol().receive(b"\x01\x02\x03") == [Speech(b"\x01\x02\x03")]
    assert protocol().receive(b"") == []


INDEXES = st.integers(0, 4)
MESSAGES = st.lists(
    st.builds(original, INDEXES, st.sampled_from(["", "a", "b"]), st.integers(0, 2))
    | st.builds(translation, INDEXES, st.sampled_from(["", "x", "y"])),
    max_size=20,
)


def finals(events: Sequence[object]) -> list[Result]:
    return [event for event in events if isinstance(event, Result) and event.final]


@given(MESSAGES)
def test_one_final_for_each_index_and_nothing_after_it(messages: list[str]) -> None:
    v1 = protocol()
    events = [event for message in messages for event in v1.receive(message)]
    events += v1.flush()
    ended: set[int] = set()
    for event in events:
        if isinstance(event, Result):
            assert event.index not in ended
            ended |= {event.index} if event.final else set()
    settled = {
        detail["index"]
        for message in messages
        if (detail := json.loads(message).get("original_detail")) and detail["slice_type"] == 2
    }
    assert settled <= ended


@given(st.permutations([0, 1, 2, 3]), st.booleans())
def test_halves_that_come_together_are_never_parted(order: list[int], swapped: bool) -> None:
    halves = [(original(index, f"a{index}"), translation(index, f"x{index}")) for index in order]
    events = said(*(half for pair in halves for half in (pair[::-1] if swapped else pair)))
    assert finals(events) == [final(index, f"a{index}", f"x{index}") for index in order]
    assert Counter(type(event) for event in events) == {Result: 8}


@given(st.lists(st.text() | st.binary() | json_values.map(json.dumps), max_size=4))
def test_nothing_a_server_sends_raises(messages: list[str | bytes]) -> None:
    v1 = protocol()
    for message in messages:
        v1.receive(message)
    v1.flush()


DETAILS = st.dictionaries(st.sampled_from(["slice_type", "index", "voice_text_str"]), json_values)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "code": json_values,
            "msg": json_values,
            "translation": json_values,
            "index": json_values,
            "original_detail": json_values | DETAILS,
            "pong": json_values,
        },
    )
)
def test_wrong_shapes_become_events(message: dict[str, Any]) -> None:
    events = protocol().receive(json.dumps(message))
    others = [event for event in events if not isinstance(event, Garbage)]
    assert events
    assert len(others) <= 1
