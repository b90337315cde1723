"""Which sound is made when, and when none is."""

from __future__ import annotations

import pytest

from agent.audio.sounds import NAMES
from agent.control.attention import Attention
from agent.control.machine import Input
from agent.control.sounds import REST_S, WAITS_S, Sounds
from agent.events import Notice, Settled, VoiceStarted, VoiceStopped, WakeWord
from tests.unit.control.desk import Desk


class Loud(Desk):
    """``heard`` are the names of the sounds that were made."""

    def __init__(self, mode: str = "hold", names: tuple[str, ...] = NAMES) -> None:
        super().__init__(talk={"mode": mode})
        self.heard: list[str] = []
        self.player.chime = lambda pcm: self.heard.append(pcm.decode())  # type: ignore[method-assign]
        self.sounds = Sounds({n: n.encode() for n in names}, self.controller, self.ring)
        self.begin()
        self.wait(0.1)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.sounds.check(self.clock.now())

    def tell(self, *events: str) -> None:
        for event in events:
            self.controller.handle(Notice(event))


def named() -> Loud:
    loud = Loud("wake")
    Attention(
        loud.config.talk.wake,
        loud.controller,
        loud.ring,
        lambda: None,
        loud.telemetry,
        loud.clock,
    )
    return loud


def test_nothing_sounds_at_the_start() -> None:
    assert Loud().heard == []


@pytest.mark.parametrize(
    ("event", "sound"),
    [
        ("outage", "connection_lost"),
        ("reconnect", "connection_back"),
        ("refused", "error"),
        ("no_result", "error"),
        ("lost_audio", "error"),
        ("underrun", None),
        ("button", None),
    ],
)
def test_an_event_makes_its_sound(event: str, sound: str | None) -> None:
    loud = Loud()
    loud.tell(event)
    assert loud.heard == ([sound] if sound else [])


def test_muting_makes_one_and_unmuting_none() -> None:
    loud = Loud()
    loud.command(mute=True)
    loud.command(mute=False)
    assert loud.heard == ["muted"]


def test_the_same_is_not_made_again_at_once() -> None:
    loud = Loud()
    loud.tell("no_result", "no_result", "outage")
    assert loud.heard == ["error", "connection_lost"]
    loud.wait(REST_S)
    loud.tell("no_result")
    assert loud.heard[2:] == ["error"]


def test_what_is_not_there_makes_none() -> None:
    loud = Loud(names=("muted",))
    loud.tell("outage")
    loud.command(mute=True)
    assert loud.heard == ["muted"]


def test_nobody_who_holds_the_button_is_talked_over() -> None:
    loud = Loud()
    loud.command(talk="press")
    loud.tell("outage", "reconnect")
    loud.wait(1.0)
    assert loud.heard == []
    loud.command(talk="release")
    assert loud.heard == ["connection_back"], "only the newest"


def test_in_open_mode_somebody_is_always_listened_to() -> None:
    loud = Loud("open")
    loud.tell("outage")
    assert loud.heard == ["connection_lost"]


def test_who_waits_after_the_name_hears_that_it_woke() -> None:
    loud = named()
    loud.say(10)
    loud.controller.handle(WakeWord("okay_nabu", 0.9, 10))
    loud.wait(0.1)
    assert loud.heard == [], "they may be speaking on"
    loud.say(5, voiced=False)
    loud.wait(0.01)
    assert loud.heard == ["wake"]


def test_who_speaks_on_is_not_talked_over() -> None:
    loud = named()
    loud.say(10)
    loud.controller.handle(WakeWord("okay_nabu", 0.9, 10))
    loud.say(round(WAITS_S / 0.04) + 5)
    loud.wait(0.1)
    loud.say(10, voiced=False)
    loud.wait(0.1)
    assert loud.heard == []


def test_the_end_of_what_was_said_is_heard() -> None:
    loud = named()
    loud.say(10)
    loud.controller.handle(WakeWord("okay_nabu", 0.9, 0))
    loud.controller.take(VoiceStopped, lambda event: loud.controller.feed(Input.SAID))
    loud.controller.handle(VoiceStarted(1))
    loud.controller.handle(VoiceStopped(20))
    loud.controller.handle(Settled())
    assert loud.heard == ["done"]
