"""What a service says becomes transcripts, speech, refusals and counts."""

from __future__ import annotations

import logging

import pytest

from agent.errors import Refused
from agent.events import Failure, Garbage, Pair, Result, Speech, Transcript, Word
from agent.link.uplink import Answer
from agent.pipeline.answers import extra
from tests.unit.pipeline.rig import Rig

PAIR = Pair("en", "zh")
PLACE = Answer(number=3, start_ms=5000, end_ms=6200, replayed=True)


def test_a_result_becomes_a_transcript_of_its_session_at_its_place() -> None:
    rig = Rig()
    rig.answers.session = "s1"
    rig.clock.advance(1.5)
    rig.answers.result(Result(0, "hello", "你好", final=True), PLACE, PAIR)
    assert rig.events == [
        Transcript(
            session="s1",
            index=3,
            text="hello",
            translation="你好",
            source="en",
            target="zh",
            start_ms=5000,
            end_ms=6200,
            service="twetalk-v2",
            time="2026-01-01T00:00:01.500Z",
            final=True,
            replayed=True,
        )
    ]
    assert rig.of(Transcript)[0].id == "s1-3"


def test_only_finals_are_counted() -> None:
    rig = Rig()
    rig.answers.result(Result(0, "hel"), PLACE, PAIR)
    assert rig.telemetry.total("finals") == 0
    rig.answers.result(Result(0, "hello", final=True), PLACE, PAIR)
    assert rig.telemetry.total("finals") == 1
    assert [t.final for t in rig.of(Transcript)] == [False, True]


def test_an_empty_final_says_nothing_but_lets_the_next_sentence_be_spoken() -> None:
    rig = Rig()
    rig.player.speech(b"\x01\x00" * 1600)
    rig.player.barge_in()
    assert rig.spoken(0.1) == b""
    rig.answers.result(Result(0, "", final=True), PLACE, PAIR)
    assert rig.events == []
    rig.answers.other(Speech(b"\x02\x00" * 1600))
    assert rig.spoken() == b"\x02\x00" * 1600


def test_speech_keeps_its_speed_on_a_device_of_another_rate() -> None:
    rig = Rig(rate=8000)
    seconds = 2
    for piece in range(0, 32000 * seconds, 777):  # odd sizes, as messages have
        rig.answers.other(Speech(bytes(32000 * seconds)[piece : piece + 777]))
    rig.answers.result(Result(1, "next", final=True), PLACE, PAIR)
    assert abs(len(rig.spoken(3.0)) - 16000 * seconds) <= 4


def test_a_partial_does_not_end_a_barge_in() -> None:
    rig = Rig()
    rig.player.speech(b"\x01\x00" * 1600)
    rig.player.barge_in()
    assert rig.spoken(0.1) == b""
    rig.answers.result(Result(0, "hel"), PLACE, PAIR)
    rig.answers.other(Speech(b"\x02\x00" * 1600))
    assert rig.spoken() == b""


@pytest.mark.parametrize("retryable", [True, False])
def test_an_error_of_the_service_is_raised_with_its_name_and_code(retryable: bool) -> None:
    rig = Rig()
    with pytest.raises(Refused, match=r"^twetalk-v2 says: no money \(code 7\)$") as caught:
        rig.answers.other(Failure("7", "no money", retryable=retryable))
    assert (caught.value.code, caught.value.retryable) == ("7", retryable)


def test_garbage_is_told_once_of_each_kind_and_always_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    with caplog.at_level(logging.WARNING):
        for kind in ("bad-json", "bad-json", "wrong-type", "bad-json"):
            rig.answers.other(Garbage(kind, "x" * 500))
    assert rig.telemetry.total("garbage") == 4
    assert [kind in caplog.text for kind in ("bad-json", "wrong-type")] == [True, True]
    assert len(caplog.records) == 2
    assert all(len(record.getMessage()) < 200 for record in caplog.records)


def test_what_only_some_services_give_is_left_out_where_it_is_missing() -> None:
    assert extra(Result(0, "hi"), 0) == {}
    full = Result(
        0,
        "hi",
        translations={"fr": "salut"},
        speaker="1",
        language="en-US",
        confidence=0.0,
        words=(Word("hi", 100, 300),),
    )
    assert extra(full, 2000) == {
        "translations": {"fr": "salut"},
        "speaker": "1",
        "language": "en-US",
        "confidence": 0.0,
        "words": [{"text": "hi", "start_ms": 2100, "end_ms": 2300}],
    }


def test_words_move_with_their_sentence_onto_the_microphones_time() -> None:
    rig = Rig()
    result = Result(0, "hi", final=True, start_ms=1000, words=(Word("hi", 1200, 1300),))
    rig.answers.result(result, PLACE, PAIR)
    [word] = rig.of(Transcript)[0].extra["words"]
    assert (word["start_ms"], word["end_ms"]) == (5200, 5300)
