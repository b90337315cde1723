"""``dragoman run --live`` on a real terminal (a pty), against the emulator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from agent.emulator import Emulator
from agent.emulator.faults import Fault
from tests.patience import HANG_S
from tests.system.device import noise, silence, write_config, write_wav
from tests.system.terminal import Display, Pty

FIRST = "Good morning, where is the railway station?"
LOOP = {"capture": {"loop": True}, "playback": {"device": "null"}}


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "speech.wav", silence(0.3) + noise(1.2) + silence(1.0))


def command(config: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "agent", "run", "--config", str(config), "--live", *options]


@contextmanager
def terminal(config: Path, *options: str, **size: Any) -> Iterator[Pty]:
    with Pty(command(config, *options), **size) as pty:
        yield pty
        assert pty.display.overflows == 0
        assert not any("Traceback" in line for line in pty.display.history)


def has(*words: str) -> Callable[[Display], bool]:
    return lambda display: all(word in display.text for word in words)


def drawn_again(before: Display, word: str) -> Callable[[Display], object]:
    """Whether more was drawn than is there by now, down to the last line."""
    frames = before.frames
    return lambda now: now.frames > frames + 2 and word in now.text and now.lines[-1]


def assert_restored(pty: Pty) -> None:
    display = pty.display
    assert (display.alternate, display.cursor, display.wraps) == (False, True, True)
    assert pty.modes_now() == pty.modes


def test_a_run_is_drawn_and_its_captions_stay(tmp_path: Path, speech: Path) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, service={"target": "zh"})
        with terminal(config) as pty:
            pty.wait_for(has("● listening", "twetalk-v2", "en → zh", "kitchen-1"), "the header")
            pty.wait_for(has("┃ "), "a caption that grows")
            pty.wait_for(has(f"   {FIRST}", "   早上好,火车站在哪里?"), "a caption")
            pty.wait_for(has("round trip", "pacing error", "backlog 0 ms", "lost 0"), "the vitals")
            assert pty.finish() == 0
            said = [line for line in pty.display.history if not line.startswith("warning: thread")]
            assert said == [f"{FIRST}  →  早上好,火车站在哪里?", ""]
            assert_restored(pty)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_restores_the_terminal(
    tmp_path: Path, speech: Path, number: signal.Signals
) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, audio=LOOP)
        with terminal(config) as pty:
            pty.wait_for(has(FIRST), "a caption")
            assert pty.modes_now() != pty.modes
            assert pty.finish(number) == 0
            assert any(line.startswith(FIRST) for line in pty.display.history)
            assert_restored(pty)


def test_ctrl_c_ends_it(tmp_path: Path, speech: Path) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, audio=LOOP)
        with terminal(config) as pty:
            pty.wait_for(has("listening"), "the screen")
            pty.press(b"\x03")
            assert pty.finish() == 0
            assert_restored(pty)


def test_a_failure_restores_the_terminal_and_is_told(tmp_path: Path, speech: Path) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, service={"token": "wrong"})
        with terminal(config) as pty:
            assert pty.finish() == 1
            assert_restored(pty)
            assert any(
                line.startswith("dragoman: twetalk-v2 says: ") for line in pty.display.history
            )


def test_keys_drive_the_device(tmp_path: Path, speech: Path) -> None:
    pytest.importorskip("gpiod")
    from tests.pins import environment

    buttons = [
        {"pin": 17, "source": "en", "target": "es"},
        {"pin": 27, "source": "es", "target": "en"},
    ]
    with Emulator() as cloud:
        talk = {"mode": "hold", "buttons": buttons}
        config = write_config(tmp_path, cloud.url, audio=LOOP, talk=talk)
        with terminal(config, env=environment()) as pty:
            pty.wait_for(has("○ idle", "Press space and talk", "en → es"), "the device")
            pty.press(b" ")
            pty.wait_for(has("● listening"), "listening")
            pty.wait_for(has(FIRST), "a caption")
            for key, shown in (
                (b"l", "es → en"),
                (b"l", "en → es"),
                (b"t", "speech off"),
                (b"-", "volume 95"),
                (b"+", "volume 100"),
                (b"\x1a", "listening"),  # Ctrl-Z does not stop it
                (b"m", "muted"),
            ):
                pty.press(key)
                pty.wait_for(has(shown), shown)
            pty.press(b"q")
            assert pty.finish() == 0
            assert_restored(pty)


def test_an_outage_is_told_counted_and_its_replay_marked(tmp_path: Path) -> None:
    # A sentence with a pause in it: where its end was heard is not known for sure.
    sentence = noise(1.0) + silence(0.3) + noise(1.0)
    write_wav(tmp_path / "speech.wav", silence(0.3) + sentence + silence(3.0))
    faults = (Fault("reset", connection=1, after_audio_ms=3600),)
    with Emulator(faults=faults) as cloud:
        config = write_config(tmp_path, cloud.url, audio=LOOP)
        with terminal(config) as pty:
            pty.wait_for(has("Connected again after", "reconnects 1"), "the notice")
            pty.wait_for(has("↻ ", "(may repeat)"), "the replay")
            pty.press(b"q")
            assert pty.finish() == 0
            # What was logged meanwhile was kept off the screen, and is told afterwards.
            assert any(line.startswith("warning: twetalk-v2: ") for line in pty.display.history)


def test_it_follows_the_size_of_the_terminal(tmp_path: Path, speech: Path) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, audio=LOOP)
        with Pty(command(config)) as pty:
            pty.wait_for(has("volume 100", FIRST), "80 by 24")
            for columns, rows, shown in (
                (40, 8, "vol 100"),
                (200, 50, "volume 100"),
                (20, 3, "ing"),
            ):
                drawn = drawn_again(pty.display, shown)
                pty.resize(columns, rows)
                pty.wait_for(drawn, f"{columns} by {rows}, drawn to the bottom")
                assert len(pty.display.lines) == rows
            pty.press(b"q")
            assert pty.finish() == 0
            assert_restored(pty)


def test_a_stopped_terminal_stops_nothing(tmp_path: Path, speech: Path) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, audio=LOOP)
        with terminal(config) as pty:
            pty.wait_for(has("listening"), "the screen")
            pty.press(b"\x13")  # Ctrl-S
            while pty.read(0.5):
                pass
            heard = cloud.connections[0].audio_ms
            pty.wait_for(lambda _: cloud.connections[0].audio_ms > heard + 1500, "audio")
            frames = pty.display.frames
            assert not pty.read(0.3)
            pty.press(b"\x11")  # Ctrl-Q
            pty.wait_for(lambda display: display.frames > frames + 3, "the screen again")
            pty.press(b"q")
            assert pty.finish() == 0
            assert_restored(pty)


@contextmanager
def talking(text: str, translation: str) -> Iterator[str]:
    """A service that answers speech with this; its address."""
    answer = {
        "translation": translation,
        "original_detail": {"slice_type": 2, "index": 0, "voice_text_str": text},
    }

    def handler(connection: ServerConnection) -> None:
        audio = 0
        with suppress(ConnectionClosed):
            for message in connection:
                if isinstance(message, bytes):
                    audio += len(message)
                    if audio == 1280 * 30:
                        connection.send(json.dumps(answer))
                elif "ping" in (said := json.loads(message)):
                    connection.send(json.dumps({"pong": said["ping"]}))

    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(HANG_S)


EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[1;1H\r\n\x9b31m\u202egniht\u2066 end"
TAMED = "]0;owned[2J[1;1H 31mgniht end"


def test_a_server_cannot_steer_the_terminal(tmp_path: Path, speech: Path) -> None:
    with talking(EVIL, EVIL) as url:
        config = write_config(tmp_path, url, audio=LOOP)
        with terminal(config) as pty:  # anything raw is an error there
            pty.wait_for(has(f"   {TAMED}"), "the caption")
            pty.press(b"q")
            assert pty.finish() == 0
            assert pty.display.history == [f"{TAMED}  →  {TAMED}", ""]


def test_without_colours(tmp_path: Path, speech: Path) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url)
        with terminal(config, env={"NO_COLOR": "1"}) as pty:
            assert pty.finish() == 0
            styles = {each[:-1] for each in pty.display.sequences if each.endswith("m")}
            assert styles <= {"", "1", "2", "3", "3;2"}
            assert "1" in styles


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path, speech: Path) -> None:
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url)
        with terminal(config, env={"TERM": "dumb"}) as pty:
            assert pty.finish() == 0
            assert pty.display.sequences == set()
            assert pty.display.history[0].startswith(f"{FIRST}  →  Buenos")
            assert_restored(pty)


def test_a_pipe_gets_each_caption_when_it_is_finished_and_nothing_else(
    tmp_path: Path, speech: Path
) -> None:
    faults = (Fault("reset", connection=1, after_audio_ms=4000),)
    with talking(EVIL, "\x1b\r") as url, Emulator(faults=faults) as cloud:
        for address, expected in (
            (url, f"{TAMED}\n"),
            (cloud.url, f"{FIRST}  →  Buenos días, ¿dónde está la estación de tren?\n"),
        ):
            config = write_config(tmp_path, address, audio=LOOP)
            with subprocess.Popen(
                command(config),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            ) as process:
                assert process.stdout is not None
                first = process.stdout.readline().decode()
                assert process.poll() is None, "it came while the device ran"
                process.terminate()
                rest, _ = process.communicate(timeout=HANG_S)
            assert first == expected
            assert b"\x1b" not in rest
