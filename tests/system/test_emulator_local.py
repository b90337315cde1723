"""Providers over HTTP with the local engine: recorded human speech in, real words out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.emulator import Emulator
from agent.emulator.engines.local import LocalEngine
from tests.system.device import recording
from tests.system.emulated import request
from tests.unit.emulator.calls import multipart

pytest.importorskip("pocketsphinx")
RECORDING = Path("/usr/share/sounds/alsa/Front_Center.wav")  # Debian's alsa-utils; 48 kHz
pytestmark = pytest.mark.skipif(
    not RECORDING.exists() or not all(map(shutil.which, ("apertium", "espeak-ng"))),
    reason="alsa-utils, apertium or espeak-ng is not installed",
)


@pytest.fixture(scope="module")
def local() -> Iterator[Emulator]:
    with Emulator(engine=LocalEngine(small=True)) as running:  # whatever the demo has installed
        yield running


def upload(emulator: Emulator, path: str, fields: dict[str, str | bytes]) -> dict[str, object]:
    body, content_type = multipart({"file": RECORDING.read_bytes(), **fields})
    headers = {"Authorization": "Bearer demo", "Content-Type": content_type}
    status, answer = request(f"{emulator.url}/v1/ai/demo{path}", body, headers)
    assert status == 200, answer
    read = json.loads(answer)
    assert isinstance(read, dict)
    return read


def test_recorded_speech_is_transcribed(local: Emulator) -> None:
    assert upload(local, "/audio/transcriptions", {}) == {"text": "front center"}


def test_the_language_that_can_be_heard_is_found(local: Emulator) -> None:
    both = {"recognitionLanguages": "zh-CN,en-US", "hasRecognize": "true", "targetLanguages": "es"}
    result = upload(local, "/audio/realtime/translation", dict(both))
    assert (result["language"], result["text"]) == ("en-US", "front center")
    assert isinstance(result["translations"], dict)
    assert "centr" in result["translations"]["es"].lower()


def test_text_is_summarised_and_translated(local: Emulator) -> None:
    for action, fields, key, expected in (
        ("IotTranslate", {"source": "es", "target": "en", "text": "la casa"}, "data", "house"),
        ("IotTextSummary", {"text": "It rained. It rained hard. Cats sleep."}, "summary", "rained"),
    ):
        headers = {
            "Authorization": "Bearer demo", "Action": action, "Content-Type": "application/json",
        }  # fmt: skip
        _, answer = request(f"{local.url}/api", json.dumps(fields).encode(), headers)
        assert expected in json.loads(answer)[key]


@pytest.mark.parametrize("size", [480, 479, 640, 641, 1])
def test_audio_may_end_in_speech_after_any_number_of_samples(size: int) -> None:
    """Also after whole frames of 30 ms, which every third length of 40 ms packets is."""
    engine, pcm = LocalEngine(), recording("Front_Center")[: 2 * 24000]
    recognizer = engine.recognizer("en", 16000)
    fed = 2 * 17280  # in the middle of the word, after whole frames
    recognizer.feed(pcm[:fed])
    recognizer.feed(pcm[fed : fed + 2 * size * 3])
    heard = recognizer.finish()
    assert heard
    assert heard[-1].kind == "final"
    assert recognizer.finish() == []
