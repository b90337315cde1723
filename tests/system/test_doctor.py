"""The doctor as a user meets it: against the emulator, a real broker and real sound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config import loader
from agent.config.credentials import CREDENTIALS
from agent.config.schema import Audio, Capture, Playback
from agent.doctor import echo, listening
from agent.doctor.trial import credentials
from agent.emulator import Emulator
from tests.patience import HANG_S
from tests.system.broker import MISSING, MOSQUITTO, Broker
from tests.system.device import RATE, noise, recording, silence, write_config, write_wav
from tests.system.pulse import Pulse, pulse

__all__ = ["pulse"]

SECRET = "s3cret-of-this-test"
CLOCK = SystemClock()
#: A service that is allowed to be given a wrong key, and the key.
WRONG = {
    **{name: keys[-1] for name, keys in CREDENTIALS.items()},
    "tencent-long-asr": "app_key",
    "maas-whisper": "endpoint",
}


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done


def report(*arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code and the checks by name."""
    done = doctor("--json", *arguments)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["ok"] == (done.returncode == 0)
    return done.returncode, {check["name"]: check for check in found["checks"]}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def config(tmp_path: Path, cloud: Emulator) -> Path:
    write_wav(tmp_path / "speech.wav", recording("Front_Center") + silence(1.0))
    return write_config(tmp_path, cloud.url)


def test_a_device_that_is_fit(config: Path, broker: Broker, tmp_path: Path) -> None:
    mqtt = [f"mqtt.port={broker.port}", "mqtt.host=127.0.0.1"]
    options = [part for setting in mqtt for part in ("--set", setting)]
    code, checks = report("--config", str(config), *options)
    assert code == 0
    for name in ("configuration", "disk", "microphone", "cloud", "credentials", "broker"):
        assert checks[name]["outcome"] == "pass", checks[name]
    assert checks["microphone"]["text"].startswith("good: ")
    assert checks["speaker"]["outcome"] == checks["pins"]["outcome"] == "skip"
    assert not (tmp_path / "spoken.wav").exists()


def test_the_running_device_is_not_thrown_off_the_broker(config: Path, broker: Broker) -> None:
    mqtt = ["--set", f"mqtt.port={broker.port}", "--set", "mqtt.host=127.0.0.1"]
    report("--config", str(config), "--no-sound", *mqtt)
    assert "dragoman-doctor-kitchen-1" in broker.log()
    assert "as dragoman-kitchen-1 " not in broker.log()


def test_lines_for_people(config: Path) -> None:
    done = doctor("--config", str(config), "--no-sound", "--set", f"service.token={SECRET}")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert f"✓ configuration  {config}: kitchen-1, twetalk-v2, en to es" in lines
    assert "– microphone     --no-sound" in lines
    at = lines.index("✗ credentials    twetalk-v2 says: Invalid Token (code -1)")
    assert lines[at + 1] == "                 → check the keys of twetalk-v2 under service:"
    assert "\x1b" not in done.stdout


def test_a_silent_microphone(config: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "speech.wav", silence(3.0))
    code, checks = report("--config", str(config))
    assert code == 1
    assert checks["microphone"]["outcome"] == "fail"
    assert checks["microphone"]["text"] == "dead: every sample is 0, which no microphone gives"
    assert "alsamixer" in checks["microphone"]["mend"]


def test_nothing_can_be_reached(config: Path) -> None:
    cloud = ["--cloud", "http://127.0.0.1:1"]
    mqtt = ["--set", "mqtt.host=127.0.0.1", "--set", "mqtt.port=1"]
    code, checks = report("--config", str(config), "--no-sound", *cloud, *mqtt)
    assert code == 1
    for name in ("cloud", "credentials", "broker"):
        assert checks[name]["outcome"] == "fail"
        assert checks[name]["mend"]
    assert checks["cloud"]["text"] == "127.0.0.1:1 refuses connections"


def test_a_broker_that_wants_a_password(config: Path, tmp_path: Path) -> None:
    if not MOSQUITTO:
        pytest.skip(MISSING)
    broker = Broker(tmp_path / "broker", "allow_anonymous false")
    broker.start()
    mqtt = ["--set", f"mqtt.port={broker.port}", "--set", "mqtt.host=127.0.0.1"]
    mqtt += ["--set", "mqtt.username=me", "--set", f"mqtt.password={SECRET}"]
    code, checks = report("--config", str(config), "--no-sound", *mqtt)
    broker.stop()
    assert code == 1
    assert "check mqtt.username and mqtt.password" in checks["broker"]["mend"]


