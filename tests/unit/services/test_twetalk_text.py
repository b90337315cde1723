"""TWeTalk translation and summaries of text: whole, streamed, and cut anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Failure, Garbage, ServiceEvent, Text
from agent.services.shapes import Nonce, Response
from agent.services.twetalk_stream import MAX_ANSWER, Pieces
from agent.services.twetalk_text import LANGUAGES, PLAIN, TwetalkSummary, TwetalkTranslate
from tests.unit.services.events import assert_is, json_values
from tests.unit.services.test_sse import PLACES, cut
from tests.vectors import load

VECTORS = load("twetalk_text")
TRANSLATE, SUMMARY = VECTORS["translate"], VECTORS["summary"]
ANSWERS = [("translate", v) for v in TRANSLATE["answers"]]
ANSWERS += [("summary", v) for v in SUMMARY["answers"]]
STREAMS = [("translate", v) for v in TRANSLATE["streams"]]
STREAMS += [("summary", v) for v in SUMMARY["streams"]]
LAST = Text("", last=True)


def service(name: str) -> TwetalkTranslate | TwetalkSummary:
    if name == "translate":
        return TwetalkTranslate("xxxxxx", "zh", "en")
    return TwetalkSummary("xxxxxx", SUMMARY["streamed_body"]["prompt"])


def streamed(name: str, *parts: bytes) -> list[ServiceEvent]:
    """The events of a body that came in ``parts`` and then ended."""
    text = service(name)
    return [event for part in parts for event in text.feed(part)] + [*text.finish()]


def name_of(value: object) -> str:
    return value["name"] if isinstance(value, dict) else str(value)


@pytest.mark.parametrize("name", ["translate", "summary"])
def test_the_request_is_the_documents(name: str) -> None:
    vector = VECTORS[name]
    request = service(name).request(vector["body"]["text"], False, Nonce(0, vector["request_id"]))
    assert (request.method, request.url) == ("POST", VECTORS["url"])
    assert request.headers == vector["headers"]
    assert json.loads(request.body) == vector["body"]


def test_a_streamed_request() -> None:
    nonce = Nonce(0, TRANSLATE["request_id"])
    request = service("translate").request(TRANSLATE["body"]["text"], True, nonce)
    assert json.loads(request.body) == TRANSLATE["body"] | {"stream": True}


def test_the_prompt_is_sent_when_streaming_only() -> None:
    text, nonce = SUMMARY["body"]["text"], Nonce(0, SUMMARY["request_id"])
    request = service("summary").request(text, True, nonce)
    assert json.loads(request.body) == SUMMARY["streamed_body"]
    assert "prompt" not in json.loads(TwetalkSummary("t").request(text, True, nonce).body)


def test_the_other_content_type_and_another_host() -> None:
    summary = TwetalkSummary("t", host="ws://127.0.0.1:8765", content_type=PLAIN)
    request = summary.request("a", False, Nonce(0, "i"))
    assert request.headers["Content-Type"] == "text/plain"
    assert request.url == "http://127.0.0.1:8765/api"


def test_a_text_that_is_no_unicode_can_be_sent() -> None:
    request = TwetalkTranslate("t", "zh", "en").request("a\udcff", False, Nonce(0, "i"))
    assert json.loads(request.body)["text"] == "a?"


def test_the_seventeen_languages() -> None:
    assert sorted(LANGUAGES) == sorted(VECTORS["languages"])
    assert len(LANGUAGES) == 17


@pytest.mark.parametrize(("name", "vector"), ANSWERS, ids=name_of)
def test_a_whole_answer(name: str, vector: dict[str, Any]) -> None:
    response = Response(vector.get("status", 200), {}, vector["body"].encode())
    [event] = service(name).answer(response)
    assert_is(event, vector["event"])


@pytest.mark.parametrize(("name", "vector"), STREAMS, ids=name_of)
def test_a_streamed_answer(name: str, vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    expected = [*map(Text, vector["pieces"]), LAST]
    assert streamed(name, body) == expected
    assert streamed(name, *(body[i : i + 1] for i in range(len(body)))) == expected


def test_pieces_come_at_once() -> None:
    text = service("translate")
    assert text.feed(b'data: {"data":"This"}\n') == [Text("This")]


def test_nothing_comes_after_the_end() -> None:
    text = service("summary")
    events = text.feed(b'data: {"summary":"a","is_finish":true}\n\ndata: {"summary":"b"}\n\n')
    assert events == [Text("a"), LAST]
    assert text.feed(b"data: {}\n\n") == []
    assert text.finish() == []


@pytest.mark.parametrize("prefix", ["", "data: "])
@pytest.mark.parametrize("end", ["", "\n\n"])
def test_a_refusal_instead_of_a_stream(prefix: str, end: str) -> None:
    body = f'{prefix}{{"code":-1,"err_msg":"Invalid Token"}}{end}'
    assert streamed("summary", body.encode()) == [Failure("-1", "Invalid Token")]


def test_a_refusal_ends_a_stream() -> None:
    body = b'data: {"data":"a"}\ndata: {"code":5,"err_msg":"busy"}\ndata: {"data":"b"}\n'
    assert streamed("translate", body) == [Text("a"), Failure("5", "busy", retryable=True)]


def test_a_page_is_no_answer() -> None:
    for body in (b"", b"<html>\n<p>login</p>", b": still there\n\n"):
        assert streamed("translate", body) == [Garbage("no-answer", whole=True)]


def test_an_announced_end_that_does_not_come() -> None:
    body = b'data: {"summary":"a","is_finish":false}\n\n'
    assert streamed("summary", body) == [Text("a"), Garbage("cut-short", whole=True)]
    assert streamed("translate", body.replace(b"summary", b"data")) == [Text("a"), LAST]


def test_a_bad_piece_harms_no_other() -> None:
    body = b'data: {"data":"a"}\n\ndata: {"data":[1]}\n\ndata: oops\n\ndata: {"data":"b"}\n\n'
    events = streamed("translate", body)
    kinds = [e.kind for e in events if isinstance(e, Garbage)]
    assert kinds == ["wrong-type", "bad-json"]
    assert [e for e in events if isinstance(e, Text)] == [Text("a"), Text("b"), LAST]


def test_an_answer_without_end_is_cut_off() -> None:
    text = service("translate")
    piece = b'data: {"data":"%s"}\n' % (b"x" * 200_000)
    for _ in range(MAX_ANSWER // 200_000):
        assert len(text.feed(piece)) == 1
    [garbage] = text.feed(piece)
    assert isinstance(garbage, Garbage)
    assert text.feed(piece) == []
    assert text.finish() == []


def test_a_long_text_may_be_answered_as_a_whole() -> None:
    body = json.dumps({"data": "x" * 50_000}).encode()
    [event] = service("translate").answer(Response(200, {}, body))
    assert event == Text("x" * 50_000, last=True)


def test_each_request_begins_anew() -> None:
    text = service("translate")
    text.feed(b'data: {"data":"a","is_finish":true}\n\ndata: {"da')
    text.request("b", True, Nonce(0, "i"))
    assert text.feed(b'data: {"data":"c"}\n') == [Text("c")]


@pytest.mark.parametrize(
    ("growing", "pieces", "new"),
    [
        (None, ["a", "b", "ab"], ["a", "b", "ab"]),
        (None, ["a", "ab", "abc"], ["a", "b", "c"]),
        (None, ["a", "a", "b"], ["a", "a", "b"]),
        (None, ["a", "", "ab", "", "ab"], ["a", "", "b", "", ""]),
        (None, ["ha", "ham", "let", "letter"], ["ha", "m", "let", "letter"]),
        (False, ["a", "ab"], ["a", "ab"]),
    ],
)
def test_growing_texts_become_increments(
    growing: bool | None, pieces: list[str], new: list[str]
) -> None:
    said = Pieces(growing)
    assert [said.new(piece, last=False) for piece in pieces] == new


@given(st.lists(st.text("abc", min_size=1), min_size=1), st.booleans())
def test_growing_texts_add_up(increments: list[str], growing: bool) -> None:
    pieces = Pieces(growing)
    so_far, said = "", ""
    for increment in increments:
        so_far += increment
        said += pieces.new(so_far if growing else increment, last=False)
    assert said == so_far
    assert pieces.new(so_far, last=True) == ""


@given(st.sampled_from(STREAMS), PLACES, st.integers(0, 2000))
def test_any_cutting_gives_the_same_pieces(
    stream: tuple[str, dict[str, Any]], places: list[int], length: int
) -> None:
    name, vector = stream
    body = vector["body"].encode()[:length]  # whole, or ended too early
    assert streamed(name, *cut(body, places)) == streamed(name, body)


@given(st.lists(st.binary() | json_values.map(lambda v: b"data: %s\n" % json.dumps(v).encode())))
def test_nothing_a_server_sends_raises(parts: list[bytes]) -> None:
    for name in ("translate", "summary"):
        streamed(name, *parts)
        service(name).answer(Response(200, {}, b"".join(parts)))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "code": json_values | st.just(0),
            "err_msg": json_values,
            "data": json_values | st.text(),
            "is_finish": json_values,
        },
    ),
    st.integers(100, 599),
)
def test_wrong_shapes_become_events(message: dict[str, Any], status: int) -> None:
    body = json.dumps(message).encode()
    events = service("translate").answer(Response(status, {}, body))
    assert events
    assert len([event for event in events if not isinstance(event, Garbage)]) <= 1
    assert streamed("translate", body)
