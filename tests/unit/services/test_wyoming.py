"""Wyoming against its README, against its own package, and against anything at all."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import wyoming.asr
import wyoming.audio
import wyoming.event
import wyoming.info
import wyoming.tts
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Failure, Garbage, Result
from agent.services import wyoming as ours
from agent.services.wyoming import DESCRIBE, LISTENING, Decoder, Event, Listening, note, offer
from tests.unit.services.events import assert_is, json_values
from tests.vectors import load

VECTORS = load("wyoming")


def named(key: str) -> Any:
    return pytest.mark.parametrize("vector", VECTORS[key], ids=lambda vector: vector["name"])


def made(vector: dict[str, Any]) -> Event:
    if "event" in vector:
        return Event(**vector["event"])
    name, *arguments = vector["make"]
    event = getattr(ours, name)(*arguments)
    assert isinstance(event, Event)
    return event


def assert_event(event: Event | Garbage, expected: dict[str, Any]) -> None:
    if "garbage" in expected:
        assert isinstance(event, Garbage)
        assert (event.kind, event.whole) == (expected["garbage"], expected["whole"])
    else:
        assert isinstance(event, Event)
        payload = expected.get("payload", "").encode()
        assert (event.type, event.data, event.payload) == (
            expected["type"],
            expected["data"],
            payload,
        )


# --- the wire --------------------------------------------------------------------------------


@named("sent")
def test_what_is_sent_is_as_the_readme_has_it(vector: dict[str, Any]) -> None:
    assert made(vector).encode() == vector["wire"].encode()


@named("sent")
def test_the_package_reads_what_is_sent(vector: dict[str, Any]) -> None:
    event = made(vector)
    theirs = wyoming.event.read_event(io.BytesIO(event.encode()))
    assert theirs is not None
    assert (theirs.type, theirs.data) == (event.type, event.data)


@named("received")
def test_what_is_received_is_read(vector: dict[str, Any]) -> None:
    events = Decoder().feed(vector["wire"].encode())
    assert len(events) == len(vector["events"])
    for event, expected in zip(events, vector["events"], strict=True):
        assert_event(event, expected)


@named("received")
def test_where_it_is_cut_makes_no_difference(vector: dict[str, Any]) -> None:
    data, decoder = vector["wire"].encode(), Decoder()
    piecemeal = [event for n in range(len(data)) for event in decoder.feed(data[n : n + 1])]
    assert piecemeal == Decoder().feed(data)


@pytest.mark.parametrize(
    "theirs",
    [
        wyoming.asr.Transcript(text=" Hallo, wörld", language="de").event(),
        wyoming.asr.TranscriptChunk(text="x").event(),
        wyoming.audio.AudioChunk(rate=22050, width=2, channels=1, audio=b"\n{}\0").event(),
        wyoming.audio.AudioStop().event(),
    ],
    ids=lambda event: event.type,
)
def test_what_the_package_writes_is_read(theirs: wyoming.event.Event) -> None:
    wire = io.BytesIO()
    wyoming.event.write_event(theirs, wire)
    (event,) = Decoder().feed(wire.getvalue())
    assert isinstance(event, Event)
    assert (event.type, event.data, event.payload) == (
        theirs.type,
        theirs.data,
        theirs.payload or b"",
    )


def test_a_chunk_is_the_packages() -> None:
    theirs = wyoming.event.read_event(io.BytesIO(ours.audio_chunk(16000, b"\1\2").encode()))
    assert theirs is not None
    chunk = wyoming.audio.AudioChunk.from_event(theirs)
    assert (chunk.rate, chunk.width, chunk.channels, chunk.audio) == (16000, 2, 1, b"\1\2")


def test_an_endless_line_ends_what_is_read() -> None:
    decoder, events = Decoder(), []
    for _ in range(100):
        events += decoder.feed(b"x" * 8192)
    assert [event.kind for event in events if isinstance(event, Garbage)] == ["huge-line"]
    assert decoder.broken
    assert decoder.feed(DESCRIBE.encode()) == []


def test_what_is_held_back_is_bounded() -> None:
    decoder = Decoder()
    decoder.feed(json.dumps({"type": "x", "payload_length": ours.MAX_PAYLOAD}).encode() + b"\n")
    for _ in range(ours.MAX_PAYLOAD // 65536 - 1):
        assert decoder.feed(bytes(65536)) == []
    (event,) = decoder.feed(bytes(65536))
    assert isinstance(event, Event)
    assert len(event.payload) == ours.MAX_PAYLOAD


anything = st.binary() | json_values.map(lambda value: json.dumps(value).encode() + b"\n")
heads = st.fixed_dictionaries(
    {},
    optional={
        "type": json_values,
        "data": json_values,
        "data_length": st.integers(-2, 40) | json_values,
        "payload_length": st.integers(-2, 40) | json_values,
    },
).map(lambda head: json.dumps(head).encode() + b"\n")


@given(st.lists(anything | heads, max_size=8), st.integers(1, 50))
def test_anything_is_survived(pieces: list[bytes], step: int) -> None:
    data, decoder = b"".join(pieces), Decoder()
    events = [
        event for at in range(0, len(data), step) for event in decoder.feed(data[at : at + step])
    ]
    assert all(isinstance(event, Event | Garbage) for event in events)
    assert events == Decoder().feed(data)
    assert sum(isinstance(event, Garbage) and event.whole for event in events) == decoder.broken


texts = st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace").decode())


@given(
    st.text("abc-", min_size=1, max_size=9),
    st.dictionaries(texts, st.none() | st.booleans() | st.integers(-9, 9) | texts, max_size=4),
    st.binary(max_size=50),
)
def test_there_and_back(kind: str, data: dict[str, Any], payload: bytes) -> None:
    event = Event(kind, data, payload)
    assert Decoder().feed(event.encode()) == [event]


# --- what is heard ---------------------------------------------------------------------------


@named("heard")
def test_events_become_results(vector: dict[str, Any]) -> None:
    listening = Listening("wyoming://nas:10300", "en")
    events = [
        event
        for each in vector["events"]
        for event in listening.receive(note(Event(**each), 3, 400, 2000))
    ]
    assert len(events) == len(vector["results"])
    for event, expected in zip(events, vector["results"], strict=True):
        assert_is(event, expected)


def test_utterances_do_not_mix() -> None:
    listening = Listening("wyoming://nas:10300", "en")
    for number in (0, 1):
        listening.receive(note(Event("transcript-chunk", {"text": f"u{number}"}), number, 0, 9))
    (event,) = listening.receive(note(Event("transcript-chunk", {"text": "!"}), 0, 0, 9))
    assert isinstance(event, Result)
    assert event.text == "u0!"


def test_nothing_is_said_to_the_ears_of_speech() -> None:
    listening = Listening("wyoming://nas:10300", None)
    assert listening.ready
    assert listening.switch_tts(False) == ""
    assert listening.ping("1") is None
    assert listening.begin() == ['{"type": "transcribe"}\n']
    assert listening.endpoint(0.0).url == "wyoming://nas:10300"


@given(st.text() | json_values.map(json.dumps))
def test_any_message_is_survived(message: str) -> None:
    for event in Listening("wyoming://nas:10300", "en").receive(message):
        assert isinstance(event, Result | Failure | Garbage)


@given(json_values, json_values)
def test_any_data_is_survived(text: Any, other: Any) -> None:
    listening = Listening("wyoming://nas:10300", "en")
    for kind in ("transcript", "transcript-chunk", "error", LISTENING.type):
        events = listening.receive(note(Event(kind, {"text": text, "language": other}), 0, 0, 40))
        assert all(isinstance(event, Result | Failure | Garbage) for event in events)


# --- what there is ---------------------------------------------------------------------------


def test_an_offer_is_read_from_the_packages_own_info() -> None:
    by = wyoming.info.Attribution(name="a", url="u")
    about: dict[str, Any] = {"attribution": by, "description": None, "version": None}
    models = [
        wyoming.info.AsrModel(name=name, installed=there, languages=["en", "de"], **about)
        for name, there in (("tiny", True), ("large", False))
    ]
    voice = wyoming.info.TtsVoice(name="en_US-x", installed=True, languages=["en_US"], **about)
    info = wyoming.info.Info(
        asr=[wyoming.info.AsrProgram(name="w", installed=True, models=models, **about)],
        tts=[wyoming.info.TtsProgram(name="p", installed=True, voices=[voice], **about)],
    )
    wire = io.BytesIO()
    wyoming.event.write_event(info.event(), wire)
    (event,) = Decoder().feed(wire.getvalue())
    assert isinstance(event, Event)
    assert offer(event, "asr") == ours.Offer(("tiny",), ("en", "de"), False)
    assert offer(event, "tts") == ours.Offer(("en_US-x",), ("en_US",), False)
    assert offer(Event("info"), "asr") is None


@given(json_values)
def test_any_info_is_survived(value: Any) -> None:
    found = offer(Event("info", {"asr": value}), "asr")
    assert found is None or isinstance(found, ours.Offer)
