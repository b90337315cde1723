"""MaaS real-time recognition and speech translation."""

from __future__ import annotations

import re

import pytest

from agent.emulator.call import Call
from agent.emulator.engines import Unsupported
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.maas.realtime import LOCALES, Recognition, SpeechTranslation
from tests.unit.emulator.calls import TONES, answer, speech, wav
from tests.unit.emulator.maas import SPEECH, ask, refusal

RECOGNITION, TRANSLATION = Recognition(TONES), SpeechTranslation(TONES)


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
