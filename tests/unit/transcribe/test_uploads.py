"""Uploading pieces: placed on the file's time line, tried again where that may help."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.config.schema import Service
from agent.config.secret import Secret
from agent.errors import LinkError, Refused
from agent.events import Failure, Garbage, Pair, Result, ServiceEvent, Word
from agent.services.provider import Provider
from agent.services.shapes import Clip
from agent.transcribe.record import Record
from agent.transcribe.sound import RATE, Piece
from agent.transcribe.uploads import ATTEMPTS, Uploads, placed
from tests.unit.transcribe.test_sound import silence, speech

Answer = Sequence[ServiceEvent] | Exception
HELLO = Result(0, "hello", None, True)


class World:
    """An upload service that answers from a list; the last answer is repeated."""

    def __init__(self, tmp_path: Path, *answers: Answer, name: str = "youdao") -> None:
        self.clock = ManualClock()
        self.sent: list[tuple[float, Clip, Pair]] = []
        self.progress: list[tuple[int, int | None]] = []
        self.path = tmp_path / "talk.wav"
        self.record = Record("talk.wav", name)
        self._answers = list(answers)
        secret: dict[str, Any] = {"app_key": Secret("a"), "app_secret": Secret("b")}
        self.provider = Provider(Service(name=name, source="en", target="zh", **secret))

    def write(self, pcm: bytes) -> None:
        with wave.open(str(self.path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(pcm)

    def send(self, clip: Clip, pair: Pair) -> Sequence[ServiceEvent]:
        self.sent.append((self.clock.now(), clip, pair))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self) -> list[Result]:
        work = Uploads(self.provider, self.send, self.clock)
        work(self.path, self.record, lambda done, total: self.progress.append((done, total)))
        return self.record.results


def test_results_are_numbered_through_and_moved_to_where_they_were_said(tmp_path: Path) -> None:
    timed = Result(0, "a", None, True, 100, 300, words=(Word("a", 100, 300),))
    world = World(tmp_path, [timed, Result(1, "b", None, True)])
    world.write(speech(11.6) + silence(0.4) + speech(12))
    first, second, third, fourth = world.run()
    assert [r.index for r in (first, second, third, fourth)] == [0, 1, 2, 3]
    assert (first.start_ms, first.end_ms) == (100, 300)
    assert (second.start_ms, second.end_ms) == (0, 11600)
    assert (third.start_ms, third.end_ms) == (11900, 12100)
    assert third.words == (Word("a", 11900, 12100),)
    assert (fourth.start_ms, fourth.end_ms) == (12000, 24000)
    assert world.progress == [(0, 24000), (11800, 24000), (24000, 24000)]
    assert all(pair == Pair("en", "zh") for _, _, pair in world.sent)


def test_a_piece_nobody_could_decode_gives_no_times() -> None:
    piece = Piece(Clip(b"", "silk"), 0, None)
    result = placed(HELLO, piece, 3)
    assert (result.index, result.start_ms, result.end_ms) == (3, None, None)


@pytest.mark.parametrize(
    "trouble",
    [
        LinkError("lost"),
        [Failure("411", "too many requests", retryable=True)],
        [Garbage("bad-json", whole=True)],
    ],
)
def test_what_may_be_mended_is_tried_again(tmp_path: Path, trouble: Answer) -> None:
    world = World(tmp_path, trouble, trouble, [HELLO])
    world.write(speech(1))
    assert [r.text for r in world.run()] == ["hello"]
    assert len(world.sent) == 3


def test_it_is_given_up_after_a_few_attempts(tmp_path: Path) -> None:
    world = World(tmp_path, LinkError("lost"))
    world.write(speech(1))
    with pytest.raises(LinkError, match="lost"):
        world.run()
    assert len(world.sent) == ATTEMPTS
    assert world.clock.now() <= 0.5 + 1 + 2


def test_a_refusal_is_told_in_the_services_words_and_not_repeated(tmp_path: Path) -> None:
    world = World(tmp_path, [HELLO], [Failure("202", "the signature is wrong")])
    world.write(speech(20))
    with pytest.raises(Refused, match=r"youdao says: the signature is wrong \(code 202\)"):
        world.run()
    assert len(world.sent) == 2
    assert [r.text for r in world.record.results] == ["hello"]


def test_garbage_beside_results_does_no_harm(tmp_path: Path) -> None:
    world = World(tmp_path, [HELLO, Garbage("wrong-type")])
    world.write(speech(1))
    assert [r.text for r in world.run()] == ["hello"]


def test_requests_keep_their_distance(tmp_path: Path) -> None:
    world = World(tmp_path, LinkError("lost"), [HELLO], name="tencent-long-asr")
    world.provider.pair = Pair("zh", None)
    world.write(speech(1))
    world.run()
    assert [at for at, _, _ in world.sent] == [0.0, 1.0]
