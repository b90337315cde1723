"""A device that is called by its name: turns played through in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from agent.control.attention import LONGEST_S, NOTHING_S, Attention
from agent.events import (
    Event,
    Settled,
    SpeakerStarted,
    SpeakerStopped,
    StopWord,
    Transcript,
    VoiceStarted,
    VoiceStopped,
    WakeWord,
)
from tests.unit.control.desk import Desk

PAIR = ("en", "zh")


class Room(Desk):
    """A desk whose device is called by its name."""

    def __init__(self, **wake: Any) -> None:
        super().__init__(talk={"mode": "wake", "wake": _settings(**wake)})
        self.afresh = 0
        self.attention = Attention(
            self.config.talk.wake,
            self.controller,
            self.ring,
            self._afresh,
            self.telemetry,
            self.clock,
        )
        self.begin(100)

    def _afresh(self) -> None:
        self.afresh += 1

    def happen(self, *events: Event) -> None:
        for event in events:
            self.controller.handle(event)
            self.attention.watch(event)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.attention.check(self.clock.now())

    def call(self, seq: int = 100) -> None:
        self.happen(WakeWord("okay_nabu", 0.91, seq))

    def ask(self) -> None:
        """Call it, say something and fall silent."""
        self.call()
        self.happen(VoiceStarted(103), VoiceStopped(130))

    def speak(self) -> None:
        """An answer is spoken to its end."""
        self.player.speaking = True
        self.happen(SpeakerStarted())
        self.player.speaking = False
        self.happen(SpeakerStopped())

    def asked(self) -> list[tuple[object, ...]]:
        return [(call[0], *call[1:2]) for call in self.take()]


def _settings(**wake: Any) -> Any:
    from agent.config.schema import WakeSettings

    return WakeSettings(**wake)


def final(text: str = "what time is it") -> Transcript:
    return Transcript("s", 0, text, None, "en", "zh", None, None, "x", "t", True)


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_gate_opens_exactly_where_the_word_ended(room: Room) -> None:
    room.call(96)
    assert room.asked() == [("open", 96)], "no pre-roll: the word is not sent"
    assert room.state["state"] == "listening"
    [notice] = room.reports.notices
    assert (notice.event, notice.detail) == ("wake", {"word": "okay_nabu", "score": 0.91})
    assert room.telemetry.total("wake_words") == 1


def test_silence_after_the_sentence_ends_the_turn(room: Room) -> None:
    room.call()
    room.happen(VoiceStarted(103), VoiceStopped(130))
    assert room.asked() == [("open", 100), ("close", 130 + 600 // 40)]
    assert room.state["state"] == "thinking"


def test_the_end_of_a_voice_before_the_word_ends_nothing(room: Room) -> None:
    room.happen(VoiceStarted(90))
    room.call()
    room.happen(VoiceStopped(101))
    assert room.state["state"] == "listening"


def test_the_services_own_final_ends_the_turn_when_nobody_goes_on(room: Room) -> None:
    room.call()
    room.happen(VoiceStarted(103))
    room.say(10)
    room.happen(final())
    assert room.state["state"] == "listening", "somebody goes on speaking"
    room.say(10, voiced=False)
    room.happen(final())
    assert room.state["state"] == "thinking"


def test_a_final_of_the_sentence_before_ends_nothing(room: Room) -> None:
    room.call()
    room.say(10, voiced=False)
    room.happen(final("of the turn before"))
    assert room.state["state"] == "listening"


def test_nothing_said_is_over_after_a_few_seconds(room: Room) -> None:
    room.call()
    room.wait(NOTHING_S - 0.1)
    assert room.state["state"] == "listening"
    room.wait(0.2)
    assert room.state["state"] == "thinking"
    room.happen(Settled())
    assert room.state["state"] == "idle"
    assert not room.state["follow_up"], "there was no answer to follow"


def test_a_radio_is_not_listened_to_for_ever(room: Room) -> None:
    room.call()
    room.happen(VoiceStarted(103))
    room.wait(LONGEST_S - 0.1)
    assert room.state["state"] == "listening"
    room.wait(0.2)
    assert room.state["state"] == "thinking"


def test_after_the_answer_a_voice_alone_is_enough(room: Room) -> None:
    room.ask()
    room.happen(final(), Settled())
    room.speak()
    assert room.state["follow_up"]
    assert room.afresh
    room.take()
    room.happen(VoiceStarted(200))
    assert room.asked() == [("open", 200 - 300 // 40)], "with its pre-roll"
    assert room.state["state"] == "listening"
    assert not room.state["follow_up"]
    room.happen(VoiceStopped(230))
    assert room.state["state"] == "thinking"


def test_the_window_begins_when_the_answer_has_been_spoken(room: Room) -> None:
    room.ask()
    room.happen(final(), Settled())
    assert room.state["follow_up"], "an answer that is only written"
    room.player.speaking = True
    room.happen(SpeakerStarted())
    room.wait(4.0)
    room.happen(VoiceStarted(150), VoiceStopped(170))
    assert not room.controller.machine.gate_open, "its own voice, or somebody else's"
    room.player.speaking = False
    room.happen(SpeakerStopped())
    room.wait(4.9)
    assert room.state["follow_up"]
    room.wait(0.2)
    assert not room.state["follow_up"]
    room.happen(VoiceStarted(200))
    assert room.state["state"] == "idle"


def test_no_window_where_none_is_wanted() -> None:
    room = Room(follow_up_s=0.0)
    room.ask()
    room.happen(final(), Settled())
    room.speak()
    assert not room.state["follow_up"]


def test_the_word_silences_the_speaker(room: Room) -> None:
    room.ask()
    room.happen(final(), Settled(), SpeakerStarted())
    room.player.speech(bytes(64000))
    room.call(300)
    assert room.player._cut
    assert room.state["state"] == "listening"


def test_the_stop_word_only_silences(room: Room) -> None:
    room.ask()
    room.happen(final(), Settled(), SpeakerStarted())
    room.player.speech(bytes(64000))
    room.happen(StopWord("stop", 0.9))
    assert room.player._cut
    room.player._jitter.clear()
    room.happen(SpeakerStopped())
    assert room.state["state"] == "idle"
    assert not room.state["follow_up"], "who wants silence has no question"
    assert room.reports.notices[-1].event == "stop_word"


def test_the_stop_word_is_a_word_like_others_while_nothing_is_spoken(room: Room) -> None:
    room.happen(StopWord("stop", 0.9))
    assert not room.reports.notices


def test_a_muted_device_does_not_hear_its_name(room: Room) -> None:
    room.command(mute=True)
    room.call()
    assert room.state["state"] == "idle"
    assert not room.reports.notices
    room.command(mute=False)
    room.call()
    assert room.state["state"] == "listening"


def test_the_name_within_a_sentence_is_a_part_of_it(room: Room) -> None:
    room.call()
    room.happen(VoiceStarted(103))
    room.call(120)
    assert room.asked() == [("open", 100)]
    assert len(room.reports.notices) == 1


def test_a_button_does_as_the_word_does(room: Room) -> None:
    room.command(talk="press")
    room.attention.check(room.clock.now())
    room.command(talk="release")
    assert room.state["state"] == "listening"
    room.happen(VoiceStarted(103), VoiceStopped(130))
    assert room.state["state"] == "thinking"


def test_an_answer_that_comes_while_somebody_asks_on_waits(room: Room) -> None:
    room.call()
    assert room.player.held
    room.happen(VoiceStarted(103), VoiceStopped(130))
    assert not room.player.held
