"""A device that hears a file: its configuration, what is kept of it, and when it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from agent.app import App
from agent.config.schema import Button, Capture, Config, Mqtt, Talk, Web
from agent.events import Event, LinkDown, Notice, Result, Stop, Transcript, Word
from agent.transcribe.record import Record
from agent.transcribe.streams import ATTEMPTS, Watch, on_file


class FakeApp:
    def __init__(self) -> None:
        self.posted: list[Event] = []

    def post(self, event: Event) -> None:
        self.posted.append(event)


@pytest.fixture
def app() -> FakeApp:
    return FakeApp()


@pytest.fixture
def record() -> Record:
    return Record("talk.wav", "twetalk-v2", 5000)


@pytest.fixture
def watch(app: FakeApp, record: Record) -> Watch:
    return Watch(cast(App, app), record)


def heard(index: int, text: str = "hello", **changes: Any) -> Transcript:
    said = Transcript("s", index, text, "hola", "en", "es", 100, 900, "x", "", final=True)
    return replace(said, **changes)


def test_the_device_hears_the_file_once_and_tells_nobody_else() -> None:
    config = Config(
        talk=Talk(mode="hold", buttons=(Button(pin=1),), result_timeout_s=7),
        mqtt=Mqtt(host="localhost"),
        web=Web(listen="127.0.0.1:1"),
    )
    made = on_file(config, Path("/t/a.wav"), 8000)
    assert made.audio.capture == Capture(device="file:/t/a.wav")
    assert (made.audio.rate, made.audio.playback.device, made.audio.echo) == (
        8000,
        None,
        "off",
    )
    assert (made.talk.mode, made.talk.buttons, made.talk.result_timeout_s) == ("open", (), 7)
    assert (made.mqtt.host, made.web.listen, made.service.tts) == (None, None, False)


def test_finals_are_kept_with_all_they_have(watch: Watch, record: Record) -> None:
    extra = {"speaker": "1", "words": [{"text": "hello", "start_ms": 100, "end_ms": 900}]}
    watch(heard(7, "hel", final=False))
    watch(heard(7, extra=extra))
    watch(heard(8, "bye", translation="", end_ms=6000))
    record.ends(5000)
    assert record.results == [
        Result(0, "hello", "hola", True, 100, 900, speaker="1", words=(Word("hello", 100, 900),)),
        Result(1, "bye", None, True, 100, 5000),
    ]


def test_a_final_that_comes_again_replaces_the_first(watch: Watch, record: Record) -> None:
    for text in ("hello", "hello there"):
        watch(heard(3, text))
    assert [r.text for r in record.results] == ["hello there"]


def test_a_sentence_heard_twice_over_a_reconnect_is_kept_once(watch: Watch, record: Record) -> None:
    for again in (heard(0), heard(1, replayed=True), heard(2, "on", replayed=True), heard(3)):
        watch(again)
    assert [r.text for r in record.results] == ["hello", "on", "hello"]


def test_a_service_that_cannot_be_reached_is_given_up(watch: Watch, app: FakeApp) -> None:
    watch(LinkDown("idle", wanted=True))
    for _ in range(ATTEMPTS):
        assert app.posted == []
        watch(LinkDown("refuses", wanted=False))
    assert app.posted == [Stop("refuses", exit_code=1)]


def test_one_that_was_heard_from_is_waited_for(watch: Watch, app: FakeApp) -> None:
    watch(heard(0, final=False))
    for _ in range(2 * ATTEMPTS):
        watch(LinkDown("lost", wanted=False))
    assert app.posted == []


def test_lost_speech_is_a_failure(watch: Watch, app: FakeApp) -> None:
    watch(Notice("outage", {}))
    watch(Notice("lost_audio", {"packets": 5, "duration_ms": 200}))
    (stop,) = app.posted
    assert isinstance(stop, Stop)
    assert (stop.exit_code, "200 ms" in stop.reason) == (1, True)
