"""TongChuanSync against vectors signed by the document's sample, and against anything."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.tsi.v20210325.models import (  # type: ignore[import-untyped]
    TongChuanSyncRequest,
)

from agent.config.credentials import with_demo
from agent.config.schema import Service
from agent.errors import UsageError
from agent.events import Garbage, Pair, Result, Speech
from agent.services import tencent_tsi
from agent.services.catalog import entry
from agent.services.shapes import Nonce, Response
from agent.services.tencent_tsi import Account, TencentTsi, pad
from tests.unit.services.events import json_values
from tests.unit.services.http import (
    assert_events,
    assert_request,
    bodies,
    nonce_of,
    objects,
    response,
    responses,
)
from tests.vectors import load

VECTORS = load("tencent_tsi")


def protocol(
    source: str = "zh",
    target: str | None = "en",
    token: str = "",
    host: str = tencent_tsi.HOST,
    voice: int | None = None,
) -> TencentTsi:
    account = Account(**VECTORS["account"], token=token)
    return TencentTsi(account, source, target, VECTORS["session"], host, voice)


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["name"])
def test_a_request(vector: dict[str, Any]) -> None:
    where = (vector["source"], vector["target"], vector["token"], vector["host"])
    speaker = protocol(*where, vector.get("voice"))
    pcm = bytes(range(vector["pcm_bytes"]))
    request = speaker.request(pcm, vector["seq"], vector["last"], nonce_of(VECTORS))
    assert_request(request, vector["request"])


def test_the_fields_are_the_sdks() -> None:
    speaker = protocol(voice=0)
    body = json.loads(speaker.request(b"\0" * 6400, 0, False, nonce_of(VECTORS)).body)
    model = TongChuanSyncRequest()
    model._deserialize(body)
    told = {name: value for name, value in model._serialize().items() if name in body}
    told["TTS"] = {name: value for name, value in told["TTS"].items() if value is not None}
    assert told == body


def test_a_host_is_signed_in_lower_case() -> None:
    request = protocol(host="http://Pi.Local:8765/").request(b"", 0, True, nonce_of(VECTORS))
    assert request.headers["Host"] == "pi.local:8765"


def test_the_last_chunk_is_padded_to_the_shortest_allowed() -> None:
    assert pad(b"") == bytes(6400)
    assert pad(b"\1" * 6399) == b"\1" * 6399 + b"\0"
    assert pad(b"\1" * 6402) == b"\1" * 6402


@pytest.mark.parametrize("vector", VECTORS["conversations"], ids=lambda v: v["name"])
def test_a_conversation(vector: dict[str, Any]) -> None:
    speaker = protocol()
    for answer in vector["answers"]:
        assert_events(speaker.answer(response(answer)), answer["events"])


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda v: v["name"])
def test_an_answer(vector: dict[str, Any]) -> None:
    assert_events(protocol().answer(response(vector)), vector["events"])


def item(name: str, version: int, ended: bool = False) -> dict[str, Any]:
    return {"SeId": name, "SeVer": version, "SourceText": f"{name}{version}", "IsEnd": ended}


def answer_of(*items: object) -> Response:
    return Response(200, body=json.dumps({"Response": {"List": items}}).encode())


def test_what_is_left_over_is_settled_once() -> None:
    speaker = protocol()
    speaker.answer(answer_of(item("a", 1, True), item("b", 1), item("c", 2)))
    assert speaker.leftover() == [Result(1, "b1", final=True), Result(2, "c2", final=True)]
    assert speaker.leftover() == []
    assert speaker.answer(answer_of(item("b", 2, True))) == []


def test_unknown_languages_are_refused() -> None:
    with pytest.raises(UsageError, match="tencent-tsi does not take the language 'fr'"):
        protocol("fr")
    with pytest.raises(UsageError, match=r"zh to de-DE; from zh it translates to en, ja, ko, yue$"):
        protocol("zh", "de-DE")


@pytest.mark.parametrize("source", tencent_tsi.LANGUAGES)
@pytest.mark.parametrize("target", tencent_tsi.LANGUAGES)
def test_pairs_are_refused_with_what_is_possible(source: str, target: str) -> None:
    if source == target or "zh" in (source, target):
        protocol(source, target)
        return
    said = f"tencent-tsi does not translate {source} to {target}; from {source} it translates to zh"
    with pytest.raises(UsageError, match=f"^{said}$"):
        protocol(source, target)


# --- the beginning and the voice -------------------------------------------------------------


def body_of(speaker: TencentTsi, pcm: bytes, seq: int, time: float) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(speaker.request(pcm, seq, False, Nonce(time, "")).body)
    return made


def test_every_chunk_says_when_the_speech_began() -> None:
    speaker, chunk = protocol(), bytes(12800)
    times = [(0, 1735609992.3), (0, 1735609993.0), (1, 1735609999.9)]  # the first is sent again
    assert [body_of(speaker, chunk, *each)["Utc"] for each in times] == [1735609991] * 3


def test_speech_is_asked_for_where_there_is_a_translation() -> None:
    assert "TTS" not in body_of(protocol(), b"", 0, 0.0)
    assert "TTS" not in body_of(protocol("zh", None, voice=0), b"", 0, 0.0)
    assert "TTS" not in body_of(protocol("zh", "zh", voice=0), b"", 0, 0.0)
    service = with_demo(Service(name="tencent-tsi", voice="1017"))
    make = entry("tencent-tsi").make
    assert body_of(make(service, Pair("zh", "ja"), "id", True), b"", 0, 0.0)["TTS"] == {
        "Codec": "wav",
        "VoiceType": 1017,
        "SampleRate": 16000,
    }
    assert "TTS" not in body_of(make(service, Pair("zh", "ja"), "id", False), b"", 0, 0.0)
    with pytest.raises(UsageError, match="the voice is a number"):
        make(with_demo(Service(name="tencent-tsi", voice="Anna")), Pair("zh", "ja"), "id", True)


@pytest.mark.parametrize("vector", VECTORS["audio"], ids=lambda v: v["name"])
def test_a_translation_that_is_spoken(vector: dict[str, Any]) -> None:
    speaker = protocol(voice=0)
    told = item("a", 1, True) | {"Audio": vector["audio"]}
    result, *others = speaker.answer(answer_of(told))
    assert isinstance(result, Result)
    if vector["pcm"] is not None:
        assert others == [Speech(bytes.fromhex(vector["pcm"]))]
    elif vector["garbage"]:
        [garbage] = others
        assert isinstance(garbage, Garbage)
        assert (garbage.kind, garbage.whole) == ("bad-audio", False)
    else:
        assert others == []


def test_a_sentence_is_spoken_once_and_only_if_asked_for() -> None:
    spoken = {"Audio": VECTORS["audio"][0]["audio"]}
    told = [item("a", 1, True) | spoken, item("b", 1) | spoken]
    speaker = protocol(voice=0)
    kinds = [type(event) for event in speaker.answer(answer_of(*told))]
    assert kinds == [Result, Result, Speech, Speech]
    assert speaker.answer(answer_of(*told)) == []
    assert [type(e) for e in protocol().answer(answer_of(*told))] == [Result, Result]


def test_more_than_a_minute_is_no_translation_of_a_sentence() -> None:
    told = item("a", 1, True) | {"Audio": "A" * (tencent_tsi.MAX_AUDIO + 4)}
    assert isinstance(protocol(voice=0).answer(answer_of(told))[1], Garbage)


@given(st.binary(max_size=80) | st.builds(b"RIFF____WAVE".__add__, st.binary(max_size=80)))
def test_any_sound_is_speech_or_garbage(data: bytes) -> None:
    told = item("a", 1, True) | {"Audio": base64.b64encode(data).decode()}
    for event in protocol(voice=0).answer(answer_of(told))[1:]:
        assert isinstance(event, Speech | Garbage)


def test_secrets_do_not_show() -> None:
    assert repr(Account("hunter-1", "hunter-2", "hunter-3")).count("hunter") == 0


versions = st.builds(item, st.sampled_from("abc"), st.integers(0, 4), st.booleans())


@given(st.lists(st.lists(versions, max_size=4), max_size=6))
def test_versions_only_grow_and_sentences_end_once(history: list[list[dict[str, Any]]]) -> None:
    speaker = protocol()
    seen: dict[int, list[Result]] = {}
    for items in history:
        for event in speaker.answer(answer_of(*items)):
            assert isinstance(event, Result)
            seen.setdefault(event.index, []).append(event)
    assert sorted(seen) == list(range(len(seen)))
    for results in seen.values():
        assert not any(result.final for result in results[:-1])
        shown = [(result.text, result.final) for result in results]
        assert shown == sorted(set(shown))
        assert len({text[0] for text, _ in shown}) == 1


names = ("SeId", "SeVer", "SourceText", "TargetText", "StartTime", "EndTime", "IsEnd", "Audio")
sentences = objects(*names)
errors = objects("Code", "Message") | json_values
shapes = st.fixed_dictionaries(
    {
        "Response": json_values
        | st.fixed_dictionaries(
            {}, optional={"List": json_values | st.lists(sentences), "Error": errors}
        )
    }
)


@given(
    responses(
        bodies(*(answer["body"] for answer in VECTORS["conversations"][0]["answers"]))
        | shapes.map(lambda value: json.dumps(value).encode())
    )
)
def test_nothing_a_server_sends_raises(answer: Response) -> None:
    speaker = protocol(voice=0)
    assert all(speaker.answer(answer)) or not speaker.answer(answer)
