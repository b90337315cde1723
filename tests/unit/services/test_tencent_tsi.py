"""TongChuanSync against vectors signed by the document's sample, and against anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.tsi.v20210325.models import (  # type: ignore[import-untyped]
    TongChuanSyncRequest,
)

from agent.errors import UsageError
from agent.events import Result
from agent.services import tencent_tsi
from agent.services.shapes import Response
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
    source: str = "zh", target: str | None = "en", token: str = "", host: str = tencent_tsi.HOST
) -> TencentTsi:
    account = Account(**VECTORS["account"], token=token)
    return TencentTsi(account, source, target, VECTORS["session"], host)


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["name"])
def test_a_request(vector: dict[str, Any]) -> None:
    speaker = protocol(vector["source"], vector["target"], vector["token"], vector["host"])
    pcm = bytes(range(vector["pcm_bytes"]))
    request = speaker.request(pcm, vector["seq"], vector["last"], nonce_of(VECTORS))
    assert_request(request, vector["request"])


def test_the_fields_are_the_sdks() -> None:
    body = json.loads(protocol().request(b"\0" * 6400, 0, False, nonce_of(VECTORS)).body)
    model = TongChuanSyncRequest()
    model._deserialize(body)
    assert {name: value for name, value in model._serialize().items() if name in body} == body


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
    with pytest.raises(UsageError, match="tencent-tsi does not take the language 'de-DE'"):
        protocol("zh", "de-DE")


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


sentences = objects("SeId", "SeVer", "SourceText", "TargetText", "StartTime", "EndTime", "IsEnd")
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
    speaker = protocol()
    assert all(speaker.answer(answer)) or not speaker.answer(answer)
