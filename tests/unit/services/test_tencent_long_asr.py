"""Jobs of the AI open platform against the document's samples, and against anything."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.events import Failure
from agent.services.shapes import Clip, Nonce, Request, Response
from agent.services.tencent_long_asr import Account, TencentLongAsr
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

VECTORS = load("tencent_long_asr")
CALLBACK = VECTORS["callback_url"]


def protocol() -> TencentLongAsr:
    return TencentLongAsr(Account(**VECTORS["account"]))


def submission(vector: dict[str, Any], nonce: Nonce) -> Request:
    if "url" in vector:
        return protocol().submit_url(vector["url"], vector["format"], nonce, CALLBACK)
    clip = Clip(vector["sound"].encode("latin-1"), vector["format"])
    return protocol().submit(clip, nonce, CALLBACK)


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["name"])
def test_a_request(vector: dict[str, Any]) -> None:
    assert_request(submission(vector, nonce_of(VECTORS)), vector["request"])


@given(st.binary(max_size=99), st.uuids(), st.floats(0, 4e9))
def test_the_server_can_check_the_sign(sound: bytes, id: object, now: float) -> None:
    """As a server would: read the form, sort it, encode it anew."""
    request = protocol().submit(Clip(b"x" + sound, "pcm"), Nonce(now, str(id)), CALLBACK)
    fields = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    sign = fields.pop("sign")
    pairs = [f"{k}={quote_plus(v).replace('~', '%7E')}" for k, v in sorted(fields.items())]
    text = "&".join([*pairs, f"app_key={VECTORS['account']['app_key']}"])
    assert sign == hashlib.md5(text.encode()).hexdigest().upper()
    assert len(fields["nonce_str"]) == 32
    assert fields["time_stamp"] == str(int(now))


def test_a_nonce_is_cut_to_what_the_service_takes() -> None:
    request = protocol().submit_url("http://h/a.wav", "wav", Nonce(0, "0123456789" * 4), CALLBACK)
    [nonce] = parse_qs(request.body.decode())["nonce_str"]
    assert nonce == "01234567890123456789012345678901"


def test_service_url_replaces_scheme_host_and_port() -> None:
    jobs = TencentLongAsr(Account(**VECTORS["account"]), "zh", "http://127.0.0.1:8765")
    request = jobs.submit_url("http://h/a.wav", "wav", nonce_of(VECTORS), CALLBACK)
    assert request.url == "http://127.0.0.1:8765/fcgi-bin/aai/aai_wxasrlong"


@pytest.mark.parametrize("vector", VECTORS["submitted"], ids=lambda v: v["name"])
def test_submitted(vector: dict[str, Any]) -> None:
    answer = protocol().submitted(response(vector))
    if "task" in vector:
        assert answer == vector["task"]
    else:
        assert not isinstance(answer, str)
        assert_events(answer, vector["events"])


@pytest.mark.parametrize("vector", VECTORS["delivered"], ids=lambda v: v["name"])
def test_delivered(vector: dict[str, Any]) -> None:
    task, events = protocol().delivered(json.dumps(vector["body"]).encode())
    assert task == vector["task"]
    assert_events(events, vector["events"])


def test_a_receipt() -> None:
    assert json.loads(protocol().receipt(True)) == VECTORS["receipts"]["ok"]
    assert json.loads(protocol().receipt(False))["ret"] != 0


def test_what_the_service_cannot_do_is_refused() -> None:
    with pytest.raises(UsageError, match="takes pcm, wav, amr, silk, not 'mp3'"):
        protocol().submit(Clip(b"", "mp3"), nonce_of(VECTORS), CALLBACK)
    with pytest.raises(UsageError, match="does not take the language 'en'"):
        TencentLongAsr(Account(**VECTORS["account"]), "en")
    assert TencentLongAsr(Account(**VECTORS["account"]), "zh-CN")


def test_secrets_do_not_show() -> None:
    assert "hunter" not in repr(Account("1000001", "hunter"))


shapes = st.fixed_dictionaries(
    {},
    optional={
        "ret": json_values | st.just(0),
        "msg": json_values,
        "data": json_values | objects("task_id", "text"),
    },
).map(lambda value: json.dumps(value).encode())
content = bodies(*(vector["body"] for vector in VECTORS["delivered"])) | shapes


@given(responses(content))
def test_nothing_a_server_sends_raises(answer: Response) -> None:
    assert protocol().submitted(answer) != ""
    task, events = protocol().delivered(answer.body)
    assert isinstance(task, str)
    assert all(events)


@pytest.mark.parametrize(
    ("words", "about", "retryable"),
    [
        ("time_stamp is more than 300 s off", "clock", True),
        ("invalid timestamp", "clock", True),
        ("more than 1 requests per second", "limit", True),
        ("request too frequently", "limit", True),
        ("speech is 16.0 min, at most 15", "recording", True),
        ("sign is not right", "", False),
        ("system busy", "", True),
    ],
)
def test_what_its_wording_blames(words: str, about: str, retryable: bool) -> None:
    answer = Response(200, body=json.dumps({"ret": 7, "msg": words}).encode())
    refused = next(iter(protocol().submitted(answer)))
    assert isinstance(refused, Failure)
    assert (refused.about, refused.retryable) == (about, retryable)
