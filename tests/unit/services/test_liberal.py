"""Every decoder: one odd field, whatever it holds, does not cost a final its text."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Garbage, Pair, Result, ServiceEvent
from agent.services import maas, openai, youdao
from agent.services.maas_fast_asr import FastAsr
from agent.services.maas_speech import RealtimeAsr, SpeechTranslation
from agent.services.maas_whisper import Whisper
from agent.services.openai import Transcription
from agent.services.shapes import Response
from agent.services.tencent_interpreter import Setup as InterpretSetup
from agent.services.tencent_interpreter import TencentInterpreter
from agent.services.tencent_long_asr import Account as LongAccount
from agent.services.tencent_long_asr import TencentLongAsr
from agent.services.tencent_speech_translate import Setup as TranslateSetup
from agent.services.tencent_speech_translate import TencentSpeechTranslate
from agent.services.tencent_streams import Account as AsrAccount
from agent.services.tencent_tsi import Account as TsiAccount
from agent.services.tencent_tsi import TencentTsi
from agent.services.twetalk import Setup
from agent.services.twetalk_asr import Setup as AsrSetup
from agent.services.twetalk_asr import TwetalkAsr
from agent.services.twetalk_v1 import TwetalkV1
from agent.services.twetalk_v2 import TwetalkV2
from agent.services.youdao_stream import Setup as YoudaoSetup
from agent.services.youdao_stream import YoudaoStream
from tests.unit.services.events import json_values

TEXT = "hello, 世界"
MAAS = maas.Account("e", "k")
PAIR = Pair("zh", "en")
Path = tuple[str | int, ...]
Read = Callable[[bytes], Sequence[ServiceEvent]]


def _asr(body: bytes) -> Sequence[ServiceEvent]:
    asr = TwetalkAsr(AsrSetup("1", "iot_16k_zh"))
    asr.receive('{"code": 0}')
    return asr.receive(body.decode())


def _speech_translate(body: bytes) -> Sequence[ServiceEvent]:
    setup = TranslateSetup(AsrAccount("1", "i", "k"), "v", "zh", "en")
    stream = TencentSpeechTranslate(setup)
    stream.receive('{"code": 0}')
    return stream.receive(body.decode())


def _interpreter(body: bytes) -> Sequence[ServiceEvent]:
    stream = TencentInterpreter(InterpretSetup(AsrAccount("1", "i", "k"), "v", "en"))
    stream.receive('{"code": 0}')
    return stream.receive(body.decode())


def _v1(body: bytes) -> Sequence[ServiceEvent]:
    v1 = TwetalkV1(Setup("t", "r", "zh", "zh", tts=False))
    return [*v1.receive(body.decode()), *v1.flush()]


def _tsi(body: bytes) -> Sequence[ServiceEvent]:
    tsi = TencentTsi(TsiAccount("i", "k"), "zh", "en", "s")
    return [*tsi.answer(Response(200, body=body)), *tsi.leftover()]


def _youdao(body: bytes) -> Sequence[ServiceEvent]:
    service = youdao.Youdao(youdao.Account("k", "s"), "zh", "en")
    return service.answer(Response(200, body=body))


def _youdao_stream(body: bytes) -> Sequence[ServiceEvent]:
    stream = YoudaoStream(YoudaoSetup(youdao.Account("k", "s"), "x", "zh-CHS", "en"))
    stream.receive('{"action": "started", "errorCode": "0"}')
    return stream.receive(body.decode())


SENTENCE = {"slice_type": 2, "index": 3, "voice_text_str": TEXT}
SPAN = {"offsetMilliseconds": 0, "durationMilliseconds": 900}
WORD = {"text": "hello", **SPAN}


def _own(body: bytes) -> Sequence[ServiceEvent]:
    return Transcription(openai.Server("http://nas/v1"), openai.Options()).answer(
        Response(200, body=body)
    )


#: A good final of each service, the way to its text, and fields that decide what it is.
DECODERS: dict[str, tuple[Read, dict[str, Any], Path, frozenset[Path]]] = {
    "twetalk-v2": (
        lambda body: TwetalkV2(Setup("t", "r", "zh", "en", tts=False)).receive(body.decode()),
        {"code": 0, "msg": "ok", "translation": "x", "original_detail": SENTENCE},
        ("original_detail", "voice_text_str"),
        frozenset({("code",)}),
    ),
    "own": (
        _own,
        {
            "text": TEXT,
            "language": "en",
            "duration": 0.9,
            "segments": [{"id": 0, "start": 0.0, "end": 0.9, "text": TEXT}],
            "words": [{"word": "hello,", "start": 0.0, "end": 0.4}],
        },
        ("segments", 0, "text"),
        frozenset({("segments",)}),
    ),
    "twetalk-v1": (
        _v1,
        {"code": 0, "original_detail": SENTENCE},
        ("original_detail", "voice_text_str"),
        frozenset({("code",)}),
    ),
    "twetalk-asr": (
        _asr,
        {"code": 0, "final": 0, "result": SENTENCE | {"start_time": 0, "end_time": 900}},
        ("result", "voice_text_str"),
        frozenset({("code",)}),
    ),
    "tencent-speech-translate": (
        _speech_translate,
        {
            "code": 0,
            "message": "success",
            "voice_id": "v",
            "sentence_id": "v_0",
            "result": {
                "source": "zh",
                "target": "en",
                "source_text": TEXT,
                "target_text": "x",
                "start_time": 0,
                "end_time": 900,
                "sentence_end": True,
            },
            "final": 0,
        },
        ("result", "source_text"),
        frozenset({("code",)}),
    ),
    "tencent-interpreter": (
        _interpreter,
        {
            "code": 0,
            "message": "success",
            "message_type": "subtitle",
            "sentence_id": "v_0",
            "result": {
                "source": "zh",
                "target": "en",
                "source_text": TEXT,
                "target_text": "x",
                "sentence_end": True,
            },
        },
        ("result", "source_text"),
        frozenset({("code",)}),
    ),
    "tencent-tsi": (
        _tsi,
        {
            "Response": {
                "RequestId": "r",
                "List": [
                    {
                        "SeId": "s",
                        "SeVer": 4,
                        "SourceText": TEXT,
                        "TargetText": "x",
                        "StartTime": 0,
                        "EndTime": 900,
                        "IsEnd": True,
                        "Audio": None,
                    }
                ],
            }
        },
        ("Response", "List", 0, "SourceText"),
        frozenset({("Response", "Error")}),
    ),
    "tencent-long-asr": (
        lambda body: TencentLongAsr(LongAccount("1", "k")).delivered(body)[1],
        {"ret": 0, "msg": "ok", "data": {"task_id": "1", "text": TEXT}},
        ("data", "text"),
        frozenset({("ret",)}),
    ),
    "youdao": (
        _youdao,
        {"errorCode": "0", "query": TEXT, "translation": ["x"], "tSpeakUrl": "http://x/1.mp3"},
        ("query",),
        frozenset({("errorCode",)}),
    ),
    "youdao-stream": (
        _youdao_stream,
        {
            "action": "recognition",
            "errorCode": "0",
            "result": {"context": TEXT, "tranContent": "x", "partial": False},
        },
        ("result", "context"),
        frozenset({("errorCode",)}),
    ),
    "maas-whisper": (
        lambda body: Whisper(MAAS).answer(Response(200, body=body)),
        {
            "text": TEXT,
            "language": "zh",
            "duration": 0.9,
            "segments": [{"start": 0.0, "end": 0.9, "text": TEXT}],
            "words": [{"word": "hello", "start": 0.0, "end": 0.9}],
        },
        ("segments", 0, "text"),
        frozenset(),
    ),
    "maas-fast-asr": (
        lambda body: FastAsr(MAAS).answer(Response(200, body=body)),
        {
            "phrases": [
                {
                    "speaker": 1,
                    "locale": "zh-CN",
                    "confidence": 0.8,
                    "text": TEXT,
                    **SPAN,
                    "words": [WORD],
                }
            ]
        },
        ("phrases", 0, "text"),
        frozenset(),
    ),
    "maas-realtime-asr": (
        lambda body: RealtimeAsr(MAAS).answer(Response(200, body=body)),
        {"text": TEXT, "language": "zh-CN", "duration": 9_000_000},
        ("text",),
        frozenset(),
    ),
    "maas-speech-translation": (
        lambda body: SpeechTranslation(MAAS, ["zh"], ["en"]).answer(Response(200, body=body)),
        {"text": TEXT, "language": "zh-CN", "duration": 9_000_000, "translations": {"en-US": "x"}},
        ("text",),
        frozenset(),
    ),
}

NAMES = st.sampled_from(sorted(DECODERS))
ODD = (
    json_values
    | st.floats()
    | st.sampled_from(["0", "2", "1.0", "\ud83d", "\ufeff", "x" * 50_000, -1, 2**70, 1e300, [[]]])
)


def fields(value: Any, at: Path = ()) -> list[Path]:
    """The ways to everything in ``value`` that is neither an object nor a list."""
    if isinstance(value, dict):
        return [path for key, each in value.items() for path in fields(each, (*at, key))]
    if isinstance(value, list):
        return [path for n, each in enumerate(value) for path in fields(each, (*at, n))]
    return [at]


def changed(message: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of ``message`` with ``value`` at ``path``."""
    made = copy.deepcopy(message)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


