"""``dragoman transcribe`` as a user runs it: every speech service of the emulator, on files."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy
import pytest

from agent.emulator import Emulator
from agent.emulator.faults import Fault
from agent.services.catalog import SERVICES, entry
from agent.services.entry import Shape
from tests.patience import HANG_S
from tests.system.broker import wait_until
from tests.system.device import RATE, noise, recording, silence, write_wav
from tests.system.test_cli import SECRET, dragoman

SPEECH = [name for name in SERVICES if entry(name).shape is not Shape.TEXT]
PAIRS = {
    "tencent-long-asr": ("zh", "en"),
    "tencent-tsi": ("zh", "en"),
    "tencent-speech-translate": ("zh", "en"),
    "tencent-interpreter": ("zh", "en"),
    "youdao": ("en", "zh"),
}
TEXTS = {
    "en": "Good morning, where is the railway station?",
    "zh": "早上好,火车站在哪里?",
    "es": "Buenos días, ¿dónde está la estación de tren?",
}
SOUND = silence(0.2) + recording("Front_Center")
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "speech.wav", SOUND)


def transcribe(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return dragoman("transcribe", *map(str, arguments), **options)


def objects(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The JSON lines of a run without mistakes."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def callback() -> list[str]:
    """Options for a callback address of this test's own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"service.callback_url=http://127.0.0.1:{port}/callback"
    return ["--set", f"service.callback_port={port}", "--set", address]


def lasts(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE


@pytest.mark.parametrize("name", SPEECH)
def test_every_speech_service(name: str, speech: Path) -> None:
    source, target = PAIRS.get(name, ("en", "es"))
    options = ["--service", name, "--source", source, "--target", target, "-o", "json"]
    options += callback() if name == "tencent-long-asr" else []
    with Emulator() as cloud:
        done = transcribe(speech, *options, "--cloud", cloud.url)
        heard = [c.audio for c in cloud.connections] + [e.audio for e in cloud.exchanges]
    (file,) = objects(done)
    (said,) = file["transcripts"]
    assert (file["file"], file["service"]) == (str(speech), name)
    assert file["duration_ms"] == round(lasts(SOUND) * 1000)
    assert said["index"] == 0
    assert 0 <= said["start_ms"] < said["end_ms"] <= file["duration_ms"]
    gives = entry(name).gives
    if name == "maas-whisper-translate":
        assert said["translation"] == TEXTS["en"]
        assert "text" not in said
    else:
        assert said["text"] == TEXTS[source]
        assert said.get("translation") == (TEXTS[target] if "translation" in gives else None)
    assert ("words" in said) == ("words" in gives)
    sent = b"".join(heard)
    if entry(name).composed:  # its ears get what was said, without the silence around it
        sent = sent.rstrip(b"\0")
        assert sent in SOUND
        assert len(sent) > len(SOUND.strip(b"\0")) * 0.9
    else:
        assert sent[: len(SOUND)] == SOUND


def write_odd(path: Path, rate: int, channels: int, width: int) -> Path:
    """A WAV file of any shape, with the recorded speech on all channels."""
    samples = numpy.frombuffer(SOUND, "<i2").astype(float)
    positions = numpy.arange(0, len(samples), RATE / rate)
    mono = numpy.interp(positions, numpy.arange(len(samples)), samples) / 32768
    every = numpy.repeat(mono, channels)
    if width == 1:
        data = (every * 127 + 128).astype("u1").tobytes()
    else:
        whole = (every * (2 ** (8 * width - 1) - 1)).astype("<i8")
        data = whole.view("u1").reshape(-1, 8)[:, :width].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data)
    return path


