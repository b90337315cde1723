"""A microphone without any sound is named as dead, once, and so is its return."""

from __future__ import annotations

from agent.audio.ring import Ring
from agent.audio.scripted import ScriptedMicrophone
from agent.audio.vad import Vad
from agent.events import Event, MicrophoneEnded, Notice
from agent.pipeline.capture import Capture
from agent.pipeline.stillness import Stillness
from tests.unit.pipeline.timeline import Timeline

SECOND = 25


def hear(stillness: Stillness, rms: float, seconds: float) -> None:
    for _ in range(round(seconds * SECOND)):
        stillness.hear(rms)


def test_one_that_never_gave_a_sound_is_told_after_ten_seconds_once() -> None:
    told: list[Notice] = []
    stillness = Stillness(told.append)
    hear(stillness, 0.7, 9.9)
    assert told == []
    hear(stillness, 0.0, 600)
    assert told == [Notice("microphone_silent", {"seconds": 10})]
    hear(stillness, 2.0, 5)
    assert told[1:] == [Notice("microphone_heard")]


def test_a_gate_that_shuts_in_silence_is_no_fault() -> None:
    told: list[Notice] = []
    stillness = Stillness(told.append)
    for _ in range(20):
        hear(stillness, 30.0, 1)
        hear(stillness, 0.0, 200)
    assert told == []
    hear(stillness, 0.0, 200)
    assert [notice.event for notice in told] == ["microphone_silent"]


def test_a_stuck_microphone_is_named_by_the_capture_thread() -> None:
    clock, told = Timeline(), list[Event]()
    microphone = ScriptedMicrophone(rate=16000, clock=clock)
    microphone.open()
    microphone.feed(((2320).to_bytes(2, "little") * 640) * 300)
    microphone.end()
    Capture(microphone, Ring(1280, 500), Vad(16000), told.append, clock).run()
    assert told == [Notice("microphone_silent", {"seconds": 10}), MicrophoneEnded(300)]
