"""The cloud as chunks, against a scripted TSI: numbers, resends, new utterances, the end."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from agent.errors import LinkError
from agent.events import Blocked, LinkDown, LinkUp, Notice, Pair, Settled, Transcript
from agent.link.handover import Handover
from agent.link.tape import Take
from agent.link.uplink import Uplink
from agent.pipeline.chunks import CHUNK_PACKETS, Chunker, Chunks
from agent.services.shapes import Request, Response
from tests.unit.pipeline.rig import PACKET, Rig, VirtualWake

LOST = LinkError("the connection was lost", "reset")
CHUNK = CHUNK_PACKETS * PACKET


@dataclass(frozen=True)
class Heard:
    """One request as the service reads it."""

    at: float
    utterance: str
    seq: int
    last: bool
    pcm: bytes

    @property
    def marks(self) -> list[int]:
        """The packets in it, by their marks."""
        whole = [self.pcm[i : i + 2] for i in range(0, len(self.pcm), PACKET)]
        return [int.from_bytes(mark, "little") for mark in whole]


def said(index: int, text: str, *, final: bool, begin: int = 0, end: int = 400) -> dict[str, Any]:
    return {
        "SeId": f"s{index}",
        "SeVer": 0 if not final else 1,
        "SourceText": text,
        "TargetText": "",
        "StartTime": begin,
        "EndTime": end,
        "IsEnd": final,
    }


class Line(Rig):
    """A chunker; ``reply`` may answer a request otherwise than with nothing new."""

    def __init__(self) -> None:
        super().__init__("tencent-tsi")
        uplink = Uplink(self.ring, quiet=True)
        self.cloud = Chunks(uplink, self.answers, self.clock)
        self.cloud.free()
        self.cloud.wake = VirtualWake(self.clock)
        self.ring.on_write(self.cloud.captured)
        self.heard: list[Heard] = []  # every request
        self.answered: list[Heard] = []  # those that were no loss
        self.reply: Callable[[Heard], list[dict[str, Any]]] = lambda heard: []
        self.chunker = Chunker(self.cloud, self.parts, self._post)

    def _post(self, request: Request) -> Response:
        self.clock.advance(0.02)
        body = json.loads(request.body)
        pcm = base64.b64decode(body["Data"])
        heard = Heard(self.clock.now(), body["SessionUuid"], body["Seq"], bool(body["IsEnd"]), pcm)
        self.heard.append(heard)
        answer = {"Response": {"RequestId": "r", "List": self.reply(heard)}}
        self.answered.append(heard)
        return Response(200, body=json.dumps(answer).encode())

    def newest(self) -> list[Heard]:
        """What was answered of the newest utterance."""
        return [heard for heard in self.answered if heard.utterance == self.heard[-1].utterance]

    def talk(self, seconds: float, *, rest: float = 3.0, pair: Pair | None = None) -> None:
        """Press, speak, release, and wait."""
        begin, head = self.clock.now(), self.ring.head
        self.cloud.open(head, pair or self.provider.pair)
        self.live(seconds)
        end = head + round(seconds / 0.04)
        self.clock.at(begin + seconds, lambda: self.cloud.close(end))
        self.run(seconds + rest)

    def run(self, seconds: float) -> None:
        self.chunker.stopping = False
        self.clock.at(self.clock.now() + seconds, self.chunker.stop)
        self.chunker.run()


@pytest.fixture
def line() -> Line:
    return Line()


def test_speech_goes_out_in_chunks_of_400_ms_numbered_from_0(line: Line) -> None:
    line.talk(2.0)
    assert [heard.seq for heard in line.heard] == list(range(6))
    assert len({heard.utterance for heard in line.heard}) == 1
    assert [heard.last for heard in line.heard] == [False] * 5 + [True]
    assert all(len(heard.pcm) == CHUNK for heard in line.heard[:5])
    assert [mark for heard in line.heard[:5] for mark in heard.marks] == list(range(1, 51))
    assert line.telemetry.total("packets_sent") == 50


def test_the_last_chunk_is_filled_up_to_the_shortest_allowed(line: Line) -> None:
    line.talk(0.48)
    [first, last] = line.heard
    assert (len(first.pcm), len(last.pcm)) == (CHUNK, 200 * 32)
    assert last.marks == [11, 12, 0, 0, 0]


def test_each_press_is_an_utterance_of_its_own_in_one_session(line: Line) -> None:
    line.talk(0.4)
    line.talk(0.4)
    assert [heard.seq for heard in line.heard] == [0, 1, 0, 1]
    assert len({heard.utterance for heard in line.heard}) == 2
    assert len({up.session for up in line.of(LinkUp)}) == 1


def test_results_lie_on_the_microphones_time_and_the_turn_settles(line: Line) -> None:
    line.reply = lambda heard: [said(heard.seq, "hi", final=True, begin=0, end=400)][: heard.last]
    line.talk(0.8)
    [final] = line.of(Transcript)
    assert (final.text, final.start_ms, final.end_ms) == ("hi", 0, 400)
    assert final.session == line.of(LinkUp)[0].session
    assert line.events[-1] == Settled()


def test_a_sentence_that_never_became_final_is_final_at_the_end(line: Line) -> None:
    line.reply = lambda heard: [said(0, "hi", final=False)] if heard.seq == 0 else []
    line.talk(0.8)
    assert [(t.text, t.final) for t in line.of(Transcript)] == [("hi", False), ("hi", True)]
    assert line.events[-1] == Settled()


def test_a_chunk_without_an_answer_is_sent_again_under_its_number(line: Line) -> None:
    def fail_twice(heard: Heard) -> list[dict[str, Any]]:
        if len(line.heard) in (2, 3):
            raise LOST
        return []

    line.reply = fail_twice
    line.talk(1.2)
    assert [heard.seq for heard in line.heard] == [0, 1, 1, 1, 2, 3]
    assert len({heard.utterance for heard in line.heard}) == 1
    assert line.heard[1].pcm == line.heard[2].pcm == line.heard[3].pcm
    assert line.heard[2].at - line.heard[1].at == pytest.approx(0.12, abs=0.02)
    assert line.notices() == []


def test_when_that_does_not_help_a_new_utterance_repeats_what_has_no_final(line: Line) -> None:
    def broken_for_a_while(heard: Heard) -> list[dict[str, Any]]:
        if 1.0 < heard.at < 3.0:
            raise LOST
        return []

    line.reply = broken_for_a_while
    line.talk(4.0, rest=6.0)
    assert line.notices() == ["outage", "reconnect"]
    assert line.of(LinkDown)
    assert line.telemetry.total("lost_packets") == 0
    whole = line.newest()
    assert [heard.seq for heard in whole] == list(range(len(whole)))
    assert [mark for heard in whole for mark in heard.marks if mark] == list(range(1, 101))
    assert line.cloud.connected


def test_what_has_its_final_is_not_repeated(line: Line) -> None:
    def answer(heard: Heard) -> list[dict[str, Any]]:
        if 1.0 < heard.at < 3.0:
            raise LOST
        return [said(0, "one", final=True, begin=0, end=400)] if len(line.heard) == 2 else []

    line.reply = answer
    line.talk(4.0, rest=6.0)
    marks = [mark for heard in line.newest() for mark in heard.marks if mark]
    assert marks == list(range(11, 101))


def test_a_last_chunk_without_an_answer_is_an_outage_too(line: Line) -> None:
    def break_at_the_end(heard: Heard) -> list[dict[str, Any]]:
        if heard.last:
            raise LOST
        return []

    line.reply = break_at_the_end
    line.talk(1.0, rest=2.0)
    assert "outage" in line.notices()
    assert not line.cloud.connected
    assert line.cloud.unanswered_ms == 1000
    assert line.telemetry.total("lost_packets") == 0


def test_a_refusal_is_told_and_waited_out(line: Line) -> None:
    refused = {"Error": {"Code": "AuthFailure.SecretIdNotFound", "Message": "who?"}}

    def post(request: Request) -> Response:
        return Response(200, body=json.dumps({"Response": refused}).encode())

    line.chunker = Chunker(line.cloud, line.parts, post)
    line.talk(1.0)
    assert [blocked.code for blocked in line.of(Blocked)] == ["AuthFailure.SecretIdNotFound"]
    assert not line.cloud.connected


def test_another_pair_is_another_utterance(line: Line) -> None:
    line.cloud.open(0, Pair("en", "zh"))
    line.say(10)
    line.cloud.close(10)
    line.cloud.open(10, Pair("zh", "en"))
    line.say(10)
    line.cloud.close(20)
    line.run(3.0)
    assert [(heard.seq, heard.last) for heard in line.heard] == [(0, False), (1, True)] * 2
    assert len({heard.utterance for heard in line.heard}) == 2


def test_what_memory_could_not_hold_is_reported(line: Line) -> None:
    line.cloud.open(0, line.provider.pair)
    line.say(520)
    line.run(0.5)
    assert line.of(Notice) == [Notice("lost_audio", {"packets": 20, "duration_ms": 800})]
    assert line.cloud.backlog_ms > 0


def test_nothing_is_posted_while_nobody_speaks(line: Line) -> None:
    line.live(2.0)
    line.run(2.0)
    assert line.heard == []
    assert line.events == []


def test_speech_is_only_noted_and_a_new_pair_needs_nothing(line: Line) -> None:
    line.cloud.switch_tts(True)
    assert line.cloud.tts
    line.cloud.renew(Pair("zh", "en"))
    assert line.cloud.unanswered_ms == 0


# --- with other services beside it -----------------------------------------------------------


def test_what_has_no_answer_goes_over_and_its_answers_are_nobodys(line: Line) -> None:
    def late(heard: Heard) -> list[dict[str, Any]]:
        if len(line.heard) == 3:
            taken.append(line.cloud.hand_over())
        return [said(0, "one", final=True)] if len(line.heard) == 3 else []

    taken: list[Handover] = []
    line.reply = late
    line.talk(2.0)
    [left] = taken
    assert [(take.start, take.end) for take in left.takes] == [(0, None)]
    assert left.sent_to == 30
    assert line.of(Transcript) == []
    assert len(line.heard) == 3, "nothing more is sent"
    assert line.cloud.backlog_ms == line.cloud.unanswered_ms == 0


def test_what_another_left_is_an_utterance_of_its_own(line: Line) -> None:
    line.reply = lambda heard: [said(0, "hi", final=True)] if heard.last else []
    line.say(50)
    line.cloud.take_over(Handover((Take(20, 40, line.provider.pair),), repeats_until=25))
    line.run(3.0)
    assert [mark for heard in line.heard for mark in heard.marks if mark] == list(range(21, 41))
    [final] = line.of(Transcript)
    assert final.replayed
    assert line.of(Settled) == [Settled()]


def test_whether_it_is_back_is_seen_with_a_little_silence(line: Line) -> None:
    down = True

    def away(heard: Heard) -> list[dict[str, Any]]:
        if down:
            raise LOST
        return [said(0, "hm", final=True)]

    line.reply = away
    line.talk(0.4, rest=1.0)
    line.cloud.hand_over()
    line.heard.clear()
    line.run(10)
    assert line.heard == [], "nobody asks"
    for second in range(100):
        line.clock.at(line.clock.now() + second, line.cloud.probe)
    line.run(30)
    assert 0 < len(line.heard) < 30, "in its own time"
    assert {mark for heard in line.heard for mark in heard.marks} == {0}
    assert all(heard.last for heard in line.heard)
    assert "reconnect" not in line.notices()
    down = False
    line.run(40)
    assert line.notices()[-1] == "reconnect"
    assert line.cloud.connected
    assert line.of(Transcript) == [], "of silence nothing is told"
    heard = len(line.heard)
    line.run(20)
    assert len(line.heard) == heard, "it is back: nothing more is asked"
