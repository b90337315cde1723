"""The local engine on recorded human speech, where its programs are installed."""

from __future__ import annotations

import logging
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr

from agent.emulator.engines import Engine, Heard, Unsupported, local
from agent.emulator.engines.local import LocalEngine
from agent.emulator.engines.voices import voice_file
from agent.emulator.engines.whisper import model_folder
from agent.errors import UsageError

pytest.importorskip("pocketsphinx")
RECORDINGS = Path("/usr/share/sounds/alsa")  # where Debian's alsa-utils puts them
PLACES = [
    "front center", "front left", "front right", "rear center",
    "rear left", "rear right", "side left", "side right",
]  # fmt: skip
pytestmark = pytest.mark.skipif(
    not all(shutil.which(program) for program in ("apertium", "espeak-ng")),
    reason="apertium or espeak-ng is not installed",
)
needs_recordings = pytest.mark.skipif(
    not (RECORDINGS / "Front_Center.wav").exists(), reason="alsa-utils is not installed"
)


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    """With what every installation has."""
    return LocalEngine(small=True)


def recording(place: str, rate: int = 16_000) -> bytes:
    """Half a second of silence, the recording, and a second of silence."""
    with wave.open(str(RECORDINGS / f"{place.title().replace(' ', '_')}.wav")) as reader:
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
        spoken = soxr.resample(samples, reader.getframerate(), rate)
    return bytes(rate) + bytes(spoken.astype("<i2").tobytes()) + bytes(2 * rate)


def hear(engine: Engine, pcm: bytes, *, rate: int = 16_000, piece: int = 1_280) -> list[Heard]:
    recognizer = engine.recognizer("en", rate)
    pieces = [pcm[at : at + piece] for at in range(0, len(pcm), piece)]
    return [heard for each in pieces for heard in recognizer.feed(each)]


def finals(heard: list[Heard]) -> list[str]:
    return [step.text for step in heard if step.kind == "final"]


@needs_recordings
@pytest.mark.parametrize("place", ["front center", "front left", "front right", "side right"])
def test_recorded_speech_is_recognised(engine: LocalEngine, place: str) -> None:
    assert finals(hear(engine, recording(place))) == [place]


@needs_recordings
def test_sentences_come_in_order_with_times_of_the_audio(engine: LocalEngine) -> None:
    heard = hear(engine, recording("front center") + recording("front right"))
    assert [(step.kind, step.index) for step in heard if step.kind != "partial"] == [
        ("start", 0), ("final", 0), ("start", 1), ("final", 1),
    ]  # fmt: skip
    assert any(step.kind == "partial" and "front" in step.text for step in heard)
    first, second = (step for step in heard if step.kind == "final")
    assert first.start_ms == pytest.approx(500, abs=150)
    assert second.start_ms == pytest.approx(2_928 + 500, abs=200)
    assert first.start_ms < first.end_ms < second.start_ms < second.end_ms


@needs_recordings
def test_phrases_restrict_what_is_heard() -> None:
    engine = LocalEngine(PLACES)
    assert [finals(hear(engine, recording(place))) for place in PLACES] == [[p] for p in PLACES]


@needs_recordings
@pytest.mark.parametrize("piece", [334, 100_000])
def test_results_do_not_depend_on_packets(engine: LocalEngine, piece: int) -> None:
    pcm = recording("front right")
    assert hear(engine, pcm, piece=piece) == hear(engine, pcm)


@needs_recordings
def test_telephone_rate_is_taken() -> None:
    pcm = recording("front center", rate=8_000)
    assert finals(hear(LocalEngine(PLACES), pcm, rate=8_000)) == ["front center"]