def test_a_wrong_configuration_is_a_fault_and_the_rest_is_looked_at(config: Path) -> None:
    config.write_text(config.read_text().replace("mode: open", "mode: shout"))
    code, checks = report("--config", str(config))
    assert code == 1
    assert "talk.mode" in checks["configuration"]["text"]
    assert checks["clock"]["outcome"] in ("pass", "warn")
    assert checks["credentials"]["outcome"] == "skip"


def test_without_sound_cards_it_says_so(config: Path) -> None:
    device = "plughw:CARD=Nowhere,DEV=0"
    sets = ["--set", f"audio.capture.device={device}", "--set", f"audio.playback.device={device}"]
    code, checks = report("--config", str(config), *sets)
    assert code == 1
    assert checks["microphone"]["text"].startswith(f"{device} ")
    assert checks["speaker"]["outcome"] == "fail"


def test_nothing_is_left_where_it_was_called(config: Path, tmp_path: Path) -> None:
    pytest.importorskip("gpiod")
    here = tmp_path / "here"
    here.mkdir()
    command = [sys.executable, "-m", "agent", "doctor", "--config", str(config), "--no-sound"]
    command += ["--set", "talk.led.pin=22"]
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]))
    done = subprocess.run(
        command, cwd=here, env=env, capture_output=True, text=True, timeout=HANG_S, check=False
    )
    assert "pins" in done.stdout
    assert list(here.iterdir()) == []


# --- every service ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in CREDENTIALS if name != "own"])
def test_good_credentials_are_accepted(name: str, cloud: Emulator) -> None:
    source = "zh" if name == "tencent-long-asr" else "en"
    config = loader.load(
        "/dev/null", [f"service.source={source}", "service.target=zh"], {}, cloud.url, name
    )
    check = credentials(config, CLOCK)
    assert (check.outcome, check.text) == ("pass", f"accepted by {name}")


@pytest.mark.parametrize("name", [name for name in CREDENTIALS if name != "own"])
def test_wrong_credentials_are_refused(name: str, cloud: Emulator) -> None:
    wrong = "7" if WRONG[name] == "app_id" else SECRET
    sets = ["service.source=zh", "service.target=en", f"service.{WRONG[name]}={wrong}"]
    config = loader.load("/dev/null", sets, {}, cloud.url, name)
    check = credentials(config, CLOCK)
    assert check.outcome == "fail", check
    assert SECRET not in check.text
    assert name in check.mend or "service" in check.mend


# --- real sound ------------------------------------------------------------------------------


def test_a_tone_is_heard_through_alsa(pulse: Pulse) -> None:
    audio = Audio(capture=Capture(device="mic"), playback=Playback(device="speaker"))
    check = listening.speaker(audio, CLOCK)
    assert check.outcome == "pass", check
    assert "hears its tone" in check.text


def test_a_speaker_that_is_turned_off_is_not_heard(pulse: Pulse) -> None:
    audio = Audio(capture=Capture(device="mic"), playback=Playback(device="speaker", volume=0))
    assert listening.speaker(audio, CLOCK).outcome == "warn"


def test_the_loop_is_measured_through_alsa(pulse: Pulse) -> None:
    pytest.importorskip("pywebrtc_audio")
    audio = Audio(capture=Capture(device="mic"), playback=Playback(device="speaker"), echo="cancel")
    # On a busy machine a noise has gaps, and is measured anew.
    found = (echo.echo(audio, CLOCK) for _ in range(10))
    assert any(check.outcome == "pass" and "ms late at" in check.text for check in found)
    deaf = Audio(capture=Capture(device="mic"), playback=Playback(device="speaker", volume=0))
    assert echo.echo(deaf, CLOCK).text == "the microphone does not hear the speaker"


def test_a_silent_microphone_through_alsa(pulse: Pulse) -> None:
    check = listening.microphone(Audio(capture=Capture(device="mic")), CLOCK)
    assert check.text.startswith("dead")


def test_a_tone_without_a_microphone_to_hear_it(pulse: Pulse, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "mic.wav", noise(1.0), RATE)
    audio = Audio(capture=Capture(device=f"file:{path}"), playback=Playback(device="speaker"))
    check = listening.speaker(audio, CLOCK)
    assert (check.outcome, check.text) == (
        "pass",
        "played a tone; there is no microphone to hear it",
    )
    deaf = Audio(capture=Capture(device="nowhere"), playback=Playback(device="speaker"))
    assert listening.speaker(deaf, CLOCK).outcome == "warn"
