"""OpenAI-compatible servers against the reference, against OpenAI's own types, and anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Model
from openai.types.audio import TranscriptionVerbose
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from agent.events import Failure, Garbage, Text
from agent.services import openai as ours
from agent.services.openai import Options, Server, Transcription
from agent.services.openai_chat import MAX_ANSWER, Chat, Thought
from agent.services.shapes import Clip, Response
from tests.unit.services.events import json_values
from tests.unit.services.http import (
    assert_events,
    assert_request,
    assert_sound,
    bodies,
    nonce_of,
    objects,
    response,
    responses,
)
from tests.unit.services.test_multipart import read_back
from tests.vectors import load

VECTORS = load("openai")
NONCE = nonce_of(VECTORS)


def named(key: str) -> Any:
    return pytest.mark.parametrize("vector", VECTORS[key], ids=lambda vector: vector["name"])


def chat(prompt: str = "From {source} to {target}.", temperature: float | None = 0.1) -> Chat:
    return Chat(Server("http://nas:11434/v1", "qwen3"), prompt, temperature, "en", "es")


# --- speech to text --------------------------------------------------------------------------


@named("uploads")
def test_an_upload_is_as_the_reference_has_it(vector: dict[str, Any]) -> None:
    english = vector.get("english", False)
    upload = Transcription(
        Server(**vector["server"]), Options(**vector["options"]), english=english
    )
    data = VECTORS["sound"].encode("latin-1")
    request, expected = upload.request(Clip(data, "wav"), NONCE), vector["request"]
    assert (request.method, request.url) == (expected["method"], expected["url"])
    assert request.headers == expected["headers"]
    *fields, file = read_back(request.body, expected["headers"]["Content-Type"])
    assert [[name, value.decode()] for name, _, _, value in fields] == expected["fields"]
    assert file == ("file", "audio.wav", "audio/wav", data)


@named("transcripts")
def test_transcripts_are_read(vector: dict[str, Any]) -> None:
    events = Transcription(Server("http://nas/v1"), Options()).answer(response(vector))
    assert_events(events, vector["events"])


def test_a_translation_gives_no_source_text() -> None:
    upload = Transcription(Server("http://nas/v1"), Options(), english=True)
    (result,) = upload.answer(Response(200, body=b'{"text": "hello"}'))
    assert (result.text, result.translation) == ("", "hello")  # type: ignore[union-attr]


def test_the_vectors_are_what_openais_own_types_take() -> None:
    body = SAMPLE | {"segments": SAMPLE["segments"][:1]}  # the second has only what is needed
    assert TranscriptionVerbose.model_validate(body).words
    assert ChatCompletion.model_construct(**VECTORS["answers"][0]["body"]).choices
    chunk = VECTORS["streams"][0]["text"].split("\n\n")[1].removeprefix("data: ")
    assert ChatCompletionChunk.model_construct(**json.loads(chunk)).choices
    assert Model.model_construct(**VECTORS["models"]["body"]["data"][0]).id == "a"


SAMPLE = next(v["body"] for v in VECTORS["transcripts"] if v["name"].endswith("words"))


@given(
    responses(
        bodies(SAMPLE)
        | objects("text", "segments", "words", "error").map(json.dumps).map(str.encode)
    )
)
def test_any_answer_to_an_upload_is_survived(answer: Response) -> None:
    assert_sound(Transcription(Server("http://nas/v1"), Options()).answer(answer))


# --- chat ------------------------------------------------------------------------------------


@named("chats")
def test_a_chat_is_asked_as_the_reference_has_it(vector: dict[str, Any]) -> None:
    request = chat().request("hello", vector["stream"], NONCE)
    assert request.url == "http://nas:11434/v1/chat/completions"
    assert request.headers == {"Content-Type": "application/json"}
    assert request.body.decode() == vector["body"]


def test_what_is_not_configured_is_not_sent() -> None:
    request = Chat(Server("http://nas/v1"), "p", None).request("x", False, NONCE)
    assert set(json.loads(request.body)) == {"messages", "stream"}


def test_a_prompt_names_the_languages() -> None:
    made = Chat(Server("u"), "{source}>{target} {other}", None, "pt-BR", "xx")
    (system, _) = json.loads(made.request("x", False, NONCE).body)["messages"]
    assert system["content"] == "Portuguese (pt-BR)>xx {other}"


@named("answers")
def test_answers_are_read(vector: dict[str, Any]) -> None:
    assert_events(chat().answer(response(vector)), vector["events"])


@named("streams")
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_streams_are_read(vector: dict[str, Any], step: int) -> None:
    made, data = chat(), vector["text"].encode()
    made.request("x", True, NONCE)
    events = [e for at in range(0, len(data), step) for e in made.feed(data[at : at + step])]
    events += made.finish()
    said = "".join(event.text for event in events if isinstance(event, Text))
    assert said == vector["said"]
    failures = [event.code for event in events if isinstance(event, Failure)]
    assert failures == ([vector["failure"]] if "failure" in vector else [])
    whole = [event.kind for event in events if isinstance(event, Garbage) and event.whole]
    assert whole == ([vector["garbage"]] if "garbage" in vector else [])
    good = "failure" not in vector and "garbage" not in vector
    assert sum(isinstance(event, Text) and event.last for event in events) == good


def test_a_model_that_runs_away_is_stopped() -> None:
    made = chat()
    piece = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"x" * 10_000)
    events = [event for _ in range(20) for event in made.feed(piece)]
    assert sum(len(event.text) for event in events if isinstance(event, Text)) <= MAX_ANSWER
    assert isinstance(events[-1], Garbage)
    assert events[-1].whole
    assert made.finish() == []


@given(st.lists(bodies(VECTORS["answers"][0]["body"]), max_size=4), st.integers(1, 40))
def test_any_stream_is_survived(pieces: list[bytes], step: int) -> None:
    data, made = b"\n\n".join(pieces), chat()
    for at in range(0, len(data), step):
        made.feed(data[at : at + step])
    assert all(isinstance(event, Text | Failure | Garbage) for event in made.finish())


@given(
    responses(bodies(VECTORS["answers"][0]["body"]) | json_values.map(json.dumps).map(str.encode))
)
def test_any_answer_of_a_chat_is_survived(answer: Response) -> None:
    assert all(isinstance(e, Text | Failure | Garbage) for e in chat().answer(answer))


@given(st.lists(st.sampled_from(["<think>", "</think>", "<th", "ink>", "a", " b ", "</"])))
def test_where_a_thought_is_cut_makes_no_difference(pieces: list[str]) -> None:
    whole, piecemeal = Thought(), Thought()
    text = "".join(pieces)
    said = whole.without(text) + whole.rest()
    told = "".join(piecemeal.without(piece) for piece in pieces) + piecemeal.rest()
    assert told == said


# --- speech and models -----------------------------------------------------------------------


def test_speech_is_asked_for_as_the_reference_has_it() -> None:
    request = ours.speech(Server("http://nas:8000/v1", "tts-1"), "Hola", None)
    assert_request(request, VECTORS["speech"]["request"])


@pytest.mark.parametrize(
    ("status", "kind", "body", "expected"),
    [
        (200, "audio/wav", b"RIFF", b"RIFF"),
        (200, "application/octet-stream", b"\1\2", b"\1\2"),
        (200, "application/json", b"{}", "no-sound"),
        (200, "audio/pcm", b"", "no-sound"),
        (500, "application/json", b'{"error": {"message": "m", "code": "c"}}', "c"),
        (404, "text/html", b"<html>", "http-404"),
    ],
)
def test_what_comes_for_speech(status: int, kind: str, body: bytes, expected: bytes | str) -> None:
    got = ours.spoken(Response(status, {"content-type": kind}, body))
    if isinstance(got, bytes):
        assert got == expected
    else:
        assert (got.code if isinstance(got, Failure) else got.kind) == expected


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        ("audio/pcm", 24000),
        ("audio/pcm;rate=16000", 16000),
        ("audio/l16; rate=22050; channels=1", 22050),
        ("audio/pcm;rate=1", 24000),
        ("audio/pcm;rate=999999999", 24000),
    ],
)
def test_the_rate_of_pcm(kind: str, rate: int) -> None:
    assert ours.pcm_rate(Response(200, {"content-type": kind}, b"")) == rate


def test_models_are_listed() -> None:
    request = ours.list_models(Server("http://nas/v1", None, "k"))
    assert (request.method, request.url) == ("GET", "http://nas/v1/models")
    assert request.headers == {"Authorization": "Bearer k"}
    listed = ours.models(response(VECTORS["models"]))
    assert listed == VECTORS["models"]["names"]


@given(
    responses(bodies(VECTORS["models"]["body"]) | objects("data").map(json.dumps).map(str.encode))
)
def test_any_list_of_models_is_survived(answer: Response) -> None:
    assert isinstance(ours.models(answer), list | Failure | Garbage)


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Server("http://nas/v1", "m", "secret"))
