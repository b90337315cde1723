"""MaaS: who may come in, and Whisper's answers."""

from __future__ import annotations

import pytest

from agent.emulator.engines import Unsupported
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.maas.fast import FastAsr
from agent.emulator.maas.gate import LARGEST, Gate
from agent.emulator.maas.realtime import Recognition
from agent.emulator.maas.whisper import Whisper
from tests.unit.emulator.calls import TONES, answer, wav
from tests.unit.emulator.maas import SPEECH, ask, refusal

WHISPER, ENGLISH = Whisper(TONES, translates=False), Whisper(TONES, translates=True)
FAST, RECOGNITION = FastAsr(TONES), Recognition(TONES)
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
