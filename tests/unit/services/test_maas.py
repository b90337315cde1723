"""The five MaaS services against the document's samples, and against anything at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import TranscriptionVerbose

from agent.config.schema import Service
from agent.config.secret import Secret
from agent.errors import UsageError
from agent.events import Garbage, Pair, Result
from agent.services import maas_fast_asr, maas_whisper
from agent.services.maas import Account
from agent.services.maas_fast_asr import FastAsr
from agent.services.maas_speech import RealtimeAsr, SpeechTranslation
from agent.services.maas_whisper import Whisper, WhisperTranslate
from agent.services.provider import Provider
from agent.services.shapes import Clip, Response, UtteranceProtocol
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

VECTORS = load("maas")
ACCOUNT = Account(**VECTORS["account"])

MAKE: dict[str, Callable[..., UtteranceProtocol]] = {
    "whisper": Whisper,
    "whisper-translate": WhisperTranslate,
    "fast-asr": FastAsr,
    "realtime-asr": RealtimeAsr,
    "speech-translation": SpeechTranslation,
}
USUAL: dict[str, dict[str, Any]] = {"speech-translation": {"sources": ["zh"], "targets": ["en"]}}


def protocol(service: str, args: dict[str, Any] | None = None, host: str = "") -> UtteranceProtocol:
    account = Account(**VECTORS["account"], host=host) if host else ACCOUNT
    given = dict(USUAL.get(service, {}) if args is None else args)
    if "options" in given:
        module = maas_fast_asr if service == "fast-asr" else maas_whisper
        given["options"] = module.Options(**given["options"])
    return MAKE[service](account, **given)


def body_of(vector: dict[str, Any]) -> tuple[bytes, str]:
    clip = Clip(VECTORS["sound"].encode("latin-1"), vector["format"])
    request = protocol(vector["service"], vector["args"]).request(clip, nonce_of(VECTORS))
    return request.body, request.headers["Content-Type"]


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["name"])
def test_a_request(vector: dict[str, Any]) -> None:
    clip = Clip(VECTORS["sound"].encode("latin-1"), vector["format"])
    service = protocol(vector["service"], vector["args"], vector["host"])
    assert_request(service.request(clip, nonce_of(VECTORS)), vector["request"])


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["name"])
def test_an_independent_parser_finds_the_sound(vector: dict[str, Any]) -> None:
    files = [part for part in read_back(*body_of(vector)) if part[1]]
    [(name, filename, kind, data)] = files
    assert name == ("audio" if vector["service"] == "fast-asr" else "file")
    assert filename == f"audio.{vector['format']}"
    assert kind.startswith("audio/")
    assert data == VECTORS["sound"].encode("latin-1")


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda v: v["name"])
def test_an_answer(vector: dict[str, Any]) -> None:
    assert_events(protocol(vector["service"]).answer(response(vector)), vector["events"])


def test_the_verbose_vector_is_openais() -> None:
    [vector] = [v for v in VECTORS["answers"] if v["name"].startswith("verbose, words go")]
    model = TranscriptionVerbose.model_validate(vector["body"], strict=False)
    assert model.words is not None
    assert model.words[0].word == "One"


def test_a_transcript_of_an_hour_is_no_attack() -> None:
    body = json.dumps({"text": "word " * 50_000}).encode()
    [result] = protocol("whisper").answer(Response(200, body=body))
    assert isinstance(result, Result)
    body = json.dumps({"text": "x" * 2_000_001}).encode()
    [result, garbage] = protocol("whisper").answer(Response(200, body=body))
    assert isinstance(result, Result)
    assert len(result.text) == 2_000_000
    assert isinstance(garbage, Garbage)


def test_the_endpoint_is_a_path_of_its_own() -> None:
    account = Account("../a b?", "k", "http://h")
    request = Whisper(account).request(Clip(b"", "wav"), nonce_of(VECTORS))
    assert request.url == "http://h/v1/ai/..%2Fa%20b%3F/audio/transcriptions"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Whisper(ACCOUNT, "chinese"), "maas-whisper does not take the language 'chinese'"),
        (lambda: maas_whisper.Options(temperature=1.1), "expected 0 to 1"),
        (lambda: FastAsr(ACCOUNT, ["en-GB"]), "did you mean en-IN or en-US"),
        (lambda: RealtimeAsr(ACCOUNT, ["en-GB"]), "did you mean en-AU or en-US"),
        (lambda: RealtimeAsr(ACCOUNT, ["xx"]), "maas-realtime-asr does not take"),
        (lambda: SpeechTranslation(ACCOUNT, ["zh"], ["xx-YY"]), "maas-speech-translation does not"),
        (lambda: SpeechTranslation(ACCOUNT, ["zh"], []), "needs a source and a target"),
        (lambda: SpeechTranslation(ACCOUNT, [], ["ja"]), "needs a source and a target"),
        (lambda: maas_fast_asr.Options(channels=(0, 2)), "channels among 0 and 1"),
        (lambda: maas_fast_asr.Options(channels=(0, 1), max_speakers=2), "one channel only"),
        (lambda: maas_fast_asr.Options(max_speakers=0), "at least one speaker"),
    ],
)
def test_what_the_document_excludes_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make()


def test_targets_are_sent_as_the_samples_write_them() -> None:
    targets = ["en", "EN-us", "ja", "ja-JP", "zh", "fr"]
    service = SpeechTranslation(ACCOUNT, ["zh"], targets)
    request = service.request(Clip(b"", "wav"), nonce_of(VECTORS))
    parts = read_back(request.body, request.headers["Content-Type"])
    assert parts[0][3] == b"en-US,en-US,ja,ja-JP,zh-CN,fr"


def test_secrets_do_not_show() -> None:
    assert "hunter" not in repr(Account("hunter-1", "hunter-2"))


words = st.lists(objects("word", "text", "start", "end", "offsetMilliseconds"), max_size=3)
rows = st.lists(
    objects("text", "start", "end", "locale", "speaker", "confidence")
    | st.fixed_dictionaries(
        {
            "text": st.text(),
            "offsetMilliseconds": st.integers(0, 10**6),
            "durationMilliseconds": st.integers(0, 10**6),
            "words": json_values | words,
        }
    ),
    max_size=4,
)
shapes = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("code", "msg", "message", "language", "duration"), json_values),
        "text": json_values | st.text(),
        "error": json_values | objects("code", "message", "type"),
        "translations": json_values | st.dictionaries(st.sampled_from(["ja", "en"]), st.text()),
        "segments": json_values | rows,
        "phrases": json_values | rows,
        "words": json_values | words,
    },
).map(lambda value: json.dumps(value).encode())
samples = [v["body"] for v in VECTORS["answers"] if "body" in v]


@given(st.sampled_from(sorted(MAKE)), responses(bodies(*samples) | shapes))
def test_nothing_a_server_sends_raises(service: str, answer: Response) -> None:
    assert_sound(protocol(service).answer(answer))


def test_of_several_translations_the_first_is_the_main_one_under_its_own_language() -> None:
    keys: dict[str, Any] = {"endpoint": Secret("e"), "access_key": Secret("k")}
    service = Service(
        name="maas-speech-translation", source="zh", target="en", targets=("ar-EG", "en"), **keys
    )
    provider = Provider(service)
    assert provider.pair == Pair("zh", "ar-EG")
    answer = {"text": "早", "translations": {"en-US": "morning", "ar-EG": "صباح"}, "language": "zh"}
    response = Response(200, {}, json.dumps(answer).encode())
    for pair, main, other in (
        (provider.pair, "صباح", {"en-US": "morning"}),
        (Pair("zh", "en"), "morning", {"ar-EG": "صباح"}),  # changed while it runs
    ):
        (result,) = provider.utterance(pair).answer(response)
        assert isinstance(result, Result)
        assert (result.translation, result.translations) == (main, other)
    assert Provider(msgspec.structs.replace(service, name="maas-whisper")).pair.target == "en"
