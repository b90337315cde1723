"""The recorder thread's work: clips into the spool, losses and the end of a turn told."""

from __future__ import annotations

import pytest

from agent.audio.ring import SOUND
from agent.audio.segment import Segmenter
from agent.events import Notice, Settled
from agent.link.spool import Spool
from agent.pipeline.recorder import Recorder
from agent.pipeline.utterances import Utterances
from tests.unit.pipeline.rig import PACKET, Rig, VirtualWake


class Line(Rig):
    def __init__(self, *, room: int = 10**9) -> None:
        super().__init__("maas-whisper", talk={"result_timeout_s": 5.0})
        self.spool = Spool(None, room)
        self.cloud = Utterances(self.parts, self.spool, Segmenter(100))
        self.cloud.free()
        self.cloud.wake = VirtualWake(self.clock)
        self.ring.on_write(self.cloud.captured)
        self.cloud.idle = VirtualWake(self.clock)
        self.recorder = Recorder(self.cloud, self.parts)

    def talk(self, seconds: float, *, voiced: bool = True, rest: float = 1.0) -> None:
        begin, head = self.clock.now(), self.ring.head
        self.cloud.open(head, self.provider.pair)
        self.live(seconds, voiced=voiced)
        self.clock.at(begin + seconds, lambda: self.cloud.close(self.ring.head))
        self.run(seconds + rest)

    def run(self, seconds: float) -> None:
        self.recorder.stopping = False
        self.clock.at(self.clock.now() + seconds, self.recorder.stop)
        self.recorder.run()


@pytest.fixture
def line() -> Line:
    return Line()


def test_what_was_said_waits_in_the_spool_and_the_uploader_is_woken(line: Line) -> None:
    line.talk(1.0)
    recording = line.spool.oldest()
    assert recording is not None
    assert recording.duration_ms == 1000
    assert recording.session == line.cloud.session
    assert line.cloud.idle.wait(0)


def test_silence_is_not_uploaded_and_settles_at_once(line: Line) -> None:
    line.talk(1.0, voiced=False)
    assert line.spool.oldest() is None
    assert line.telemetry.total("silent_clips") == 1
    assert line.of(Notice) == [Notice("nothing_heard", {"duration_ms": 1000})]
    assert line.of(Settled) == [Settled()]
    assert not line.cloud.idle.wait(0)


def test_a_press_in_which_no_voice_was_found_is_uploaded_unless_it_is_certainly_silent(
    line: Line,
) -> None:
    line.cloud.open(line.ring.head, line.provider.pair)
    for n in range(25):
        line.clock.advance(0.04)
        line.ring.write(bytes(PACKET), line.clock.now(), SOUND if n == 7 else 0)
    line.cloud.close(line.ring.head)
    line.run(1.0)
    assert line.spool.oldest() is not None
    assert line.of(Notice) == []


def test_a_turn_settles_when_its_clip_is_answered(line: Line) -> None:
    line.talk(1.0)
    assert line.of(Settled) == []
    recording = line.spool.oldest()
    assert recording is not None
    line.spool.done(recording)
    line.run(0.5)
    line.run(5.0)
    assert line.of(Settled) == [Settled()]


def test_without_an_answer_a_turn_is_over_when_its_time_is_up(line: Line) -> None:
    line.talk(1.0, rest=4.5)
    assert line.of(Settled) == []
    line.run(1.0)
    assert line.of(Settled) == [Settled(timed_out=True)]
    assert line.spool.oldest() is not None, "it is uploaded all the same"


def test_what_had_to_go_from_a_full_spool_is_told() -> None:
    line = Line(room=30 * PACKET)
    line.talk(1.0)
    line.talk(1.0)
    detail = {"duration_ms": 1000, "reason": "the spool is full"}
    assert line.of(Notice) == [Notice("lost_audio", detail)]


def test_packets_that_were_overwritten_are_told_once(line: Line) -> None:
    line.cloud.open(0, line.provider.pair)
    line.say(510)
    line.run(1.0)
    line.run(1.0)
    assert line.of(Notice) == [Notice("lost_audio", {"packets": 10, "duration_ms": 400})]
    assert line.telemetry.total("lost_packets") == 10