@pytest.mark.parametrize("shape", [(8000, 1, 1), (11025, 2, 2), (44100, 2, 3), (48000, 6, 4)])
def test_wav_of_any_rate_channels_and_width(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    path = write_odd(tmp_path / "odd.wav", *shape)
    with Emulator() as cloud:
        options = ["--service", "youdao", "--source", "en", "--target", "zh"]
        done = transcribe(path, *options, "--cloud", cloud.url)
        (exchange,) = cloud.exchanges
    assert done.stdout == f"{TEXTS['en']}  →  {TEXTS['zh']}\n", done.stderr
    assert lasts(exchange.audio) == pytest.approx(lasts(SOUND), abs=0.02)
    heard = numpy.frombuffer(exchange.audio, "<i2")[: len(SOUND) // 2].astype(float)
    wanted = numpy.frombuffer(SOUND, "<i2")[: len(heard)].astype(float)
    assert numpy.corrcoef(heard, wanted)[0, 1] > 0.97  # 8 kHz keeps that much


def encoded(folder: Path, name: str, *options: str) -> Path:
    """The speech as ffmpeg encodes it, skipped where it cannot."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    source, path = write_wav(folder / "source.wav", SOUND), folder / name
    command = ["ffmpeg", "-v", "error", "-i", str(source), *options, str(path)]
    if subprocess.run(command, capture_output=True, check=False, timeout=HANG_S).returncode:
        pytest.skip(f"ffmpeg cannot write {path.suffix}")
    return path


@pytest.mark.parametrize(
    ("name", "service", "options", "as_it_is"),
    [
        ("a.mp3", "maas-whisper", ("-ar", "44100", "-ac", "2"), True),
        ("a.mp3", "maas-realtime-asr", (), False),
        ("a.mp3", "youdao", ("-ar", "16000"), True),
        ("a.mp3", "youdao", ("-ar", "44100"), False),
        ("a.mp3", "youdao", ("-ar", "16000", "-ac", "2"), False),
        ("a.flac", "maas-fast-asr", (), True),
        ("a.flac", "maas-whisper", (), False),
        ("a.ogg", "maas-fast-asr", (), True),
        ("a.m4a", "maas-whisper", (), True),
        ("a.m4a", "youdao", (), False),
    ],
)
def test_other_formats_are_sent_as_they_are_or_decoded(
    tmp_path: Path, name: str, service: str, options: tuple[str, ...], as_it_is: bool
) -> None:
    path = encoded(tmp_path, name, *options)
    with Emulator() as cloud:
        done = transcribe(path, "--service", service, "--source", "en", "--cloud", cloud.url)
        (exchange,) = cloud.exchanges
    assert done.stdout == f"{TEXTS['en']}\n", done.stderr
    assert lasts(exchange.audio) == pytest.approx(lasts(SOUND), abs=0.2)
    assert (exchange.size < path.stat().st_size * 1.5 + 2000) == as_it_is


def test_a_long_file_is_split_at_silences_and_put_together(tmp_path: Path) -> None:
    sentence = recording("Front_Center") + silence(1.5)
    path = write_wav(tmp_path / "long.wav", sentence * 8)
    with Emulator() as cloud:
        options = ["--service", "youdao", "--source", "en", "--target", "en", "-o", "json"]
        (file,) = objects(transcribe(path, *options, "--cloud", cloud.url))
        pieces = [exchange.audio for exchange in cloud.exchanges]
    assert len(pieces) == 2
    assert all(lasts(piece) <= 15 for piece in pieces)
    assert b"".join(pieces) == sentence * 8
    first, second = file["transcripts"]
    assert [first["index"], second["index"]] == [0, 1]
    border = lasts(pieces[0]) * 1000
    assert first["end_ms"] < border < second["start_ms"] < second["end_ms"] < file["duration_ms"]


def test_subtitles(speech: Path) -> None:
    with Emulator() as cloud:
        options = ["--service", "maas-fast-asr", "--source", "en", "--cloud", cloud.url]
        srt, vtt = (transcribe(speech, *options, "-o", form) for form in ("srt", "vtt"))
    number, times, *lines = srt.stdout.rstrip("\n").split("\n")
    assert (number, " ".join(lines)) == ("1", TEXTS["en"])  # a character more than a line
    assert times.startswith("00:00:00,2")
    times = times.replace(",", ".")
    text = "\n".join(lines)
    assert vtt.stdout == f"WEBVTT\n\n1\n{times}\n{text}\n\n"


# What goes wrong


def test_one_bad_file_among_many_stops_no_other(tmp_path: Path, speech: Path) -> None:
    bad, gone = tmp_path / "bad.wav", tmp_path / "gone.wav"
    bad.write_text("no sound")
    with Emulator() as cloud:
        options = ["--service", "maas-whisper", "--source", "en", "--cloud", cloud.url]
        done = transcribe(speech, bad, gone, speech, *options)
    assert done.stdout == f"{TEXTS['en']}\n" * 2
    assert done.returncode == 2
    one, other = done.stderr.splitlines()
    assert one.startswith(f"dragoman: {bad}: ")
    assert other == f"dragoman: {gone}: No such file or directory"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("twetalk-v2", "token"),
        ("tencent-tsi", "secret_key"),
        ("tencent-long-asr", "app_key"),
        ("maas-fast-asr", "access_key"),
        ("youdao", "app_secret"),
    ],
)
def test_wrong_credentials(name: str, key: str, speech: Path) -> None:
    source = PAIRS.get(name, ("en", "es"))[0]
    options = ["--service", name, "--source", source, "--set", f"service.{key}={SECRET}"]
    options += callback() if name == "tencent-long-asr" else []
    with Emulator() as cloud:
        done = transcribe(speech, *options, "--cloud", cloud.url)
    assert (done.returncode, done.stdout) == (1, "")
    *warnings, line = done.stderr.splitlines()
    assert all("better: --set service." in warning for warning in warnings)
    assert line.startswith(f"dragoman: {speech}: {name} says: ")


@pytest.mark.parametrize("name", ["twetalk-v2", "tencent-tsi", "maas-whisper"])
def test_an_unreachable_cloud(name: str, speech: Path) -> None:
    options = ["--service", name, "--source", "zh", "--cloud", NOWHERE]
    done = transcribe(speech, *options)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"dragoman: {speech}: 127.0.0.1:1 refuses connections")


def test_a_service_that_fails_now_and_then_is_asked_again(speech: Path) -> None:
    faults = [Fault("http", request=1), Fault("reset", request=2), Fault("garbage", request=3)]
    with Emulator(faults=faults) as cloud:
        options = ["--service", "maas-whisper", "--source", "en", "--cloud", cloud.url]
        done = transcribe(speech, *options)
        assert len(cloud.exchanges) == 4
    assert done.stdout == f"{TEXTS['en']}\n", done.stderr


def test_a_service_that_always_fails_is_given_up(speech: Path) -> None:
    with Emulator(faults=[Fault("http", request="any")]) as cloud:
        options = ["--service", "maas-whisper", "--source", "en", "--cloud", cloud.url]
        done = transcribe(speech, *options)
        assert len(cloud.exchanges) == 5
    assert done.returncode == 1
    assert "HTTP 503" in done.stderr


def test_what_was_heard_before_a_refusal_is_printed(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", (noise(9) + silence(1)) * 2)
    with Emulator(faults=[Fault("error", request=2, code="401")]) as cloud:
        options = ["--service", "youdao", "--source", "en", "--target", "en"]
        done = transcribe(path, *options, "--cloud", cloud.url)
    assert done.stdout == f"{TEXTS['en']}\n"
    assert done.returncode == 1
    assert "youdao says: the account is out of credit" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--service", "youdao", "--source", "xx"], "youdao does not take the language 'xx'"),
        (["--service", "youdao", "--source", "b@d"], "--source: 'b@d' is no language code"),
        (["--service", "yuodao"], "did you mean 'youdao'"),
        (["--service", "twetalk-summary"], "works on text"),
        (["--service", "youdao", "--config", "/nowhere.yaml"], "/nowhere.yaml"),
    ],
)
def test_wrong_usage_exits_2(options: list[str], words: str, speech: Path) -> None:
    done = transcribe(speech, *options, "--cloud", NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert words in line


def test_credentials_are_needed_where_the_cloud_is_not_this_machine(speech: Path) -> None:
    done = transcribe(speech, "--service", "youdao", "--source", "en")
    assert done.returncode == 2
    assert "app_secret" in done.stderr


def test_a_target_that_has_no_effect_is_mentioned(speech: Path) -> None:
    with Emulator() as cloud:
        options = ["--service", "maas-whisper", "--source", "en", "--target", "es"]
        done = transcribe(speech, *options, "--cloud", cloud.url)
    assert (done.returncode, done.stdout) == (0, f"{TEXTS['en']}\n")
    assert "does not translate" in done.stderr


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(speech: Path) -> None:
    pytest.importorskip("rich")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "agent", "transcribe", str(speech), "--source", "en"]
    with Emulator() as cloud, os.fdopen(ours, "rb", buffering=0) as terminal:
        done = subprocess.run(
            [*command, "--service", "maas-whisper", "--cloud", cloud.url],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
            timeout=HANG_S,
            check=True,
        )
        drawn = terminal.read(65536)
        os.close(theirs)
        piped = transcribe(*command[4:], "--service", "maas-whisper", "--cloud", cloud.url)
    assert done.stdout.decode() == piped.stdout == f"{TEXTS['en']}\n"
    assert "speech.wav" in drawn.decode()
    assert piped.stderr == ""


# Long files


def measured(*arguments: object) -> tuple[subprocess.CompletedProcess[str], int]:
    """A run, and its peak resident memory in MB."""
    program = (
        "import re, sys; from pathlib import Path; from agent.cli import main; code = main();"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1];"
        "print(f'PEAK {peak}', file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "transcribe", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    said, _, peak = done.stderr.rpartition("PEAK ")
    done.stderr = said
    return done, int(peak) // 1024


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of stereo MP3 in which somebody speaks now and then."""
    folder = tmp_path_factory.mktemp("hour")
    minute = (recording("Front_Center") + silence(28.5)) * 2
    source, path = write_wav(folder / "minute.wav", minute), folder / "hour.mp3"
    encode = ["ffmpeg", "-v", "error", "-i", str(source), "-ar", "48000", "-ac", "2"]
    subprocess.run([*encode, "-b:a", "64k", str(folder / "minute.mp3")], check=True)
    path.write_bytes((folder / "minute.mp3").read_bytes() * 60)
    return path


@pytest.mark.parametrize(
    ("name", "minutes"), [("maas-fast-asr", 60), ("youdao", 10), ("tencent-long-asr", 10)]
)
def test_a_long_file_is_uploaded_in_little_memory(
    name: str, minutes: int, hour: Path, tmp_path: Path
) -> None:
    path = tmp_path / "long.mp3"
    path.write_bytes(hour.read_bytes()[: hour.stat().st_size // 60 * minutes])
    source = PAIRS.get(name, ("en", "es"))[0]
    options = ["--service", name, "--source", source, "-o", "json"]
    options += callback() if name == "tencent-long-asr" else []
    with Emulator() as cloud:
        done, megabytes = measured(path, *options, "--cloud", cloud.url)
    (file,) = objects(done)
    assert file["duration_ms"] == pytest.approx(60_000 * minutes, rel=0.005)
    assert file["transcripts"][-1]["end_ms"] > 59_000 * minutes - 32_000
    assert megabytes <= 80


@pytest.mark.parametrize("name", ["twetalk-v2", "tencent-tsi"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_heard(
    name: str, number: signal.Signals, hour: Path, tmp_path: Path
) -> None:
    """And an hour that is heard live is no more memory than the minute so far."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    source, target = PAIRS.get(name, ("en", "es"))
    options = ["--service", name, "--source", source, "--target", target, "-o", "json"]
    with Emulator() as cloud:
        command = [sys.executable, "-m", "agent", "transcribe", str(hour), *options]
        process = subprocess.Popen(
            [*command, "--cloud", cloud.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(folder)},
        )
        wait_until(lambda: answered(cloud), "nothing was heard", 60)
        time.sleep(0.5)  # the answer is on its way
        memory = Path(f"/proc/{process.pid}/status").read_text()
        process.send_signal(number)
        printed, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    (file,) = [json.loads(line) for line in printed.splitlines()]
    assert file["transcripts"][0]["text"] == TEXTS[source]
    (line,) = said.splitlines()
    assert line.startswith(f"dragoman: {hour}: interrupted after 00:00:")
    assert list(folder.iterdir()) == []
    assert int(memory.partition("VmHWM:")[2].split()[0]) // 1024 <= 80


def test_a_file_each_is_written_when_it_is_done(tmp_path: Path, speech: Path) -> None:
    other = write_wav(tmp_path / "other.wav", SOUND)
    fault = Fault("error", request=2, code="401")
    with Emulator(faults=[fault]) as cloud:
        options = ["--service", "youdao", "--source", "en", "--cloud", cloud.url]
        done = transcribe(speech, other, *options, "-o", f"{tmp_path}/out/", "-o", "vtt")
    assert (done.returncode, done.stdout) == (1, "")
    (written,) = (tmp_path / "out").iterdir()
    assert written.name == "speech.vtt"
    assert TEXTS["en"].split()[0] in written.read_text()


def test_standard_input(speech: Path) -> None:
    command = [sys.executable, "-m", "agent", "transcribe", "-", "--service", "maas-whisper"]
    with Emulator() as cloud:
        options = ["--source", "en", "--cloud", cloud.url]
        for sound, expected in ((speech.read_bytes(), 0), (b"no sound", 2)):
            done = subprocess.run(
                [*command, *options], input=sound, capture_output=True, timeout=30, check=False
            )
            assert done.returncode == expected
            if expected == 0:
                assert done.stdout.decode() == f"{TEXTS['en']}\n"
            else:
                said = done.stderr.decode()
                assert said.startswith("dragoman: standard input: no sound of a known format")


def test_several_targets_are_a_file_each(tmp_path: Path, speech: Path) -> None:
    options = ["--service", "maas-speech-translation", "--source", "en", "-o", f"{tmp_path}/out/"]
    with Emulator() as cloud:
        done = transcribe(
            speech, *options, "--set", "service.targets=[zh, es]", "--cloud", cloud.url
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert sorted(written) == ["speech.en.srt", "speech.es.srt", "speech.zh.srt"]
    assert TEXTS["zh"] in written["speech.zh.srt"]


def test_nothing_recognised_is_told(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "silence.wav", silence(2))
    with Emulator() as cloud:
        options = ["--service", "maas-whisper", "--source", "en", "--cloud", cloud.url]
        done = transcribe(path, *options)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"dragoman: {path}: nothing was recognised\n"


def answered(cloud: Emulator) -> bool:
    """Whether the service has heard the first words, and the pause behind them."""
    heard = [c.audio_ms for c in cloud.connections]
    heard += [len(b"".join(e.audio for e in cloud.exchanges)) / 32]
    return max(heard) > 3500
