"""The crash memory in a whole device; kill -9 of a process is in tests/faults/crash.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.app import App
from agent.config import loader
from agent.emulator import Emulator
from agent.errors import UsageError
from agent.events import Event, Notice
from tests.system.broker import wait_until
from tests.system.device import noise, running, silence, write_config, write_wav


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
    return folder


def test_a_thread_that_dies_leaves_its_speech_to_the_next_process(
    tmp_path: Path, runtime: Path
) -> None:
    write_wav(tmp_path / "speech.wav", noise(60.0))  # without a pause: no final comes before
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, service={"tts": False})
        with running(config) as device:
            wait_until(lambda: cloud.connections and cloud.connections[0].audio_ms > 600, "audio")
            device.app.capture._vad = None  # type: ignore[assignment]
            assert device.finish() == 1
            assert device.app.memory is not None
            heard = device.app.ring.head
        assert (runtime / "memory").exists()
        write_wav(tmp_path / "speech.wav", silence(3.0))
        seen: list[Event] = []
        with running(config, seen.append) as device:
            assert device.finish() == 0, device.error
        [found] = [e for e in seen if isinstance(e, Notice) and e.event == "recovered"]
        assert 0 < found.detail["duration_ms"] <= heard * 40
        assert device.app.telemetry.total("finals") >= 1
        assert not (runtime / "memory").exists()


@pytest.mark.parametrize(
    ("setting", "by_hand", "kept"),
    [(None, "", False), (None, "session", False), (True, "session", True), (False, "", False)],
)
def test_run_by_hand_it_is_off_unless_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: bool | None, by_hand: str, kept: bool
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", by_hand and str(tmp_path / by_hand))
    memory = app(tmp_path, {"crash_memory": setting}).memory
    assert (memory is not None) is kept
    assert (tmp_path / "session" / "dragoman" / "memory").exists() is kept


def test_it_can_be_turned_off(tmp_path: Path, runtime: Path) -> None:
    assert app(tmp_path, {"crash_memory": False}).memory is None
    assert not runtime.exists()


def test_asked_for_where_there_is_no_folder_it_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(UsageError, match=r"needs \$RUNTIME_DIRECTORY or \$XDG_RUNTIME_DIR"):
        app(tmp_path, {"crash_memory": True})


def test_a_second_device_goes_without_and_says_so(
    tmp_path: Path, runtime: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = app(tmp_path, {})
    assert app(tmp_path, {}).memory is None
    assert "another process uses it" in caplog.text
    assert first.memory is not None
    first.memory.close(orderly=True)


def app(folder: Path, network: dict[str, Any]) -> App:
    return App(loader.load(str(write_config(folder, "ws://127.0.0.1:9", network=network))))