def texts(events: Sequence[ServiceEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Result)]


@pytest.mark.parametrize("name", DECODERS)
def test_a_good_final_is_a_final_with_nothing_odd(name: str) -> None:
    read, message, _, _ = DECODERS[name]
    events = read(json.dumps(message).encode())
    assert texts(events) == [TEXT]
    assert not any(isinstance(event, Garbage) for event in events)


@given(NAMES, st.data(), ODD)
def test_one_odd_field_does_not_cost_the_text(name: str, data: st.DataObject, odd: Any) -> None:
    read, message, text, deciding = DECODERS[name]
    path = data.draw(
        st.sampled_from([p for p in fields(message) if p != text and p not in deciding])
    )
    events = read(json.dumps(changed(message, path, odd)).encode())
    assert TEXT in texts(events)
    for event in events:
        if isinstance(event, Result):
            f"{event.text}{event.translation}{event.language}{event.speaker}".encode()


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("well", [0, "0", 0.0, "", None, "ok", "00", False])
def test_a_code_that_means_success_is_one_however_it_is_written(name: str, well: object) -> None:
    read, message, _, deciding = DECODERS[name]
    for path in deciding - {("Response", "Error")}:
        changed_message = changed(message, path, well)
        if well is None and path == ("ret",):
            continue  # a delivery without its code is none
        assert texts(read(json.dumps(changed_message).encode())) == [TEXT]


@pytest.mark.parametrize("name", DECODERS)
def test_a_mark_of_the_byte_order_and_half_a_character_do_not_cost_the_text(name: str) -> None:
    read, message, path, _ = DECODERS[name]
    body = b"\xef\xbb\xbf" + json.dumps(changed(message, path, TEXT + "\ud83d")).encode()
    events = read(body)
    assert texts(events) == [TEXT + "\ufffd"]
    assert any(isinstance(event, Garbage) for event in events)


@given(NAMES, st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_nothing_a_server_sends_raises(name: str, body: bytes) -> None:
    read, message, _, _ = DECODERS[name]
    whole = json.dumps(message).encode()
    for sent in (body, whole[: len(body)], whole.replace(b"hello", body[:7])):
        read(sent.decode("utf-8", "replace").encode())
