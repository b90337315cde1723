"""The uploader thread's work: oldest first, nothing lost, and what a refusal does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.audio.segment import Segmenter
from agent.errors import LinkError, Refused
from agent.events import (
    Blocked,
    Failure,
    Garbage,
    LinkDown,
    LinkUp,
    Notice,
    Pair,
    Result,
    ServiceEvent,
    SpeechAt,
    Transcript,
)
from agent.link.spool import Recording, Spool
from agent.pipeline.finals import Finals
from agent.pipeline.uploader import STRIKES, Uploader
from agent.pipeline.utterances import Utterances
from tests.unit.pipeline.rig import RATE, Rig, VirtualWake

LOST = LinkError("the connection was lost", "reset")
BUSY = Refused("try later", "429", retryable=True)
PAIR = Pair("en", "zh")
Answer = Callable[[Recording], Sequence[ServiceEvent]]


def clip(number: int, session: str = "s1", *, start_ms: int = 0) -> Recording:
    """One second; the number is in the sound."""
    return Recording(0, session, start_ms, PAIR, RATE, number.to_bytes(2, "little") * RATE)


def number(recording: Recording) -> int:
    return int.from_bytes(recording.pcm[:2], "little")


class Line(Rig):
    """``tried`` tells which clips were sent and when; ``answer`` what comes back."""

    def __init__(self) -> None:
        super().__init__("youdao")
        self.spool = Spool(None)
        self.cloud = Utterances(self.parts, self.spool, Segmenter(100))
        self.tried: list[tuple[float, int]] = []
        self.answer: Answer = lambda recording: [Result(0, f"t{number(recording)}", final=True)]
        self.fetch: Callable[[str], bytes] = lambda url: b"\x01\x00" * 1600
        self.stopped = 0
        self.uploader = Uploader(
            self.cloud,
            self.parts,
            self.answers,
            self._exchange,
            lambda url: self.fetch(url),
            self._on_stop,
        )
        self.cloud.idle.close()
        self.cloud.idle = VirtualWake(self.clock)

    def _on_stop(self) -> None:
        self.stopped += 1

    def _exchange(self, recording: Recording) -> Sequence[ServiceEvent]:
        self.clock.advance(0.1)
        self.tried.append((self.clock.now(), number(recording)))
        return self.answer(recording)

    def run(self, seconds: float = 3.0) -> None:
        self.uploader.stopping = False
        self.clock.at(self.clock.now() + seconds, self.uploader.stop)
        self.uploader.run()

    @property
    def order(self) -> list[int]:
        return [number for _, number in self.tried]

    def texts(self) -> list[str]:
        return [t.text for t in self.of(Transcript)]


@pytest.fixture
def line() -> Line:
    return Line()


def test_clips_go_out_in_order_and_leave_the_spool_when_answered(line: Line) -> None:
    for n in (1, 2, 3):
        line.spool.put(clip(n))
    line.run()
    assert line.order == [1, 2, 3]
    assert line.texts() == ["t1", "t2", "t3"]
    assert line.spool.oldest() is None
    assert line.telemetry.total("clips_sent") == 3


def test_sentences_are_numbered_within_their_session(line: Line) -> None:
    line.answer = lambda recording: [Result(0, "a", final=True), Result(1, "b", final=True)]
    for session in ("s1", "s1", "s2"):
        line.spool.put(clip(1, session))
    line.run()
    assert [(t.session, t.index) for t in line.of(Transcript)] == [
        ("s1", 0),
        ("s1", 1),
        ("s1", 2),
        ("s1", 3),
        ("s2", 0),
        ("s2", 1),
    ]


def test_a_result_lies_within_its_clip_and_fills_it_where_no_times_are_given(line: Line) -> None:
    line.answer = lambda recording: [
        Result(0, "timed", final=True, start_ms=200, end_ms=700),
        Result(1, "untimed", final=True),
    ]
    line.spool.put(clip(1, start_ms=5000))
    line.run()
    assert [(t.start_ms, t.end_ms) for t in line.of(Transcript)] == [(5200, 5700), (5000, 6000)]


def test_nothing_is_lost_while_the_service_is_away(line: Line) -> None:
    def away(recording: Recording) -> Sequence[ServiceEvent]:
        if line.clock.now() < 5.0:
            raise LOST
        return [Result(0, f"t{number(recording)}", final=True)]

    line.answer = away
    for n in (1, 2):
        line.spool.put(clip(n))
    line.run(120.0)
    assert line.texts() == ["t1", "t2"]
    assert line.notices() == ["outage", "reconnect"]
    assert line.of(LinkDown)[0].wanted is False
    assert len(line.of(LinkUp)) == 1
    assert line.cloud.connected


def test_others_go_before_a_clip_the_service_refuses(line: Line) -> None:
    def refuse_the_first(recording: Recording) -> Sequence[ServiceEvent]:
        if number(recording) == 1 and len(line.tried) < 3:
            raise BUSY
        return [Result(0, f"t{number(recording)}", final=True)]

    line.answer = refuse_the_first
    for n in (1, 2):
        line.spool.put(clip(n))
    line.run(120.0)
    assert line.order == [1, 2, 1]
    assert line.texts() == ["t2", "t1"]


def test_a_clip_the_provider_will_not_have_is_given_up_at_once_and_told(line: Line) -> None:
    line.answer = lambda recording: (
        [Failure("3008", "the sound is too long", about="recording")]
        if number(recording) == 1
        else [Result(0, "t2", final=True)]
    )
    line.spool.put(clip(1))
    line.spool.put(clip(2))
    line.run(2.0)
    assert line.order == [1, 2]
    assert line.spool.oldest() is None
    lost = next(notice for notice in line.of(Notice) if notice.event == "lost_audio")
    assert lost.detail["duration_ms"] == 1000
    assert "too long" in str(lost.detail["reason"])
    assert not line.of(Blocked)


@pytest.mark.parametrize("retryable", [True, False])
def test_no_refusal_of_everything_costs_a_recording(line: Line, retryable: bool) -> None:
    line.answer = lambda recording: [Failure("http-403", "no credit", retryable=retryable)]
    line.spool.put(clip(1))
    line.spool.put(clip(2))
    line.run(1200.0)
    assert len(line.order) > 30
    assert line.spool.waiting_ms == 2000
    assert line.notices() == ["refused"]


def test_what_is_refused_while_others_are_taken_is_given_up(line: Line) -> None:
    def picky(recording: Recording) -> Sequence[ServiceEvent]:
        if number(recording) == 1:
            return [Failure("http-400", "no")]
        return [Result(0, "t", final=True)]

    line.answer = picky
    line.spool.put(clip(1))

    def another() -> None:
        line.spool.put(clip(2))

    for n in range(1, STRIKES + 1):
        line.clock.at(n * 100.0, another)
    line.run(1000.0)
    assert "lost_audio" in line.notices()
    assert line.order.count(1) >= STRIKES
    assert line.spool.oldest() is None


def test_a_recording_waits_for_days_not_for_ever(line: Line) -> None:
    line.answer = lambda recording: [Failure("http-503", "unavailable", retryable=True)]
    begun = line.clock.utc().timestamp()
    line.spool.put(replace(clip(1), at=begun + 100 - 7 * 86_400))
    line.run(90.0)
    assert line.spool.oldest() is not None
    line.run(45.0)
    assert line.spool.oldest() is None
    [lost] = [notice for notice in line.of(Notice) if notice.event == "lost_audio"]
    assert lost.detail["reason"] == "it waited for 7 days"


def test_too_many_requests_are_not_made(line: Line) -> None:
    line.answer = lambda recording: [Failure("411", "too many", retryable=True, about="limit")]
    line.spool.put(clip(1))
    line.run(600.0)
    assert len(line.order) < 80  # the provider takes 500
    assert line.tried[1][0] - line.tried[0][0] >= 1.0


def test_a_press_is_worth_an_attempt_at_once_but_many_are_no_hammer(line: Line) -> None:
    line.answer = lambda recording: [Failure("108", "no such application")]
    line.spool.put(clip(1))
    line.clock.at(10.0, line.cloud.hurry)
    for n in range(100):
        line.clock.at(50.0 + 0.1 * n, line.cloud.hurry)
    line.run(70.0)
    assert any(10.0 < at <= 10.2 for at, _ in line.tried)
    assert len([at for at, _ in line.tried if 50.0 <= at <= 60.5]) <= 11


def test_a_refusal_after_a_refusal_is_no_reconnect(line: Line) -> None:
    line.answer = lambda recording: [Failure("http-403", "no credit")]
    line.spool.put(clip(1))
    line.run(300.0)
    assert line.notices() == ["refused"]
    assert not line.of(LinkUp)


def test_an_answer_nobody_can_read_does_not_cost_the_recording(line: Line) -> None:
    garbage = [Garbage("bad-json", "<html>", whole=True)]
    line.answer = lambda recording: garbage if len(line.tried) < 3 else [Result(0, "t", final=True)]
    line.spool.put(clip(1))
    line.run(60.0)
    assert line.order == [1, 1, 1]
    assert line.texts() == ["t"]


def test_a_refusal_that_retrying_cannot_mend_is_retried_slowly(line: Line) -> None:
    line.answer = lambda recording: [Failure("108", "no such application")]
    line.spool.put(clip(1))
    line.run(70.0)
    first, second = (at for at, _ in line.tried[:2])
    assert second - first >= 20
    assert line.of(Blocked)[0].code == "108"


def test_an_answer_with_a_failure_publishes_nothing_of_it(line: Line) -> None:
    line.answer = lambda recording: [Result(0, "half", final=True), Failure("1", "no")]
    line.spool.put(clip(1))
    line.run(1.0)
    assert line.texts() == []


def test_speech_is_fetched_and_played_where_it_is_wanted(line: Line) -> None:
    urls: list[str] = []

    def fetch(url: str) -> bytes:
        urls.append(url)
        return b"\x07\x00" * 1600

    line.fetch = fetch
    line.answer = lambda recording: [SpeechAt("http://x/1.mp3"), Result(0, "t", "译", final=True)]
    line.spool.put(clip(1))
    line.run()
    assert urls == ["http://x/1.mp3"]
    assert line.spoken() == b"\x07\x00" * 1600
    line.cloud.switch_tts(False)
    line.spool.put(clip(2))
    line.run()
    assert len(urls) == 1


@pytest.mark.parametrize("error", [LOST, Refused("the speech could not be fetched (HTTP 404)")])
def test_speech_that_cannot_be_fetched_does_not_cost_the_text(
    line: Line, error: LinkError | Refused
) -> None:
    def fetch(url: str) -> bytes:
        assert line.spool.oldest() is None  # a crash now must not have it answered again
        assert line.cloud.unanswered_ms == 1000  # but the answer is not all there yet
        raise error

    line.fetch = fetch
    line.answer = lambda recording: [Result(0, "t", "译", final=True), SpeechAt("http://x/1.mp3")]
    line.spool.put(clip(1))
    line.run()
    assert line.texts() == ["t"]
    assert line.notices() == ["speech_missing"]
    assert line.spool.oldest() is None


def test_stopping_ends_a_wait_and_an_exchange_that_blocks(line: Line) -> None:
    line.spool.put(clip(1))
    line.answer = lambda recording: [Failure("108", "no such application")]
    line.run(5.0)
    assert line.clock.now() < 6.5
    assert line.stopped == 1


def test_an_exchange_broken_off_by_stopping_is_no_outage_and_loses_nothing(line: Line) -> None:
    def broken_off(recording: Recording) -> Sequence[ServiceEvent]:
        line.uploader.stop()
        raise LinkError("stopped while waiting for the result", "cancelled")

    line.answer = broken_off
    line.spool.put(clip(1))
    line.run()
    assert line.notices() == []
    assert line.spool.oldest() is not None


# --- with other services beside it -----------------------------------------------------------


def test_an_answer_to_what_another_service_has_by_now_is_dropped(line: Line) -> None:
    def slow(recording: Recording) -> Sequence[ServiceEvent]:
        line.spool.withdraw(lambda each: True)
        return [Result(0, "late", final=True)]

    line.answer = slow
    line.spool.put(clip(1))
    line.run()
    assert line.texts() == []
    assert line.notices() == []


def test_nor_is_it_given_up(line: Line) -> None:
    def spoilt(recording: Recording) -> Sequence[ServiceEvent]:
        line.spool.withdraw(lambda each: True)
        raise Refused("not this one", "9", about="recording")

    line.answer = spoilt
    line.spool.put(clip(1))
    line.run()
    assert "lost_audio" not in line.notices()


def test_what_was_recorded_for_another_service_may_repeat_it(line: Line) -> None:
    line.spool.put(replace(clip(1), replayed=True))
    line.run()
    assert [t.replayed for t in line.of(Transcript)] == [True]


@pytest.mark.parametrize(
    "good", [[], [Failure("9", "nothing to hear", about="recording")]], ids=["taken", "looked at"]
)
def test_whether_it_is_back_is_seen_with_a_little_silence(
    line: Line, good: Sequence[ServiceEvent]
) -> None:
    news: list[bool | None] = []
    line.parts = replace(line.parts, on_trouble=news.append)
    line.uploader = Uploader(line.cloud, line.parts, line.answers, line._exchange, lambda url: b"")
    down = True

    def away(recording: Recording) -> Sequence[ServiceEvent]:
        if down:
            raise LOST
        return good

    line.answer = away
    line.spool.put(clip(7))
    line.run(3)
    line.spool.withdraw(lambda each: True)
    line.tried.clear()
    line.run(3)
    assert line.order == [], "nobody asks"
    for second in range(60):
        line.clock.at(line.clock.now() + second, line.cloud.probe)
    line.run(30)
    assert set(line.order) == {0}, "silence, and nothing of what was said"
    assert len(line.order) < 30, "in its own time"
    assert news == [True]
    down = False
    line.run(40)
    assert news == [True, False]
    assert line.texts() == []
    tried = len(line.tried)
    line.cloud.probe()
    line.run(5)
    assert len(line.tried) == tried, "it is back: nothing more is asked"


def test_a_refusal_is_seen_so_too(line: Line) -> None:
    def refuse(recording: Recording) -> Sequence[ServiceEvent]:
        raise Refused("who are you?", "401")

    line.answer = refuse
    line.spool.put(clip(1))
    line.run(1)
    line.spool.withdraw(lambda each: True)
    line.cloud.probe()
    line.run(200)
    assert line.order == [1, 0]
    assert [n for n in line.notices() if n == "refused"] == ["refused"]


def test_the_files_of_a_recording_stay_until_its_final_is_on_the_disk(tmp_path: Path) -> None:
    line, finals = Line(), Finals()
    line.uploader._parts = replace(line.parts, after_saved=finals.after)
    line.spool = line.cloud.spool = Spool(tmp_path)
    line.spool.put(clip(1))
    line.run()
    [final] = line.of(Transcript)
    assert line.cloud.unanswered_ms == 0
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".answered", ".json", ".wav"]
    finals.saved(final.id)
    assert list(tmp_path.iterdir()) == []
