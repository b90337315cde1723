"""The controller: what each event does to the data path, and what the world is told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent import __version__
from agent.config.schema import Service
from agent.events import (
    Blocked,
    LinkDown,
    LinkUp,
    MicrophoneBack,
    MicrophoneEnded,
    MicrophoneLost,
    Notice,
    Pair,
    Question,
    Settled,
    SpeakerStarted,
    SpeakerStopped,
    Stop,
    Summary,
    VoiceStarted,
    VoiceStopped,
    WorkerStopped,
)
from tests.unit.control.desk import Desk
from tests.unit.report.test_history import said

EN_ZH = Pair("en", "zh")
PRE_ROLL, TAIL = 300 // 40, 600 // 40


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.begin(100)
    return made


def states(desk: Desk) -> list[str]:
    return [state["state"] for state in desk.reports.states]


def test_a_press_opens_the_gate_with_its_pre_roll_and_a_release_closes_it_after_the_tail(
    desk: Desk,
) -> None:
    desk.command(talk="press")
    desk.say(10)
    desk.command(talk="release")
    assert desk.take() == [("open", 100 - PRE_ROLL, EN_ZH), ("close", 110 + TAIL)]
    desk.controller.handle(Settled())
    assert states(desk) == ["idle", "listening", "thinking", "idle"]


def test_the_pre_roll_does_not_reach_before_the_beginning() -> None:
    desk = Desk()
    desk.begin(3)
    desk.command(talk="press")
    assert desk.take() == [("open", 0, EN_ZH)]


def test_in_open_mode_the_gate_opens_at_the_start() -> None:
    desk = Desk(talk={"mode": "open"})
    desk.begin()
    assert desk.take() == [("open", 0, EN_ZH)]
    assert desk.state["state"] == "listening"


def test_in_vad_mode_voices_open_and_close_where_they_were() -> None:
    desk = Desk(talk={"mode": "vad"})
    desk.begin(100)
    desk.controller.handle(VoiceStarted(90))
    desk.controller.handle(VoiceStopped(95))
    assert desk.take() == [("open", 90 - PRE_ROLL, EN_ZH), ("close", 95 + TAIL)]


def test_the_end_of_the_microphone_closes_without_a_tail() -> None:
    desk = Desk(talk={"mode": "open"})
    desk.begin(100)
    desk.controller.handle(MicrophoneEnded(100))
    assert desk.take()[-1] == ("close", 100)


def test_a_press_silences_the_speaker_and_holds_it_until_the_release(desk: Desk) -> None:
    desk.player.speech(b"\x01\x00" * 16000)
    desk.command(talk="press")
    assert desk.player.held
    assert desk.spoken(0.5) == b""
    desk.command(talk="release")
    assert not desk.player.held
    assert desk.spoken(0.5) == b"", "the rest of that sentence is not wanted"


def test_in_open_mode_the_speaker_is_not_held() -> None:
    desk = Desk(talk={"mode": "open"})
    desk.begin()
    assert not desk.player.held
    desk.player.speech(b"\x01\x00" * 16000)
    desk.command(talk="press")
    assert desk.spoken(0.5) == b"", "a press is a barge-in"


def test_the_speaker_is_shown_only_where_it_may_speak(desk: Desk) -> None:
    desk.controller.handle(SpeakerStarted())
    desk.command(talk="press")
    desk.command(talk="release")
    desk.controller.handle(SpeakerStopped())
    assert states(desk) == ["idle", "speaking", "listening", "speaking", "thinking"]


def test_a_turn_without_an_answer_is_told(desk: Desk) -> None:
    desk.controller.handle(Settled(timed_out=True))
    assert desk.reports.notices == [Notice("no_result")]


def test_an_outage_is_shown_and_a_planned_close_is_not(desk: Desk) -> None:
    desk.controller.handle(LinkDown("idle", wanted=True))
    desk.controller.handle(LinkDown("lost", wanted=False))
    desk.controller.handle(LinkUp("s1"))
    assert states(desk) == ["idle", "offline", "idle"]
    assert desk.state["session"] == "s1"


def test_a_refusal_is_a_fault_until_the_service_is_reached(desk: Desk) -> None:
    desk.controller.handle(Blocked("401", "bad token"))
    assert desk.state["state"] == "fault"
    desk.controller.handle(LinkUp("s1"))
    assert desk.state["state"] == "idle"


def test_a_microphone_that_is_away_is_a_fault_and_told(desk: Desk) -> None:
    desk.controller.handle(MicrophoneLost("unplugged"))
    assert desk.state["state"] == "fault"
    desk.controller.handle(LinkUp("s1"))
    assert desk.state["state"] == "fault"
    desk.controller.handle(MicrophoneBack())
    assert desk.state["state"] == "idle"
    lost = Notice("microphone_lost", {"reason": "unplugged"})
    assert desk.reports.notices == [lost, Notice("microphone_back")]


def test_news_is_handed_on_and_finals_are_remembered(desk: Desk) -> None:
    partial, final = said(0, "hel", final=False), said(0, "hello")
    for event in (partial, final, Notice("underrun")):
        desk.controller.handle(event)
    assert desk.reports.transcripts == [partial, final]
    assert desk.reports.notices == [Notice("underrun")]
    assert desk.controller.history.text("s") == "hello"


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (Summary("s1", "short", ref=7), {"session": "s1", "summary": "short", "ref": 7}),
        (Summary("s1", None, "away"), {"session": "s1", "error": "away"}),
    ],
)
def test_summaries_are_handed_on(desk: Desk, event: Summary, fields: dict[str, object]) -> None:
    desk.controller.handle(event)
    assert desk.reports.summaries == [fields]


def test_a_dead_worker_takes_the_daemon_down(desk: Desk) -> None:
    desk.controller.handle(WorkerStopped("capture", "ValueError: seven"))
    assert desk.controller.stop == Stop("worker capture died: ValueError: seven", exit_code=1)


def test_the_first_reason_to_stop_counts(desk: Desk) -> None:
    desk.controller.handle(Stop("signal"))
    desk.controller.handle(Stop("another", exit_code=1))
    assert desk.controller.stop == Stop("signal")


def test_a_state_is_published_once_and_since_is_when_it_began(desk: Desk) -> None:
    desk.controller.handle(Notice("underrun"))
    desk.controller.publish()
    assert len(desk.reports.states) == 1
    began = desk.state["since"]
    desk.clock.advance(1)
    desk.command(mute=False)
    assert len(desk.reports.states) == 1, "nothing has changed"
    desk.command(tts=False)
    assert len(desk.reports.states) == 2
    assert desk.state["since"] == began, "still idle"
    desk.command(talk="press")
    assert desk.state["since"] != began


def test_watchers_see_every_published_state(desk: Desk) -> None:
    seen: list[str] = []
    desk.controller.on_state.append(lambda state: seen.append(state["state"]))
    desk.command(talk="press")
    desk.controller.handle(Notice("underrun"))
    assert seen == ["listening"]


def test_the_state_holds_what_a_screen_needs(desk: Desk) -> None:
    assert {key: value for key, value in desk.state.items() if key != "since"} == {
        "state": "idle",
        "service": "twetalk-v2",
        "source": "en",
        "target": "zh",
        "tts": True,
        "muted": False,
        "volume": 100,
        "session": None,
        "follow_up": None,
        "version": __version__,
    }


def test_watchers_see_every_notice_the_controllers_own_too(desk: Desk) -> None:
    seen: list[Notice] = []
    desk.controller.on_notice.append(seen.append)
    desk.controller.handle(Notice("underrun"))
    desk.controller.handle(MicrophoneLost("unplugged"))
    assert [notice.event for notice in seen] == ["underrun", "microphone_lost"]
    assert desk.reports.notices == seen


def test_a_question_is_asked_in_the_main_thread(desk: Desk) -> None:
    answers: list[str] = []
    desk.controller.handle(Question(lambda: answers.append(desk.controller.machine.state)))
    assert answers == ["idle"]


def test_what_was_published_last_can_be_asked_for(desk: Desk) -> None:
    desk.command(talk="press")
    assert desk.controller.published == desk.state


def test_what_can_be_chosen_is_told_before_what_is_and_only_when_it_may_have_changed() -> None:
    desk = Desk()
    desk.know(twetalk_asr=Service(name="twetalk-asr"))
    told: list[str] = []
    desk.controller.on_choices.append(lambda now: told.append("choices"))
    desk.controller.on_state.append(lambda state: told.append("state"))
    desk.begin()
    assert told == ["choices", "state"]
    desk.command(volume=5)
    desk.command(target="es")
    desk.command(service="twetalk-asr")
    assert told == ["choices", "state", "state", "choices", "state", "choices", "state"]
    first, *_, last = desk.reports.offers
    assert first.services == last.services == ("twetalk-v2", "twetalk-asr")
    assert (first.speaks, last.speaks) == (True, False)
    assert first.targets
    assert not last.targets
    desk.controller.use(replace(desk.config, service=replace(desk.config.service, source="ja")))
    desk.controller.publish()
    assert len(desk.reports.offers) == 4
