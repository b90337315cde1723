"""Youdao without a socket: signature, fixed values, limits, codes."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.call import Call, Declined
from agent.emulator.engines import EngineFailed, Unsupported
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.engines.tones import decode_tones, silence
from agent.emulator.sound import read_sound
from agent.emulator.youdao.request import sign
from agent.emulator.youdao.speech import SpeechProvider, address
from agent.emulator.youdao.translation import TranslationProvider
from tests.unit.emulator.calls import NOW, TONES, answer, call, form_call, reply, speech, wav

SPEECH = wav(speech(1, 22))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def truncated(q: str) -> str:
    return q if len(q) <= 20 else q[0:10] + str(len(q)) + q[len(q) - 10 : len(q)]


def signed(fields: Mapping[str, str], secret: str) -> str:
    whole = fields["appKey"] + truncated(fields["q"]) + fields["salt"] + fields["curtime"] + secret
    return hashlib.sha256(whole.encode("utf-8")).hexdigest()


def ask(secret: str = "demo", sound: bytes = SPEECH, **changes: Any) -> Call:
    """A signed request; changes to None leave a field out."""
    given = {
        "q": b64(sound), "from": "zh-CHS", "to": "en", "appKey": "demo", "salt": "a-salt",
        "signType": "v3", "curtime": str(int(NOW)), "format": "wav", "rate": "16000",
        "channel": "1", "type": "1", **changes,
    }  # fmt: skip
    fields = {name: value for name, value in given.items() if value is not None}
    return form_call({"sign": signed(defaultdict(str, fields), secret), **fields})


def spoken(source: str, target: str) -> dict[str, Any]:
    """The languages of a request: one name is a word of Python's own."""
    return {"from": source, "to": target}


def code(request: Call, provider: TranslationProvider | None = None) -> str:
    refused = answer(provider or TranslationProvider(TONES), request)
    assert set(refused) == {"errorCode"}
    return str(refused["errorCode"])


def test_an_answer_has_the_documents_shape() -> None:
    result = answer(TranslationProvider(TONES), ask())
    assert set(result) == {
        "errorCode", "query", "translation", "tSpeakUrl", "speakUrl", "dict", "webdict",
    }  # fmt: skip
    assert result["errorCode"] == "0"
    assert result["query"] == "w1 w22"
    assert result["translation"] == ["[en] w1 w22"]
    assert result["dict"] == {"url": "yddict://m.youdao.com/dict?le=eng&q=w1%20w22"}
    assert result["webdict"] == {"url": "http://m.youdao.com/dict?le=eng&q=w1%20w22"}


def test_the_same_language_is_recognition_only() -> None:
    same = ask(**spoken("en", "en"))
    assert answer(TranslationProvider(TONES), same) == {"errorCode": "0", "query": "w1 w22"}


def test_the_language_may_be_found_out() -> None:
    class English(ScriptedEngine):
        def require(self, source: str, target: str | None) -> None:
            if source != "en":
                raise Unsupported("English only")

    found = answer(TranslationProvider(English(TONES.script)), ask(**spoken("auto", "es")))
    assert found["translation"] == ["[es] w1 w22"]
    assert code(ask(), TranslationProvider(English())) == "3005"


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_the_signature_is_as_a_second_computation_has_it(q: str) -> None:
    fields = {"q": q, "appKey": "a", "salt": "s", "curtime": "1"}
    assert sign(fields, "secret") == signed(fields, "secret")


