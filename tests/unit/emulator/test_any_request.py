"""Whatever comes, every provider over HTTP answers or refuses in its own shape."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.emulator.call import FORM, Call, HttpProvider
from agent.emulator.maas.fast import FastAsr
from agent.emulator.maas.realtime import Recognition, SpeechTranslation
from agent.emulator.maas.whisper import Whisper
from agent.emulator.stream import Rules
from agent.emulator.tencent.long_asr import LongAsrProvider, sign
from agent.emulator.tencent.tsi import TsiProvider
from agent.emulator.twetalk.text import TextProvider
from agent.emulator.youdao.request import sign as youdao_sign
from agent.emulator.youdao.speech import SpeechProvider
from agent.emulator.youdao.translation import TranslationProvider
from tests.unit.emulator import tc3
from tests.unit.emulator.calls import NOW, TONES, call, form_call, multipart, reply, speech, wav
from tests.unit.emulator.v2 import json_values

RULES = Rules()
PROVIDERS: list[HttpProvider] = [
    TextProvider(TONES, RULES),
    TsiProvider(TONES, RULES),
    LongAsrProvider(TONES, RULES, ThreadPoolExecutor(1)),
    Whisper(TONES, translates=False),
    Whisper(TONES, translates=True),
    FastAsr(TONES),
    Recognition(TONES),
    SpeechTranslation(TONES),
    TranslationProvider(TONES),
    SpeechProvider(TONES),
]
every = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
texts = st.text(max_size=30)
plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
sounds = st.just(wav(speech(1))) | st.binary(max_size=60) | st.just(wav(bytes(7_000), channels=2))


def answered(provider: HttpProvider, request: Call) -> None:
    got = reply(provider, request)
    if got.content_type == "application/json":
        json.loads(got.body)
    assert got.body or got.events


@every
@given(
    st.binary(max_size=200),
    st.dictionaries(
        st.sampled_from(
            ["authorization", "content-type", "action", "x-tc-action", "x-tc-version", "host"]
        ),
        texts
        | st.sampled_from(["Bearer demo", "application/json", FORM, "IotTranslate", "demo"])
        | st.sampled_from(["multipart/form-data; boundary=-", "TongChuanSync", "2021-03-25"]),
    ),
    st.dictionaries(st.sampled_from(["q", "langType", "sign", "salt", "appKey"]), texts),
)
def test_any_request_at_all(
    provider: HttpProvider, body: bytes, headers: dict[str, str], query: dict[str, str]
) -> None:
    answered(provider, call(body, headers, query=query, parameters={"endpoint": "demo"}))


@given(
    st.dictionaries(
        st.sampled_from(["source", "target", "text", "stream", "request_id", "prompt"]),
        json_values | st.sampled_from(["en", "zh"]),
    ),
    st.sampled_from(["IotTranslate", "IotTextSummary"]),
)
def test_any_text(fields: dict[str, object], action: str) -> None:
    headers = {
        "authorization": "Bearer demo", "action": action, "content-type": "application/json",
    }  # fmt: skip
    answered(PROVIDERS[0], call(json.dumps(fields).encode(), headers))


@given(
    st.dictionaries(
        st.sampled_from([*json.loads(tc3.parameters(Data="")), "Foo"]),
        json_values | st.sampled_from([0, 1, 2, "zh", "en"]),
        max_size=3,
    ),
    st.binary(max_size=60) | st.just(bytes(6_400)),
)
def test_any_chunk(changes: dict[str, object], pcm: bytes) -> None:
    data = base64.b64encode(pcm).decode()
    body = tc3.parameters(**{"Data": data, **changes})
    answered(TsiProvider(TONES, RULES), call(body, tc3.headers(body, timestamp=NOW)))


@given(
    st.dictionaries(
        st.sampled_from(["app_id", "nonce_str", "format", "callback_url", "speech", "speech_url"]),
        plain | st.sampled_from(["1", "2", "3", "4", "http://127.0.0.1/", "http://[::1", "AAAA"]),
    )
)
def test_any_submission(changes: dict[str, str]) -> None:
    fields = {
        "app_id": "1000001", "time_stamp": str(int(NOW)), "nonce_str": "n", "format": "1",
        "callback_url": "http://127.0.0.1/", **changes,
    }  # fmt: skip
    answered(PROVIDERS[2], form_call({**fields, "sign": sign(fields, "demo")}))


@settings(max_examples=60)
@pytest.mark.parametrize("provider", PROVIDERS[3:8], ids=lambda provider: provider.name)
@given(
    st.dictionaries(
        st.sampled_from(
            ["definition", "language", "temperature", "response_format", "targetLanguages",
             "recognitionLanguages", "timeout", "hasRecognize", "timestamp_granularities"]
        ),
        plain | st.sampled_from(["en", "en-US", '"zh-CN"', "true", "0", "verbose_json", "word"])
        | json_values.map(json.dumps),
        max_size=2,
    ),
    sounds,
)  # fmt: skip
def test_any_form(provider: HttpProvider, fields: dict[str, str], sound: bytes) -> None:
    name = "audio" if provider.name == "maas-fast-asr" else "file"
    body, content_type = multipart({**fields, name: sound})
    headers = {"authorization": "Bearer demo", "content-type": content_type}
    query = {"api-version": "2024-11-15"}
    answered(provider, call(body, headers, query=query, parameters={"endpoint": "demo"}))


@given(
    st.dictionaries(
        st.sampled_from(["from", "to", "format", "rate", "channel", "type", "voice", "ext"]),
        plain | st.sampled_from(["en", "id", "auto", "1", "2", "mp3", "8000", "99999999999"]),
        max_size=2,
    ),
    sounds,
    plain,
)
def test_any_recording(changes: dict[str, str], sound: bytes, salt: str) -> None:
    fields = {
        "q": base64.b64encode(sound).decode(), "from": "zh-CHS", "to": "en", "appKey": "demo",
        "salt": salt, "signType": "v3", "curtime": str(int(NOW)), "format": "wav",
        "rate": "16000", "channel": "1", "type": "1", **changes,
    }  # fmt: skip
    answered(PROVIDERS[8], form_call({**fields, "sign": youdao_sign(fields, "demo")}))
