"""The interpreter: order kept, ears never waited for, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from agent.errors import LinkError, Refused
from agent.events import Event, LinkUp, Notice, Pair, Result, Settled, Transcript
from agent.link.uplink import Answer
from agent.pipeline.interpreter import AGAIN_S, BEHIND, Heard, Interpreter, News
from agent.pipeline.roles import Roles
from tests.patience import HANG_S
from tests.unit.pipeline.rig import Rig

PAIR = Pair("en", "zh")


class Stage:
    """An interpreter at work; ``gate`` holds the translator back."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.tts = True
        self.news = News(self.rig.parts.post, self.rig.clock)
        self.roles = Roles(self._translate, self._speak, self.news.missing, self.rig.clock.now)
        self.interpreter = Interpreter(self.rig.parts, self.roles, lambda: self.tts)
        self.heard = Heard(self.rig.parts, self.interpreter, translates=True)
        self.heard.session = "s1"

    def _translate(self, text: str, pair: Pair) -> str:
        assert self.gate.wait(HANG_S)
        if self.error is not None:
            raise self.error
        return text.upper()

    def _speak(self, text: str, language: str) -> Iterator[bytes]:
        yield text.encode("utf-16-le")

    def hear(self, number: int, text: str, *, final: bool = True) -> None:
        answer = Answer(number, number * 1000, number * 1000 + 500, replayed=False)
        self.heard.result(Result(number, text, final=final), answer, PAIR)

    def start(self) -> None:
        self.interpreter.start()

    def stop(self) -> None:
        self.interpreter.stop()
        assert self.interpreter.join(HANG_S)

    def finals(self) -> list[tuple[str, str | None]]:
        return [(t.text, t.translation) for t in self.rig.of(Transcript) if t.final]

    def until(self, condition: Callable[[], object]) -> None:
        waiting = threading.Event()
        for _ in range(int(HANG_S / 0.01)):
            if condition():
                return
            waiting.wait(0.01)
        raise AssertionError("it never happened")


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.gate.set()
    if made.interpreter.alive:
        made.stop()


def test_a_sentence_is_shown_when_heard_and_final_when_translated(stage: Stage) -> None:
    stage.hear(0, "hel", final=False)
    stage.hear(0, "hello")
    shown = [(t.text, t.final, t.translation) for t in stage.rig.of(Transcript)]
    assert shown == [("hel", False, None), ("hello", False, None)]
    stage.start()
    stage.until(stage.finals)
    assert stage.finals() == [("hello", "HELLO")]
    final = stage.rig.of(Transcript)[-1]
    assert (final.session, final.index, final.start_ms) == ("s1", 0, 0)


def test_ears_do_not_wait_and_the_order_is_kept(stage: Stage) -> None:
    stage.gate.clear()
    stage.start()
    for number in range(5):
        stage.hear(number, f"s{number}")
    stage.interpreter.post(Settled())
    stage.interpreter.post(LinkUp("s1"))
    assert stage.finals() == []
    assert stage.rig.of(LinkUp)
    assert not stage.rig.of(Settled)  # it is not answered yet
    stage.gate.set()
    stage.until(lambda: stage.rig.of(Settled))
    assert stage.finals() == [(f"s{n}", f"S{n}") for n in range(5)]
    assert isinstance(stage.rig.events[-1], Settled)


def test_a_sentence_keeps_the_conversation_it_was_said_in(stage: Stage) -> None:
    stage.hear(0, "a")
    stage.heard.session = "s2"
    stage.hear(0, "b")
    stage.start()
    stage.until(lambda: len(stage.finals()) == 2)
    finals = [t for t in stage.rig.of(Transcript) if t.final]
    assert [final.session for final in finals] == ["s1", "s2"]


def test_translations_are_spoken_if_that_is_wanted(stage: Stage) -> None:
    stage.hear(0, "ab" * 400)
    stage.start()
    stage.until(stage.finals)
    stage.tts = False
    stage.hear(1, "no")
    stage.stop()
    assert stage.rig.spoken() == ("AB" * 400).encode("utf-16-le")


@pytest.mark.parametrize("error", [Refused("no such model"), LinkError("no route", "unreachable")])
def test_a_translator_that_fails_takes_no_text_with_it(stage: Stage, error: Exception) -> None:
    stage.error = error
    stage.start()
    for number in range(3):
        stage.hear(number, f"s{number}")
    stage.until(lambda: len(stage.finals()) == 3)
    assert stage.finals() == [(f"s{n}", None) for n in range(3)]
    (notice,) = stage.rig.of(Notice)  # told once
    assert notice.event == "translation_missing"
    assert notice.detail == {"role": "translate", "reason": str(error)}


def test_what_was_heard_is_not_lost_at_the_end(stage: Stage) -> None:
    stage.gate.clear()
    stage.start()
    for number in range(3):
        stage.hear(number, f"s{number}")
    stage.interpreter.stop()
    stage.gate.set()
    assert stage.interpreter.join(HANG_S)
    assert [text for text, _ in stage.finals()] == ["s0", "s1", "s2"]


def test_a_translator_far_behind_is_left_out(stage: Stage) -> None:
    for number in range(BEHIND + 3):
        stage.hear(number, f"s{number}")
    stage.start()
    stage.until(lambda: len(stage.finals()) == BEHIND + 3)
    without = [text for text, translation in stage.finals() if translation is None]
    assert without == ["s0", "s1"]


def test_an_empty_sentence_says_nothing(stage: Stage) -> None:
    stage.hear(0, "")
    stage.interpreter.post(Settled())
    stage.start()
    stage.until(lambda: stage.rig.of(Settled))
    assert not stage.rig.of(Transcript)


def test_news_are_told_once_a_spell() -> None:
    rig, told = Rig(), list[Event]()
    news = News(told.append, rig.clock)
    for _ in range(10):
        news.missing("speak", "gone")
        news.loading("hear")
    news.missing("speak", "another reason")
    assert [event.event for event in told if isinstance(event, Notice)] == [
        "speech_missing",
        "loading",
        "speech_missing",
    ]
    rig.clock.advance(AGAIN_S)
    news.missing("speak", "gone")
    assert len(told) == 4
