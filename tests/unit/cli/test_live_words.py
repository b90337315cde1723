"""Events in plain words."""

from __future__ import annotations

import pytest

from agent.cli.live.words import News, ago, logged, news
from agent.events import Event, LinkUp, MicrophoneBack, MicrophoneLost, Notice, Settled
from tests.unit.report.test_history import said


@pytest.mark.parametrize(
    ("event", "text", "bad"),
    [
        (Notice("outage", {"reason": "the service hung up", "kind": "reset"}),
         "The service hung up; reconnecting", True),
        (Notice("reconnect", {"outage_ms": 340, "backlog_ms": 2400}),
         "Connected again after 340 ms, 2.4 s of speech to send", False),
        (Notice("reconnect", {"outage_ms": 12_000}), "Connected again after 12.0 s", False),
        (Notice("refused", {"code": "-1", "reason": "twetalk-v2 says: no"}),
         "twetalk-v2 says: no", True),
        (Notice("fallback", {"from": "twetalk-v2", "to": "youdao", "reason": "no route"}),
         "Now youdao answers: no route", True),
        (Notice("lost_audio", {"packets": 50, "duration_ms": 2000}),
         "2.0 s of sound is lost", True),
        (Notice("lost_audio", {"duration_ms": 400, "reason": "the spool is full"}),
         "400 ms of sound is lost: the spool is full", True),
        (Notice("overrun", {"count": 1}),
         "The microphone was read too late: some sound is missing", True),
        (Notice("underrun", {"gap_ms": 40}), "The speech came too slowly: a gap was heard", True),
        (Notice("speech_dropped", {"bytes": 1}),
         "More speech came than can wait: some was left out", True),
        (Notice("speech_missing", {"reason": "HTTP 404"}),
         "A translation could not be spoken: HTTP 404", True),
        (Notice("nothing_heard", {"duration_ms": 900}), "Nothing was heard in that press", True),
        (Notice("microphone_silent", {"seconds": 10}),
         "The microphone gives no sound at all: muted, or not wired?", True),
        (Notice("microphone_heard"), "The microphone gives sound again", False),
        (Notice("speaker_lost", {"reason": "unplugged"}), "The speaker has gone: unplugged", True),
        (Notice("speaker_back"), "The speaker is back", False),
        (MicrophoneLost("unplugged"), "The microphone has gone: unplugged", True),
        (MicrophoneBack(), "The microphone is back", False),
        (Settled(timed_out=True), "No answer came in time", True),
        (Notice("new_thing", {"some_count": 3, "why": "x"}),
         "New thing: some count 3, why x", True),
        (Notice("new_thing"), "New thing", True),
    ],
)  # fmt: skip
def test_news(event: Event, text: str, bad: bool) -> None:
    assert news(event) == News(text, bad)


@pytest.mark.parametrize("event", [said(0, "x"), LinkUp("s"), Settled()])
def test_no_news(event: Event) -> None:
    assert news(event) is None


@pytest.mark.parametrize("name", ["outage", "reconnect", "refused", "lost_audio", "speaker_lost"])
def test_a_notice_without_its_detail_is_told_all_the_same(name: str) -> None:
    told = news(Notice(name))
    assert told is not None
    assert "None" not in told.text


def test_a_reason_is_one_line_of_limited_length() -> None:
    told = news(Notice("refused", {"reason": "a\n\x1b[2Jb" + "x" * 10_000}))
    assert told is not None
    assert told.text.startswith("A [2Jbxxx")
    assert len(told.text) <= 400


def test_what_is_logged() -> None:
    assert logged("warning: command refused: talk: x") == News("Command refused: talk: x")
    assert logged("error: not reloaded: x") == News("Not reloaded: x")
    assert logged("ALSA lib pcm.c: x") == News("ALSA lib pcm.c: x")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "now"), (0.9, "now"), (1, "1 s ago"), (59.9, "59 s ago"), (60, "1 min ago"),
     (3599, "59 min ago"), (7300, "2 h ago")],
)  # fmt: skip
def test_ages(seconds: float, words: str) -> None:
    assert ago(seconds) == words
