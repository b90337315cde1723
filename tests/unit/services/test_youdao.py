"""Youdao against the document's samples and tables, and against anything at all."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.events import Failure, SpeechAt
from agent.services import youdao
from agent.services.shapes import Clip, Nonce, Response
from agent.services.youdao import Account, Youdao
from agent.services.youdao_codes import MESSAGES, RETRYABLE
from tests.unit.services.events import json_values
from tests.unit.services.http import (
    assert_events,
    assert_request,
    assert_sound,
    bodies,
    nonce_of,
    response,
    responses,
)
from tests.vectors import load

VECTORS = load("youdao")
ACCOUNT = Account(**VECTORS["account"])

# "错误代码列表" without the codes of pictures (1xxx, 5xxx, 10xxx, 12xxx to 17xxx) and 109,
# 114, 402, which are about batch logs, pictures and an offline SDK.
_FAMILIES = {
    0: (
        "101 102 103 104 105 106 107 108 110 111 112 113 201 202 203 205 206 207 301 302 303 "
        "304 401 411 412"
    ),
    2: "003 004 005 006 201 301 411 412",
    3: "001 002 003 004 005 006 007 008 009 010 201 301 302 303 411 412",
    4: "001 002 003 004 005 006 007 201 301 303 411 412",
    9: "001 002 003 004 005 301 303 411 412",
    11: "001 002 003 004 005 006 007 201 301 303 411 412",
}
DOCUMENTED = [
    str(family * 1000 + int(code)) for family, codes in _FAMILIES.items() for code in codes.split()
]


def protocol(source: str = "zh", target: str | None = "en") -> Youdao:
    return Youdao(ACCOUNT, source, target)


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["name"])
def test_a_request(vector: dict[str, Any]) -> None:
    clip = Clip(vector["sound"].encode("latin-1"), vector["format"], rate=vector["rate"])
    service = Youdao(ACCOUNT, vector["source"], vector["target"], vector["voice"], vector["host"])
    assert_request(service.request(clip, nonce_of(VECTORS)), vector["request"])


@given(st.binary(min_size=1, max_size=99), st.uuids(), st.floats(0, 4e9))
def test_the_server_can_check_the_sign(sound: bytes, id: object, now: float) -> None:
    request = protocol().request(Clip(sound, "wav"), Nonce(now, str(id)))
    fields = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    q = fields["q"]
    shortened = q if len(q) <= 20 else q[:10] + str(len(q)) + q[-10:]
    text = fields["appKey"] + shortened + fields["salt"] + fields["curtime"] + "s3cret"
    assert fields["sign"] == hashlib.sha256(text.encode()).hexdigest()
    assert fields["curtime"] == str(int(now))
    assert fields["salt"] == str(id)


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda v: v["name"])
def test_an_answer(vector: dict[str, Any]) -> None:
    service = protocol(vector["source"], vector["target"])
    assert_events(service.answer(response(vector)), vector["events"])


def test_every_code_of_the_document_is_told_in_words() -> None:
    assert sorted(MESSAGES) == sorted(DOCUMENTED)
    assert set(DOCUMENTED) >= RETRYABLE
    assert not any(re.search(r"[^ -~]", words) for words in MESSAGES.values())


@pytest.mark.parametrize("code", DOCUMENTED)
def test_limits_of_rate_and_faults_are_retryable(code: str) -> None:
    passing = "time stamp|try later|service failed|synthesis failed|repeated|idle"
    passing += "|translat(ion failed|ed$)"
    assert (code in RETRYABLE) == bool(re.search(passing, MESSAGES[code]))


@pytest.mark.parametrize(
    ("source", "target", "sent"),
    [
        ("zh", "en-US", ("zh-CHS", "en")),
        ("zh-CHS", "zh-TW", ("zh-CHS", "zh-TWN")),
        ("zh-HK", "pt-BR", ("yue", "pt-BRA")),
        ("id", "zh", ("id", "zh-CHS")),
        ("id", None, ("id", "id")),
        ("nb-NO", "fr-CA", ("no", "fr-CAN")),
        ("ko-KR", "ko", ("ko", "ko")),
    ],
)
def test_languages(source: str, target: str | None, sent: tuple[str, str]) -> None:
    request = protocol(source, target).request(Clip(b"x", "wav"), nonce_of(VECTORS))
    fields = parse_qs(request.body.decode())
    assert (fields["from"], fields["to"]) == ([sent[0]], [sent[1]])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("vi", "zh"), "youdao does not take the language 'vi'"),
        (("id", "en"), "youdao does not translate id to en; only Chinese goes"),
        (("en", "id"), "youdao does not translate en to id; only Chinese goes"),
        (("zh", "en", "2"), "youdao has no voice '2'"),
    ],
)
def test_what_the_document_excludes_is_refused(args: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Youdao(ACCOUNT, *args)


def test_aliases_mean_listed_codes() -> None:
    assert set(youdao.ALIASES.values()) <= set(youdao.LANGUAGES)


def test_secrets_do_not_show() -> None:
    assert "hunter" not in repr(Account("1000001", "hunter"))


fields = dict.fromkeys(("query", "result", "tSpeakUrl"), json_values)
shapes = st.fixed_dictionaries(
    {"errorCode": json_values | st.just("0")},
    optional={
        **fields,
        "translation": json_values | st.lists(st.text()),
        "tSpeakUrl": json_values | st.text().map("https://".__add__),
    },
).map(lambda value: json.dumps(value).encode())
samples = [v["body"] for v in VECTORS["answers"] if "body" in v]


@given(responses(bodies(*samples) | shapes))
def test_nothing_a_server_sends_raises(answer: Response) -> None:
    events = protocol().answer(answer)
    assert_sound(events)
    for event in events:
        if isinstance(event, SpeechAt):
            assert re.fullmatch(r"https?://[!-~]+", event.url)


@pytest.mark.parametrize(
    ("code", "about"),
    [
        *(("206", "clock"), ("411", "limit"), ("3411", "limit"), ("11411", "limit")),
        *(
            ("3008", "recording"),
            ("3007", "recording"),
            ("9001", "recording"),
            ("113", "recording"),
        ),
        *(("108", ""), ("401", ""), ("202", ""), ("303", ""), ("3303", "")),
    ],
)
def test_what_a_code_blames(code: str, about: str) -> None:
    [refused] = protocol().answer(Response(200, body=json.dumps({"errorCode": code}).encode()))
    assert isinstance(refused, Failure)
    assert refused.about == about
    assert code in MESSAGES
