"""MaaS without a socket: what each product takes, and the documents' shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from agent.emulator.call import Call
from agent.emulator.engines import Unsupported
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.maas.fast import FastAsr
from agent.emulator.maas.gate import LARGEST, Gate
from agent.emulator.maas.realtime import LOCALES, Recognition, SpeechTranslation
from agent.emulator.maas.whisper import Whisper
from tests.unit.emulator.calls import TONES, answer, call, multipart, reply, speech, wav

SPEECH = wav(speech(1, 22) + speech(3))
WHISPER, ENGLISH = Whisper(TONES, translates=False), Whisper(TONES, translates=True)
FAST, RECOGNITION, TRANSLATION = FastAsr(TONES), Recognition(TONES), SpeechTranslation(TONES)


def ask(
    fields: Mapping[str, str | bytes], *, token: str = "Bearer demo", endpoint: str = "demo"
) -> Call:
    body, content_type = multipart(fields)
    return call(
        body,
        {"authorization": token, "content-type": content_type},
        parameters={"endpoint": endpoint},
        query={"api-version": "2024-11-15"},
    )


def refusal(product: Gate, request: Call) -> tuple[int, str, str]:
    refused = reply(product, request)
    error = json.loads(refused.body)["error"]
    assert set(error) == {"message", "type", "code"}
    return refused.status, error["code"], error["message"]


PRODUCTS = [(WHISPER, "file"), (ENGLISH, "file"), (FAST, "audio"), (RECOGNITION, "file")]


@pytest.mark.parametrize(("product", "name"), PRODUCTS, ids=lambda x: getattr(x, "name", x))
def test_the_gate_is_the_same_for_all(product: Gate, name: str) -> None:
    good: dict[str, str | bytes] = {name: SPEECH}
    assert refusal(product, ask(good, token="Bearer other"))[:2] == (401, "invalid_api_key")
    assert refusal(product, ask(good, token="demo"))[0] == 401
    assert refusal(product, ask(good, endpoint="other"))[:2] == (404, "endpoint_not_found")
    assert refusal(product, ask({}))[2] == f"{name} is missing or empty"
    assert refusal(product, ask({name: b"garbage"}))[0] == 400
    assert refusal(product, ask({name: "path/of/a/file.wav"}))[0] == 400
    assert refusal(product, ask({**good, "other": "1"}))[2] == "unknown field 'other'"
    large = SPEECH + bytes(LARGEST - len(SPEECH) + 1)
    assert refusal(product, ask({name: large}))[:2] == (413, "file_too_large")


# Whisper


def test_a_transcription() -> None:
    assert answer(WHISPER, ask({"file": SPEECH, "language": "zh"})) == {"text": "w1 w22w3"}
    assert answer(WHISPER, ask({"file": SPEECH})) == {"text": "w1 w22 w3"}
    assert answer(WHISPER, ask({"file": wav(bytes(32_000))})) == {"text": ""}


def test_a_translation_into_english() -> None:
    assert answer(ENGLISH, ask({"file": SPEECH})) == {"text": "w1 w22 w3"}

    class Chinese(ScriptedEngine):
        def require(self, source: str, target: str | None) -> None:
            if source != "zh":
                raise Unsupported("Chinese only")

    product = Whisper(Chinese(TONES.script), translates=True)
    assert answer(product, ask({"file": SPEECH})) == {"text": "[en] w1 w22 [en] w3"}


@pytest.mark.parametrize("granularity", ["none", None])
def test_verbose_without_times_is_the_text_as_in_the_sample(granularity: str | None) -> None:
    fields: dict[str, str | bytes] = {"file": SPEECH, "response_format": "verbose_json"}
    if granularity:
        fields["timestamp_granularities"] = granularity
    assert answer(WHISPER, ask(fields)) == {"text": "w1 w22 w3"}


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("timestamp_granularities", "word", "words"),
        ("timestamp_granularities", "sentence", "segments"),
        ("timestamp_granularities[]", "segment", "segments"),
    ],
)
def test_verbose_with_times(name: str, value: str, key: str) -> None:
    fields: dict[str, str | bytes] = {"file": SPEECH, "response_format": "verbose_json"}
    fields[name] = value
    result = answer(WHISPER, ask(fields))
    assert set(result) == {"text", "task", "language", "duration", key}
    assert result["duration"] == 1.12
    timed = result[key]
    assert isinstance(timed, list)
    assert len(timed) == (3 if key == "words" else 2)
    assert 0 <= timed[0]["start"] < timed[0]["end"] <= timed[1]["start"] < 1.12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response_format", "srt"),
        ("temperature", "1.1"),
        ("temperature", "-0"),
        ("temperature", "nan"),
        ("language", "en-US"),
        ("timestamp_granularities", "phrase"),
        ("stream", "true"),
    ],
)
def test_wrong_whisper_fields(name: str, value: str) -> None:
    status, _, message = refusal(WHISPER, ask({"file": SPEECH, name: value}))
    assert status == 400
    assert message.startswith(name)


def test_whisper_fields_of_the_documents_sample() -> None:
    sample = {"prompt": "A poetic description", "response_format": "verbose_json",
              "temperature": "0.1", "timestamp_granularities": "none"}  # fmt: skip
    assert answer(WHISPER, ask({**sample, "language": "en", "file": SPEECH})).keys() == {"text"}
    assert answer(ENGLISH, ask({**sample, "file": SPEECH})).keys() == {"text"}
    assert refusal(ENGLISH, ask({"language": "en", "file": SPEECH}))[0] == 400


# Fast transcription


def fast(definition: object, sound: bytes = SPEECH) -> Call:
    return ask({"audio": sound, "definition": json.dumps(definition)})


def test_phrases_and_words() -> None:
    result = answer(FAST, fast({"locales": ["zh-CN"]}))
    assert set(result) == {"durationMilliseconds", "combinedPhrases", "phrases"}
    assert result["durationMilliseconds"] == 1_120
    assert result["combinedPhrases"] == [{"text": "w1 w22w3"}]
    phrases = result["phrases"]
    assert isinstance(phrases, list)
    assert [phrase["text"] for phrase in phrases] == ["w1 w22", "w3"]
    first, second = phrases
    assert set(first) == {
        "speaker", "offsetMilliseconds", "durationMilliseconds", "text", "words", "locale",
        "confidence",
    }  # fmt: skip
    assert (first["speaker"], first["locale"]) == (None, "zh-CN")
    assert 0 < first["confidence"] <= 1
    assert second["offsetMilliseconds"] == pytest.approx(680, abs=20)
    assert second["words"][0] == {
        "text": "w3", "offsetMilliseconds": second["offsetMilliseconds"],
        "durationMilliseconds": second["durationMilliseconds"],
    }  # fmt: skip


def test_the_definition_of_the_documents_sample() -> None:
    sample = {
        "channels": [0],
        "locales": ["zh-CN"],
        "diarization": {"maxSpeakers": 2, "enabled": True},
        "profanityFilterMode": "Masked",
    }
    phrases = answer(FAST, fast(sample))["phrases"]
    assert isinstance(phrases, list)
    assert [phrase["speaker"] for phrase in phrases] == [0, 1]


def test_channels_of_a_stereo_sound() -> None:
    result = answer(FAST, fast({"channels": [0, 1]}, wav(speech(3), channels=2)))
    assert result["combinedPhrases"] == [{"channel": 0, "text": "w3"}, {"channel": 1, "text": "w3"}]
    mono = answer(FAST, fast({"channels": [0, 1]}, wav(speech(3))))
    assert mono["combinedPhrases"] == [{"text": "w3"}]


def test_without_a_definition_or_speech() -> None:
    assert answer(FAST, ask({"audio": SPEECH}))["combinedPhrases"] == [{"text": "w1 w22 w3"}]
    silent = answer(FAST, ask({"audio": wav(bytes(32_000))}))
    assert (silent["combinedPhrases"], silent["phrases"]) == ([], [])


@pytest.mark.parametrize(
    "definition",
    [
        [], 1, {"locale": "zh-CN"}, {"locales": "zh-CN"}, {"locales": ["zh"]}, {"locales": [[]]},
        {"channels": [2]}, {"channels": [True]}, {"channels": [0, 0]}, {"channels": 0},
        {"channels": [[]]},
        {"channels": [0, 1], "diarization": {"enabled": True}},
        {"diarization": {"enabled": 1}}, {"diarization": {"maxSpeakers": 0}}, {"diarization": []},
        {"diarization": {"speakers": 2}}, {"profanityFilterMode": "masked"},
        {"profanityFilterMode": []},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_definition(definition: object) -> None:
    assert refusal(FAST, fast(definition))[0] == 400


def test_the_version_of_the_api_is_fixed() -> None:
    from dataclasses import replace

    for query in ({}, {"api-version": "2024-11-16"}):
        assert "api-version" in refusal(FAST, replace(ask({"audio": SPEECH}), query=query))[2]


# Recognition and speech translation


def test_recognition_with_quoted_values() -> None:
    fields: dict[str, str | bytes] = {"file": SPEECH, "timeout": '"100"'}
    fields["recognitionLanguages"] = '"es-MX,en-US"'
    assert answer(RECOGNITION, ask(fields)) == {
        "text": "w1 w22 w3", "language": "es-MX", "duration": 11_200_000, "durationInSeconds": 2,
    }  # fmt: skip


def test_recognition_takes_wav_of_30_s_and_no_more() -> None:
    exactly = wav(bytes(2 * 8_000 * 30), rate=8_000)
    assert answer(RECOGNITION, ask({"file": exactly}))["durationInSeconds"] == 30
    longer = wav(bytes(2 * 8_000 * 30 + 160), rate=8_000)
    assert refusal(RECOGNITION, ask({"file": longer}))[:2] == (400, "too_long")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recognitionLanguages", ""),
        ("recognitionLanguages", "en"),
        ("recognitionLanguages", "en-US;es-MX"),
        ("timeout", "0"),
        ("timeout", "soon"),
    ],
)
def test_wrong_recognition_fields(name: str, value: str) -> None:
    status, _, message = refusal(RECOGNITION, ask({"file": SPEECH, name: value}))
    assert (status, message.startswith(name)) == (400, True)


def test_the_table_of_languages() -> None:
    assert len(LOCALES) == len(set(LOCALES)) == 84
    assert {"en-US", "en-AU", "zh-HK", "es-VE", "ar-YE"} <= set(LOCALES)


def translate(**fields: str) -> Call:
    return ask({"targetLanguages": '"en-US,ja"', "file": SPEECH, **fields})


def test_speech_translation_as_in_the_sample() -> None:
    request = translate(
        recognitionLanguages='"zh-CN,en-US"', hasRecognize='"true"',
        SegmentationSilenceTimeoutMs='"1000"',
    )  # fmt: skip
    result = answer(TRANSLATION, request)
    assert re.fullmatch("[0-9a-f]{32}", str(result.pop("resultId")))
    assert result == {
        "text": "w1 w22w3",
        "translations": {"en-US": "[en] w1 w22 [en] w3", "ja": "[ja] w1 w22[ja] w3"},
        "language": "zh-CN",
        "duration": 11_200_000,
        "durationInSeconds": 2,
    }


def test_quotes_around_each_language() -> None:
    languages = '"zh-CN", "en-US"'
    result = answer(
        TRANSLATION, translate(targetLanguages='"en-US", "ja"', recognitionLanguages=languages)
    )
    assert result["language"] == "zh-CN"
    assert list(result["translations"]) == ["en-US", "ja"]  # type: ignore[call-overload]


def test_of_a_longer_recording_the_first_30_s() -> None:
    long = wav(speech(1) + bytes(2 * 16_000 * 30) + speech(2))
    result = answer(TRANSLATION, ask({"targetLanguages": "en-US", "file": long}))
    assert (result["text"], result["durationInSeconds"]) == ("w1", 30)
    assert result["duration"] == 300_000_000


def test_several_languages_need_has_recognize() -> None:
    class English(ScriptedEngine):
        def require(self, source: str, target: str | None) -> None:
            if source != "en":
                raise Unsupported(f"not {source}")

    product = SpeechTranslation(English(TONES.script))
    both = '"zh-CN,en-US"'
    assert refusal(product, translate(recognitionLanguages=both)) == (
        400, "unsupported_language", "not zh",
    )  # fmt: skip
    known = translate(recognitionLanguages=both, hasRecognize="true")
    assert answer(product, known)["language"] == "en-US"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("targetLanguages", ""),
        ("targetLanguages", "english"),
        ("hasRecognize", "yes"),
        ("SegmentationSilenceTimeoutMs", "-1"),
        ("recognitionLanguages", "xx-XX"),
    ],
)
def test_wrong_speech_translation_fields(name: str, value: str) -> None:
    status, _, message = refusal(TRANSLATION, translate(**{name: value}))
    assert (status, message.startswith(name)) == (400, True)
