"""Faults of microphone and speaker."""

from __future__ import annotations

from typing import Any

from tests.faults.case import Catalogue
from tests.faults.rig import BASE, Rig
from tests.faults.speech import Speech
from tests.system.broker import wait_until

sound = Catalogue()

SPOKEN: dict[str, Any] = {"service": {"token": "demo", "tts": True}}


def _needs(rig: Rig, *events: str) -> None:
    published = {notice["event"] for notice in rig.observer.objects(f"{BASE}/event")}
    for event in events:
        if event not in published:
            rig.notes.append(f"no event {event}")


@sound.fault("three overruns of the microphone", "all are counted; nothing else is lost")
def overrun(rig: Rig) -> None:
    speech = rig.say(Speech(3))
    for end in speech.ends:
        rig.until(end - 300)
        rig.device.microphone.overrun_now()
    rig.finish()
    if not rig.device.heard_of("overrun") or rig.running.app.capture.overruns != 3:
        rig.notes.append("an overrun was not reported")


@sound.fault(
    "the microphone is unplugged for 3 s",
    "what was said meanwhile is missing, no more",
    reason="nobody heard what was said while it was unplugged",
)
def unplugged(rig: Rig) -> None:
    speech = rig.say(Speech(6))
    rig.until(speech.ends[1] + 300)
    rig.device.microphone.vanish()
    rig.wait(3)
    rig.device.microphone.come_back()
    rig.finish()
    rig.excuse_missed()
    _needs(rig, "microphone_lost", "microphone_back")
    if len(rig.connections) != 1:
        rig.notes.append("the session did not go on")


@sound.fault("the speaker is unplugged for 3 s", "recognition goes on; it speaks again", **SPOKEN)
def speaker(rig: Rig) -> None:
    rig.say(Speech(5))
    wait_until(lambda: rig.running.state == "speaking", "speech", 15)
    rig.device.speaker.vanish()
    rig.wait(3)
    rig.device.speaker.come_back()
    back = rig.clock.now()
    rig.finish()
    if not any(written.time > back for written in rig.device.speaker.written):
        rig.notes.append("it never spoke again")
    _needs(rig, "speaker_lost", "speaker_back")
