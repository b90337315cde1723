"""SIGHUP on a real process: the file is loaded again."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.emulator import Emulator
from tests.patience import HANG_S
from tests.system.broker import wait_until
from tests.system.device import noise, write_config, write_wav

SECRET = "s3cret-of-this-test"


class Daemon:
    """``dragoman run`` with its log."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.log = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line

    def change(self, old: str, new: str, answer: str) -> None:
        """Edit the configuration, send SIGHUP and wait for the line ``answer``."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))
        before = self.log.count(answer)
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: self.log.count(answer) > before, answer)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        wait_until(lambda: condition() or self.process.poll() is not None, f"{what}: {self.log}")
        assert self.process.poll() is None, self.log

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(HANG_S) == 0, self.log
        self._reader.join(HANG_S)
        assert self.process.stderr is not None
        self.process.stderr.close()
        assert "Traceback" not in self.log
        assert SECRET not in self.log


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def daemon(tmp_path: Path, cloud: Emulator) -> Iterator[Daemon]:
    write_wav(tmp_path / "speech.wav", noise(2.0))
    sections = {"audio": {"capture": {"loop": True}, "playback": {"device": None}}}
    daemon = Daemon(write_config(tmp_path, cloud.url, **sections))
    daemon.wait(lambda: cloud.connections and cloud.connections[0].audio_ms > 0, "audio")
    yield daemon
    daemon.end()


def languages(cloud: Emulator) -> list[str]:
    """The languages each connection was set up with."""
    return [str(c.setup["lang_target"]) for c in cloud.connections if c.setup]


def test_another_language_is_spoken_from_now_on(daemon: Daemon, cloud: Emulator) -> None:
    assert languages(cloud) == ["es"]
    daemon.change("target: es", "target: zh", "configuration reloaded")
    daemon.wait(lambda: languages(cloud)[-1] == "zh", "a connection in zh")


def test_another_service_is_used_from_now_on(daemon: Daemon, cloud: Emulator) -> None:
    daemon.change("token: demo", "token: demo\n  name: twetalk-v1", "configuration reloaded")
    daemon.wait(lambda: cloud.connections[-1].provider == "twetalk-v1", "a connection of V1")


def test_a_mistake_is_told_and_the_old_one_stays_in_use(daemon: Daemon, cloud: Emulator) -> None:
    daemon.change("mode: open", "mode: shout", "not reloaded: ")
    assert "talk.mode" in daemon.log
    before = cloud.connections[-1].audio_ms
    daemon.wait(lambda: cloud.connections[-1].audio_ms > before + 200, "more audio")
    assert len(cloud.connections) == 1


def test_a_service_that_cannot_be_used_is_refused(daemon: Daemon, cloud: Emulator) -> None:
    daemon.change("token: demo", "token: demo\n  name: twetalk-summary", "not reloaded: ")
    assert "works on text" in daemon.log
    assert len(cloud.connections) == 1


def test_what_needs_a_restart_is_named(daemon: Daemon) -> None:
    daemon.change("mode: open", "mode: vad", "it needs a restart")
    assert "warning: talk.mode has changed: it needs a restart" in daemon.log


def test_the_log_becomes_as_loud_as_wanted(daemon: Daemon) -> None:
    text = daemon.config.read_text()
    daemon.config.write_text(text + "logging: {level: warning}\n")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.change("mode: open", "mode: vad", "it needs a restart")
    assert "configuration reloaded" not in daemon.log
    daemon.change("{level: warning}", "{level: info}", "configuration reloaded")


def test_a_secret_that_is_new_is_kept_out_of_the_log_too(daemon: Daemon) -> None:
    daemon.change("token: demo", f"token: {SECRET}", "twetalk-v2 says: ")
