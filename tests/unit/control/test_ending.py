"""When a run that has an end is over, and when it has failed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.config.credentials import with_demo
from agent.config.schema import Audio, Capture, Service
from agent.control.ending import MORE_SPEECH_S, Ending
from agent.events import (
    Blocked,
    Event,
    LinkUp,
    MicrophoneEnded,
    Settled,
    SpeakerStopped,
    Stop,
)
from agent.services.provider import Provider
from tests.unit.control.desk import Desk
from tests.unit.report.test_history import said


class Run(Desk):
    """A run from a file (or another ``device``) in open mode."""

    def __init__(
        self,
        device: str = "file:speech.wav",
        *,
        loop: bool = False,
        duration_s: float | None = None,
    ) -> None:
        super().__init__(talk={"mode": "open", "result_timeout_s": 5.0}, network={"memory_s": 100})
        capture = Capture(device=device, loop=loop)
        self.config = replace(self.config, audio=Audio(capture=capture))
        self.ending = Ending(self.config, self.controller, self.player, duration_s)
        self.begin(10)

    def see(self, *events: Event) -> None:
        for event in events:
            self.ending.notice(event, self.clock.now())
            self.controller.handle(event)

    def over(self) -> Stop | None:
        return self.ending.check(self.clock.now())


@pytest.mark.parametrize(
    ("device", "loop", "finite"),
    [
        ("file:speech.wav", False, True),
        ("file:speech.wav", True, False),
        ("stdin", False, True),
        ("default", False, False),
        ("plughw:1,0", False, False),
    ],
)
def test_a_file_or_a_pipe_has_an_end(device: str, loop: bool, finite: bool) -> None:
    assert Run(device, loop=loop).ending.finite is finite


def test_a_run_is_over_when_the_last_result_is_in() -> None:
    run = Run()
    assert run.over() is None
    run.see(MicrophoneEnded(10))
    assert run.over() is None
    run.see(Settled())
    assert run.over() == Stop("the last result is in")


def test_a_run_waits_for_uploads() -> None:
    run = Run()
    run.see(MicrophoneEnded(10), Settled(timed_out=True))
    run.cloud.unanswered_ms = 500
    assert run.over() is None
    run.cloud.unanswered_ms = 0
    assert run.over() is not None


def test_a_run_waits_for_the_speech_of_its_last_translation() -> None:
    run = Run()
    run.see(MicrophoneEnded(10), said(0, "hello", translation="你好"), Settled())
    assert run.over() is None
    run.clock.advance(5.1)
    assert run.over() is not None


def test_without_speech_wanted_nobody_waits_for_it() -> None:
    run = Run()
    run.command(tts=False)
    run.see(MicrophoneEnded(10), said(0, "hello", translation="你好"), Settled())
    assert run.over() is not None


def test_nobody_waits_for_speech_of_a_service_that_never_speaks() -> None:
    run = Run()
    run.cloud.provider = Provider(with_demo(Service(name="twetalk-asr", source="en")))
    assert run.controller.cloud.tts
    run.see(MicrophoneEnded(10), said(0, "hello", translation="你好"), Settled())
    assert run.over() is not None


def test_without_a_translation_no_speech_will_come() -> None:
    run = Run()
    run.see(MicrophoneEnded(10), said(0, "hello"), Settled())
    assert run.over() is not None


def test_after_speech_a_little_more_may_come() -> None:
    run = Run()
    run.see(MicrophoneEnded(10), said(0, "hello", translation="你好"), Settled())
    run.see(SpeakerStopped())
    assert run.over() is None
    run.clock.advance(MORE_SPEECH_S)
    assert run.over() is not None


def test_what_is_being_played_is_played_to_its_end() -> None:
    run = Run()
    run.see(MicrophoneEnded(10), Settled())
    run.player.speech(b"\x01\x00" * 1600)
    assert run.over() is None
    run.spoken()
    assert run.over() is not None


def test_a_run_with_an_end_fails_at_a_refusal() -> None:
    run = Run()
    run.see(Blocked("401", "bad token"))
    assert run.over() == Stop("bad token", exit_code=1)


def test_a_refusal_that_was_mended_is_forgotten() -> None:
    run = Run()
    run.see(Blocked("401", "bad token"), LinkUp("s1"))
    assert run.over() is None


def test_a_daemon_goes_on_trying_until_its_duration_is_over() -> None:
    run = Run("default")
    run.see(Blocked("401", "bad token"))
    assert run.over() is None
    run.see(MicrophoneEnded(10))
    assert run.over() == Stop("bad token", exit_code=1)


def test_without_a_connection_a_run_is_given_up_when_its_memory_is_stale() -> None:
    run = Run()
    run.cloud.connected = False
    run.cloud.backlog_ms, run.cloud.unanswered_ms = 400, 600
    run.see(MicrophoneEnded(10))
    run.clock.advance(99.9)
    assert run.over() is None
    run.clock.advance(0.2)
    assert run.over() == Stop("no connection; 1000 ms of speech were not answered", exit_code=1)


def test_with_a_connection_a_run_is_never_given_up() -> None:
    run = Run()
    run.see(MicrophoneEnded(10))
    run.clock.advance(10_000)
    assert run.over() is None


def test_with_a_duration_answers_are_waited_for_as_long_as_for_any_last_result() -> None:
    run = Run("default", duration_s=20.0)
    run.cloud.connected = False
    run.cloud.backlog_ms, run.cloud.unanswered_ms = 400, 600
    run.clock.advance(20.0)
    assert run.ending.is_time(run.clock.now())
    run.see(MicrophoneEnded(10))
    run.clock.advance(4.9)
    assert run.over() is None
    run.clock.advance(0.2)
    assert run.over() == Stop("no connection; 1000 ms of speech were not answered", exit_code=1)


def test_with_a_duration_a_service_that_says_nothing_is_not_waited_for_either() -> None:
    run = Run("default", duration_s=20.0)
    run.cloud.unanswered_ms = 600
    run.see(MicrophoneEnded(10))
    run.clock.advance(3.0)
    run.see(said(0, "hello"))  # it lags, but it lives
    run.clock.advance(4.0)
    assert run.over() is None
    run.clock.advance(1.1)
    assert run.over() == Stop("no answer; 600 ms of speech were not answered", exit_code=1)


@pytest.mark.parametrize(("missing_ms", "exit_code"), [(2000, 1), (200, 0)])
def test_a_run_whose_last_words_were_given_up_says_so(missing_ms: int, exit_code: int) -> None:
    run = Run()
    run.see(MicrophoneEnded(10), Settled(timed_out=True, unanswered_ms=missing_ms))
    stop = run.over()
    assert stop is not None
    assert stop.exit_code == exit_code
    assert exit_code == 0 or "2000 ms of speech were not answered" in stop.reason


def test_a_turn_long_ago_without_an_answer_does_not_fail_the_run() -> None:
    run = Run()
    run.see(Settled(timed_out=True, unanswered_ms=2000), MicrophoneEnded(10), Settled())
    assert run.over() == Stop("the last result is in")
