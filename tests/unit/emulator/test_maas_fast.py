"""MaaS fast transcription: phrases, words, and what a definition may say."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.emulator.call import Call
from agent.emulator.maas.fast import FastAsr
from tests.unit.emulator.calls import TONES, answer, speech, wav
from tests.unit.emulator.maas import SPEECH, ask, refusal

FAST = FastAsr(TONES)


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
    for query in ({}, {"api-version": "2024-11-16"}):
        assert "api-version" in refusal(FAST, replace(ask({"audio": SPEECH}), query=query))[2]
