"""The real models on spoken words: are they heard, and is the cut at the end of the word?"""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import pytest

from agent.audio.pcm import SAMPLE_BYTES, packet_bytes
from agent.audio.ring import Ring
from agent.audio.vad import Vad
from agent.cli import main
from agent.clock import ManualClock
from agent.config.schema import WAKE_WORDS
from agent.errors import UsageError
from agent.events import Event, VoiceStopped, WakeWord
from tests.system import voices
from tests.system.device import noise, silence, write_wav

pytest.importorskip("pymicro_wakeword")

from agent.ears.hearer import Hearer
from agent.ears.model import Model, cutoff, find, packaged
from agent.ears.spotter import Spotter

speaks = pytest.mark.skipif(not voices.installed(), reason="espeak-ng is not installed")

LEAD_S = 2.0
SENTENCE = "turn on the lights in the kitchen please"
EARLY_MS, LATE_MS = 280, 40  # of the cut: a rest of the last vowel, a packet


def heard(word: str, pcm: bytes, rate: int = voices.RATE) -> list[Event]:
    """What a hearer says of ``pcm``, on a ring as capture writes it."""
    ring, events, size = Ring(packet_bytes(rate), 1000), list[Event](), packet_bytes(rate)
    model = Model("--word", word)
    hearer = Hearer(Spotter([model], rate), None, ring, events.append, ManualClock())
    vad = Vad(rate)
    for at in range(0, len(pcm) - size + 1, size):
        packet = pcm[at : at + size]
        ring.write(packet, 0.0, vad.judge(packet))
        while hearer.step():
            pass
    return events


def cuts(word: str, gap_s: float) -> list[float]:
    """How late after the word's end the gate opens (ms), for every voice that was heard."""
    found = []
    for voice in voices.VOICES:
        for speed in (140, 180):
            name = voices.say(voices.SPOKEN[word], voice, speed)
            end_ms = (LEAD_S + len(name) / SAMPLE_BYTES / voices.RATE) * 1000
            rest = silence(gap_s) + voices.say(SENTENCE, voice, speed) + silence(1.5)
            events = heard(word, silence(LEAD_S) + name + rest)
            found += [e.seq * 40 - end_ms for e in events if isinstance(e, WakeWord)]
            if found and gap_s:
                assert any(isinstance(e, VoiceStopped) for e in events), "an end of the sentence"
    return found


@speaks
@pytest.mark.parametrize("gap_s", [0.0, 0.16, 0.6])
@pytest.mark.parametrize("word", sorted(voices.SPOKEN))
def test_the_cut_takes_the_word_and_leaves_the_first_syllable(word: str, gap_s: float) -> None:
    late = cuts(word, gap_s)
    assert len(late) >= len(voices.VOICES) / 2
    assert max(late) <= LATE_MS + gap_s * 1000, "a syllable of what follows is missing"
    assert min(late) >= -EARLY_MS, "more than the word's last vowel is left"


@speaks
@pytest.mark.parametrize("rate", [8000, 16000])
def test_it_is_heard_once_and_at_either_rate(rate: int) -> None:
    name = voices.say(voices.SPOKEN["okay_nabu"], rate=rate)
    pcm = silence(2, rate) + name + silence(3, rate) + name + silence(2, rate)
    words = [e for e in heard("okay_nabu", pcm, rate) if isinstance(e, WakeWord)]
    assert [e.word for e in words] == ["okay_nabu"] * 2


@speaks
def test_other_words_and_noise_are_not_it() -> None:
    pcm = silence(1) + voices.say(SENTENCE * 3) + silence(1) + noise(3) + silence(1)
    assert not [e for e in heard("okay_nabu", pcm) if isinstance(e, WakeWord)]


def test_the_packaged_words_are_those_a_configuration_may_name() -> None:
    assert tuple(files.name for files in packaged()) == WAKE_WORDS


def test_more_sensitivity_is_a_lower_mark() -> None:
    assert cutoff(0.85, 0.4) == pytest.approx(0.85)
    marks = [cutoff(0.85, step / 10) for step in range(11)]
    assert marks == sorted(marks, reverse=True)
    assert 0.02 < marks[-1] < marks[0] <= 0.99


def test_a_model_file_with_its_description_or_without(tmp_path: Path) -> None:
    source = find("--word", "okay_nabu").path
    described = json.loads(source.with_suffix(".json").read_text())
    shutil.copy(source, tmp_path / "computer.tflite")
    plain = Model("--word", str(tmp_path / "computer.tflite"), 0.4)
    assert plain.name == "computer"
    assert plain.cutoff == pytest.approx(0.9)
    described["model"] = "computer.tflite"
    (tmp_path / "computer.json").write_text(json.dumps(described))
    for path in ("computer.json", "computer.tflite"):
        assert Model("--word", str(tmp_path / path), 0.4).cutoff == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no model of TensorFlow Lite, or a damaged one"),
        (b"RIFF\0\0\0\0WAVE", "no model of TensorFlow Lite, or a damaged one"),
        (b"\0\0\0\0TFL3" + bytes(range(256)), "no model of TensorFlow Lite, or a damaged one"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_no_model_is_one_line(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "word.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        Model("talk.wake.word", str(path))
    assert str(caught.value) == f"talk.wake.word: {path}: {words}"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"micro": 3}', '{"micro": {}}', "\udc80"])
def test_what_is_no_description_is_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "word.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError) as caught:
        Model("talk.wake.word", str(path))
    assert str(caught.value).startswith(f"talk.wake.word: {path}: no description of a microWake")
    assert "\n" not in str(caught.value)


def test_wake_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wake", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[3].split(maxsplit=1) == [
        "okay_nabu", "en, nl, fr, de, it, es, sv"
    ]  # fmt: skip


@speaks
def test_wake_try_on_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pcm = silence(2) + voices.say(voices.SPOKEN["okay_nabu"]) + silence(1)
    path = write_wav(tmp_path / "word.wav", pcm)
    assert main(["wake", "try", "--file", str(path), "--sensitivity", "0.6"]) == 0
    first, hit, last = capsys.readouterr().out.splitlines()
    assert first == "okay_nabu, sensitivity 0.6: heard above a score of 0.53"
    assert abs(float(hit.split()[0]) - (len(pcm) / 32000 - 1)) < 0.3
    assert last.startswith("heard once in 4.")


def test_wake_try_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wake", "try", "--word", "okay_nabo"]) == 2
    assert "did you mean 'okay_nabu'?" in capsys.readouterr().err
    assert main(["wake", "try", "--sensitivity", "7"]) == 2
    assert "--sensitivity: 7; expected a number from 0 to 1" in capsys.readouterr().err
    with wave.open(str(tmp_path / "empty.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
    assert main(["wake", "try", "--file", str(tmp_path / "no.wav")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
