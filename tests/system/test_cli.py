"""The command as a user meets it: exit codes, one clear line, no traceback, no secret."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from agent.app import REPORTS_S, STOP_S
from agent.emulator import Emulator
from tests.patience import HANG_S
from tests.system.broker import MISSING, MOSQUITTO, Broker, Observer, wait_until
from tests.system.device import recording, silence, write_config, write_wav

SECRET = "s3cret-of-this-test"


def dragoman(*arguments: str, seconds: float = HANG_S) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    sound = silence(0.2) + recording("Front_Center") + silence(1.0)
    return write_wav(tmp_path / "speech.wav", sound)


def test_a_run_on_a_file_prints_captions_and_exits_0(tmp_path: Path, speech: Path) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url)
        done = dragoman("run", "--config", str(config), "--live")
    assert done.returncode == 0
    assert done.stdout.startswith("Good morning, where is the railway station?  →  Buenos días")
    assert (tmp_path / "spoken.wav").stat().st_size > 10_000


def test_nothing_but_what_it_says_itself_is_on_stderr(tmp_path: Path) -> None:
    """A recording of 48 kHz is resampled; the resampler must not tell of itself at the end."""
    write_wav(tmp_path / "speech.wav", recording("Front_Center", 48000), 48000)
    with Emulator() as cloud:
        done = dragoman("run", "--config", str(write_config(tmp_path, cloud.url)))
    assert done.returncode == 0
    begin = ("microphone: ", "speaker: ", "connection closed: ", "stopped: ")
    assert [line for line in done.stderr.splitlines() if not line.startswith(begin)] == []


def test_cloud_and_set_and_duration(tmp_path: Path, speech: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:1", audio={"capture": {"loop": True}})
    with Emulator() as cloud:
        options = ["--cloud", cloud.url, "--duration", "1", "--set", "audio.playback.device=null"]
        done = dragoman("run", "--config", str(config), *options)
        assert cloud.connections[0].audio_ms >= 900
    assert done.returncode == 0
    assert not (tmp_path / "spoken.wav").exists()


@pytest.mark.parametrize(
    ("settings", "code", "line"),
    [
        (["service.token=" + SECRET], 1, "dragoman: twetalk-v2 says: "),
        (["audio.capture.device=file:/nowhere/x.wav"], 1, "/nowhere/x.wav"),
        (["audio.capture.device=file:/proc/version"], 1, "/proc/version"),
        (["audio.playback.device=file:/nowhere/out.wav"], 1, "/nowhere"),
        (["audio.rte=1", "talk.mode=shout"], 2, "did you mean 'rate'"),
        (["network.ca_file=/nowhere.pem"], 2, "/nowhere.pem"),
    ],
)
def test_bad_input_is_one_clear_line(
    tmp_path: Path, speech: Path, settings: list[str], code: int, line: str
) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url)
        options = [part for setting in settings for part in ("--set", setting)]
        done = dragoman("run", "--config", str(config), *options)
    assert done.returncode == code, done.stderr
    assert line in done.stderr


def test_a_missing_alsa_device_is_named_and_waited_for(tmp_path: Path) -> None:
    pytest.importorskip("alsaaudio")
    config = write_config(tmp_path, "http://127.0.0.1:1")
    device = ("--set", "audio.capture.device=hw:NoSuchCard")
    done = dragoman("run", "--config", str(config), *device, "--duration", "2")
    assert done.returncode == 1  # for want of a cloud
    assert "hw:NoSuchCard" in done.stderr


def test_wrong_usage_exits_2() -> None:
    assert dragoman("run", "--no-such-option").returncode == 2
    assert dragoman().returncode == 2
    assert dragoman("run", "--config", "/nowhere.yaml").returncode == 2


def test_help_names_the_commands() -> None:
    done = dragoman("--help")
    assert done.returncode == 0
    for command in ("run", "check-config", "devices", "emulate"):
        assert command in done.stdout


def test_sigterm_ends_it_and_says_offline(tmp_path: Path, speech: Path) -> None:
    if not MOSQUITTO:
        pytest.skip(MISSING)
    broker = Broker(tmp_path / "broker")
    broker.start()
    observer = Observer(broker)
    mqtt = {"host": "127.0.0.1", "port": broker.port, "discovery": None}
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, mqtt=mqtt, audio={"capture": {"loop": True}})
        with started("run", "--config", str(config)) as process:
            status = "dragoman/kitchen-1/status"
            observer.wait(lambda: observer.on(status) == [b"online"], "online")
            wait_until(lambda: cloud.connections and cloud.connections[0].audio_ms > 0, "audio")
            process.send_signal(signal.SIGTERM)
            assert process.wait(HANG_S) == 0
            assert STOP_S + REPORTS_S < 2, "what the threads are given for it together"
            assert "Traceback" not in process.communicate()[1]
            observer.wait(lambda: observer.on(status)[-1] == b"offline", "offline")
    observer.close()
    broker.stop()


def test_raw_sound_on_standard_input(tmp_path: Path) -> None:
    sound = silence(0.2) + recording("Front_Center") + silence(1.0)
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, audio={"capture": {"device": "stdin"}})
        done = subprocess.run(
            [sys.executable, "-m", "agent", "run", "--config", str(config), "--live"],
            input=sound,
            capture_output=True,
            timeout=HANG_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert cloud.connections[0].audio[: len(sound)] == sound
    assert done.stdout.startswith(b"Good morning")


def test_a_server_that_is_not_ours_works_by_configuration_alone(
    tmp_path: Path, speech: Path
) -> None:
    """A server of a few lines, written after the document with another library."""
    seen: list[object] = []

    def handler(connection: ServerConnection) -> None:
        seen.append(connection.request.path if connection.request else None)
        seen.append(json.loads(connection.recv()))
        audio = 0
        for message in connection:
            if isinstance(message, str):
                connection.send(json.dumps({"pong": json.loads(message)["ping"]}))
                continue
            audio += len(message)
            if audio == 1280 * 60:
                connection.send(
                    '{"translation":"Hallo","original_detail":'
                    '{"slice_type":2,"index":0,"voice_text_str":"Hello"}}'
                )
                connection.send(bytes(9_601))

    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        config = write_config(tmp_path, url, service={"target": "de", "tts_stream": False})
        done = dragoman("run", "--config", str(config), "--live")
        server.shutdown()
        thread.join(HANG_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Hello  →  Hallo\n"
    assert seen[0] == "/v2/ws-voice-translate"
    assert isinstance(seen[1], dict)
    assert seen[1]["lang_target"] == "de"


def test_emulate_as_a_command(tmp_path: Path) -> None:
    with started("emulate", "--port", "0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "listening on http://127.0.0.1:" in line
        assert "demo" in line
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG_S) == 0


def test_devices_without_a_card_or_with_one() -> None:
    pytest.importorskip("alsaaudio")
    done = dragoman("devices", "--json")
    assert done.returncode in (0, 1)
    if done.returncode == 0:
        assert isinstance(json.loads(done.stdout), list)


def test_a_closed_pipe_is_no_crash() -> None:
    done = subprocess.run(
        f"{sys.executable} -m agent --help | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert "Traceback" not in done.stderr