@needs_recordings
def test_finish_ends_the_open_sentence(engine: LocalEngine) -> None:
    recognizer = engine.recognizer("en", 16_000)
    recognizer.feed(recording("front center")[: 2 * 16_000 * 19 // 10])
    assert finals(recognizer.finish()) == ["front center"]
    assert recognizer.finish() == []


def test_silence_is_not_heard(engine: LocalEngine) -> None:
    assert hear(engine, bytes(64_000)) == []


def test_translation_between_english_and_spanish(engine: LocalEngine) -> None:
    assert engine.translate("good morning", "en", "es").lower() == "buenos días"
    assert "house" in engine.translate("la casa", "es", "en").lower()
    assert engine.translate("", "en", "es") == ""
    assert engine.translate("same", "en", "en") == "same"


def test_text_may_be_in_a_language_that_is_not_heard(engine: LocalEngine) -> None:
    engine.require_pair("es", "en")
    engine.require_pair("zh", "zh")
    with pytest.raises(Unsupported, match="no Apertium pair from 'zh' to 'en'"):
        engine.require_pair("zh", "en")


def test_a_summary_is_extracted(engine: LocalEngine) -> None:
    text = "The bridge is closed. Cats sleep. Walkers use the other bridge."
    assert engine.summarise(text) == "The bridge is closed."


def test_text_that_looks_like_an_option_is_text(engine: LocalEngine) -> None:
    assert "-u" in engine.translate("-u", "en", "es")
    assert len(engine.speak("--help", "en")) > 8_000


def test_speech_is_16_khz(engine: LocalEngine) -> None:
    spoken = np.frombuffer(engine.speak("Buenos días, ¿dónde está la estación?", "es"), "<i2")
    assert 1.0 < len(spoken) / 16_000 < 5.0
    assert np.abs(spoken.astype(float)).max() > 3_000
    assert engine.speak(" ", "es") == b""


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [("zh", "en", "recognises 'en' only"), ("en", "zh", "no Apertium pair from 'en' to 'zh'")],
)
def test_other_languages_are_unsupported(
    engine: LocalEngine, source: str, target: str, message: str
) -> None:
    with pytest.raises(Unsupported, match=message):
        engine.require(source, target)


def test_supported_languages(engine: LocalEngine) -> None:
    engine.require("en", "es")
    engine.require("en", "en")
    engine.require("en", None)


@pytest.mark.parametrize("phrase", ["xyzzyq", "front; left", "público"])
def test_phrases_must_be_in_the_dictionary(phrase: str) -> None:
    with pytest.raises(UsageError, match="phrase"):
        LocalEngine([phrase])


@pytest.mark.parametrize("missing", ["apertium", "espeak-ng"])
def test_a_missing_program_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == missing else name)
    with pytest.raises(UsageError, match=f"sudo apt install {missing}"):
        LocalEngine()


@pytest.mark.skipif(model_folder() is None, reason="Whisper is not installed (scripts/demo)")
@needs_recordings
@pytest.mark.parametrize("place", ["front center", "front right", "rear center", "side right"])
def test_whisper_hears_what_the_demo_says(place: str) -> None:
    [said] = finals(hear(LocalEngine(), recording(place)))
    assert said.lower() == f"{place}."


@pytest.mark.skipif(voice_file() is None, reason="Piper is not installed (scripts/demo)")
@pytest.mark.parametrize("language", ["en", "es"])
def test_piper_speaks(language: str) -> None:
    spoken = np.frombuffer(LocalEngine().speak("Buenos días. Good morning.", language), "<i2")
    assert 1.0 < len(spoken) / 16_000 < 5.0
    assert np.abs(spoken.astype(float)).max() > 3_000


@pytest.mark.parametrize(("took", "quick"), [(5.0, True), (25.0, False)])
def test_a_model_too_large_for_the_processor_is_left(
    took: float, quick: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(local, "monotonic", iter([10.0, 10.0 + took]).__next__)
    assert local._quick("Whisper", lambda: None) is quick
    said = ["Whisper takes 25 s for a sentence here: too long"]
    assert caplog.messages == ([] if quick else said)
