"""What becomes of a sentence, whatever the roles do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.errors import LinkError, Refused
from agent.events import Pair, Result
from agent.pipeline.roles import REST_S, Roles, wanted

PAIR = Pair("en", "es")
HEARD = Result(0, "hello", final=True)


class Told:
    def __init__(self) -> None:
        self.now = 100.0
        self.missing: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.error: Exception | None = None

    def translate(self, text: str, pair: Pair) -> str:
        self.asked.append(text)
        if self.error is not None:
            raise self.error
        return f"<{text}>"

    def speak(self, text: str, language: str) -> Iterator[bytes]:
        yield f"{language}:{text}".encode()
        if self.error is not None:
            raise self.error
        yield b"."

    def roles(self, *, translate: bool = True, speak: bool = True) -> Roles:
        return Roles(
            self.translate if translate else None,
            self.speak if speak else None,
            lambda role, reason: self.missing.append((role, reason)),
            lambda: self.now,
        )


def test_a_sentence_is_translated_and_spoken() -> None:
    roles = Told().roles()
    result = roles.translated(HEARD, PAIR)
    assert result.translation == "<hello>"
    assert list(roles.spoken(result, PAIR)) == [b"es:<hello>", b"."]


def test_roles_nobody_has_are_skipped() -> None:
    told = Told()
    roles = told.roles(translate=False, speak=False)
    assert roles.translated(HEARD, PAIR) is HEARD
    assert list(roles.spoken(Result(0, "a", "b", True), PAIR)) == []
    assert not roles.translates
    assert told.missing == []


@pytest.mark.parametrize(
    ("result", "pair"),
    [
        (Result(0, "", final=True), PAIR),
        (Result(0, "hello", "¡hola!", True), PAIR),  # the ears did it
        (Result(0, "", "hello", True), Pair("de", "en")),
        (HEARD, Pair("en", None)),
        (HEARD, Pair("en-US", "en")),
    ],
)
def test_what_needs_no_translation_gets_none(result: Result, pair: Pair) -> None:
    told = Told()
    assert not wanted(result, pair)
    assert told.roles().translated(result, pair) is result
    assert told.asked == []


def test_an_empty_translation_is_none() -> None:
    roles = Roles(lambda text, pair: " \n", None, lambda role, reason: None, lambda: 0.0)
    assert roles.translated(HEARD, PAIR).translation is None


def test_only_translations_are_spoken() -> None:
    assert list(Told().roles().spoken(HEARD, PAIR)) == []


def test_a_refusal_lets_the_text_out_and_the_next_is_asked_again() -> None:
    told = Told()
    roles, told.error = told.roles(), Refused("no such model")
    assert roles.translated(HEARD, PAIR) is HEARD
    assert told.missing == [("translate", "no such model")]
    told.error = None
    assert roles.translated(HEARD, PAIR).translation == "<hello>"


def test_what_does_not_answer_is_left_alone_for_a_while() -> None:
    told = Told()
    roles, told.error = told.roles(), LinkError("no answer for 30 s", "timeout")
    roles.translated(HEARD, PAIR)
    told.now += REST_S - 1
    assert roles.translated(HEARD, PAIR) is HEARD
    assert told.asked == ["hello"]  # nobody waited a second time
    assert told.missing == [("translate", "no answer for 30 s")] * 2
    told.error = None
    told.now += 2
    assert roles.translated(HEARD, PAIR).translation == "<hello>"


def test_a_voice_that_breaks_off_has_said_what_it_said() -> None:
    told = Told()
    roles, told.error = told.roles(), LinkError("gone", "reset")
    assert list(roles.spoken(Result(0, "a", "b", True), PAIR)) == [b"es:b"]
    assert told.missing == [("speak", "gone")]