def test_the_signature_by_hand() -> None:
    q = "0123456789abcdefghijk"
    whole = b"demo" + b"0123456789" + b"21" + b"bcdefghijk" + b"salt" + b"1763600000" + b"demo"
    fields = {"q": q, "appKey": "demo", "salt": "salt", "curtime": "1763600000"}
    assert sign(fields, "demo") == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        *[({name: None}, "101") for name in (
            "q", "from", "to", "appKey", "salt", "signType", "curtime", "format", "rate",
            "channel", "type",
        )],
        ({"q": ""}, "113"),
        ({"salt": ""}, "101"),
        ({"appKey": "other"}, "108"),
        ({"signType": "v1"}, "105"),
        ({"secret": "other"}, "202"),
        ({"curtime": str(int(NOW) - 301)}, "206"),
        ({"curtime": str(int(NOW) + 302)}, "206"),
        ({"curtime": "now"}, "206"),
        ({"format": "WAV"}, "3001"),
        ({"rate": "high"}, "3002"),
        ({"rate": "8000"}, "3002"),
        ({"channel": "2"}, "3003"),
        ({"type": "2"}, "3004"),
        ({"from": "zh"}, "102"),
        ({"to": "auto"}, "102"),
        ({"from": "id", "to": "en"}, "3005"),
        ({"from": "en", "to": "id"}, "3005"),
        ({"ext": "wav"}, "3009"),
        ({"voice": "2"}, "3010"),
        ({"version": "v2"}, "104"),
        ({"docType": "xml"}, "106"),
        ({"q": "not base64!"}, "3201"),
        ({"q": "é"}, "3201"),
        ({"q": b64(b"garbage" * 99)}, "3009"),
        ({"format": "mp3"}, "3009"),
        ({"q": "A" * (2 * 1024 * 1024 + 4)}, "3007"),
        ({"sound": wav(speech(1), channels=2)}, "3003"),
        ({"sound": wav(speech(1), width=1)}, "3001"),
        ({"sound": wav(silence(16_000, 15_010))}, "3008"),
        ({"sound": wav(silence(16_000, 1_000))}, "3301"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_wrong_requests(changes: dict[str, Any], expected: str) -> None:
    assert code(ask(**changes)) == expected


def test_a_request_without_a_signature() -> None:
    body = ask().body.split(b"&", 1)[1]
    assert code(replace(ask(), body=body)) == "101"


def test_limits_are_inclusive() -> None:
    long = wav(speech(1) + silence(16_000, 15_000 - 440))
    assert len(b64(long)) < 2 * 1024 * 1024
    assert answer(TranslationProvider(TONES), ask(sound=long))["query"] == "w1"


def test_optional_fields_with_their_documented_values() -> None:
    request = ask(ext="mp3", voice="1", version="v1", docType="json")
    assert answer(TranslationProvider(TONES), request)["errorCode"] == "0"


def test_a_salt_serves_once() -> None:
    provider = TranslationProvider(TONES)
    assert code(ask(secret="other"), provider) == "202"
    assert answer(provider, ask())["errorCode"] == "0"
    assert code(ask(), provider) == "207"
    assert answer(provider, ask(salt="another"))["errorCode"] == "0"


def test_3000_requests_an_hour() -> None:
    provider = TranslationProvider(TONES)
    for _ in range(3_000):
        assert provider._rate.take(1e6)
    assert code(ask(), provider) == "3411"


def test_a_failing_translation() -> None:
    class Broken(ScriptedEngine):
        def translate(self, text: str, source: str, target: str) -> str:
            raise EngineFailed("out of words")

    assert code(ask(), TranslationProvider(Broken(TONES.script))) == "3302"


def test_only_a_urlencoded_form_is_read() -> None:
    assert code(call(b"{}", {"content-type": "application/json"})) == "101"
    assert code(replace(ask(), body=b"q=%ff")) == "201"


def test_the_journal_has_no_secrets() -> None:
    request = ask(appKey="my-own-key")
    assert code(request) == "108"
    assert request.page.fields["appKey"] == "***"
    assert "sign" not in request.page.fields
    assert str(request.page.fields["q"]).endswith("characters>")


# The addresses of speech


def hear(url: str) -> Call:
    parts = urlsplit(url)
    return call(path=parts.path, method="GET", query=dict(parse_qsl(parts.query)))


@pytest.mark.parametrize("key", ["tSpeakUrl", "speakUrl"])
def test_an_address_is_heard(key: str) -> None:
    url = str(answer(TranslationProvider(TONES), ask())[key])
    assert url.startswith("http://127.0.0.1/ttsapi?q=")
    sound = reply(SpeechProvider(TONES), hear(url))
    assert sound.content_type == "audio/mpeg"
    decoded = read_sound(sound.body)
    assert decoded.kind == "mp3"
    assert decode_tones(decoded.mono, 16_000)[-2:] == [1, 22]


def test_without_ffmpeg_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Declined, match="ffmpeg is not installed"):
        SpeechProvider(TONES).answer(hear(address("http://x", "w5", "en", "1")))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"q": "w6"}, "202"),
        ({"langType": "zh-CHS"}, "202"),
        ({"salt": "2"}, "202"),
        ({"appKey": "other"}, "108"),
    ],
)
def test_an_address_that_was_changed(change: dict[str, str], expected: str) -> None:
    request = hear(address("http://x", "w5", "en", "1"))
    changed = replace(request, query={**request.query, **change})
    assert answer(SpeechProvider(TONES), changed) == {"errorCode": expected}
    assert answer(SpeechProvider(TONES), replace(request, query={})) == {"errorCode": "101"}


def test_texts_of_any_script_can_be_in_an_address() -> None:
    url = address("http://x", "北京 & 100%?", "zh-CHS", "1")
    assert url.isascii()
    assert dict(parse_qsl(urlsplit(url).query))["q"] == "北京 & 100%?"
    assert reply(SpeechProvider(TONES), hear(url)).content_type.startswith("audio/")
