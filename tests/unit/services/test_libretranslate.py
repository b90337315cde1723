"""LibreTranslate against its page, and against anything at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from agent.events import Failure, Garbage, Text
from agent.services.libretranslate import Server, Translate, list_languages, pairs
from agent.services.shapes import Nonce, Response
from tests.unit.services.events import json_values
from tests.unit.services.http import assert_events, assert_request, bodies, response, responses
from tests.vectors import load

VECTORS = load("libretranslate")
NONCE = Nonce(0.0, "an-id")


def translate() -> Translate:
    return Translate(Server("http://nas:5000/", "xxxxxx"), "en-US", "es")


def test_a_request_is_as_the_page_has_it() -> None:
    assert_request(translate().request("Hello!", False, NONCE), VECTORS["request"])


def test_no_key_is_sent_where_there_is_none() -> None:
    request = Translate(Server("http://nas:5000"), "en", "es").request("x", False, NONCE)
    assert "api_key" not in json.loads(request.body)


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda vector: vector["name"])
def test_answers_are_read(vector: dict[str, Any]) -> None:
    assert_events(translate().answer(response(vector)), vector["events"])


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda vector: vector["name"])
def test_what_is_asked_for_as_a_stream_comes_whole(vector: dict[str, Any]) -> None:
    made, data = translate(), response(vector).body
    made.request("x", True, NONCE)
    for at in range(0, len(data), 5):
        assert made.feed(data[at : at + 5]) == ()
    events = made.finish()
    if "Text" in vector["events"][0]:
        assert_events(events, vector["events"])
    else:  # nobody knows its status: it is asked for again
        assert events == [Garbage("no-answer", whole=True)]


def test_a_body_without_end_is_bounded() -> None:
    made = translate()
    for _ in range(40):
        made.feed(bytes(100_000))
    assert made.finish() == [Garbage("no-answer", whole=True)]


def test_pairs_are_listed() -> None:
    assert list_languages(Server("http://nas:5000")).url == "http://nas:5000/languages"
    listed = pairs(response(VECTORS["languages"]))
    assert isinstance(listed, dict)
    assert {code: list(targets) for code, targets in listed.items()} == VECTORS["languages"][
        "pairs"
    ]


some = bodies(VECTORS["languages"]["body"], {"translatedText": "x"})
anything = responses(some | json_values.map(json.dumps).map(str.encode))


@given(anything)
def test_any_answer_is_survived(answer: Response) -> None:
    assert all(isinstance(e, Text | Failure | Garbage) for e in translate().answer(answer))
    assert isinstance(pairs(answer), dict | Failure | Garbage)
