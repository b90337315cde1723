"""A real mosquitto for the tests: its own port, configuration and persistence."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Condition
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from agent.clock import SystemClock
from tests.patience import HANG_S

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
_numbers = count(1)
MISSING = "mosquitto is not installed (apt install mosquitto)"


def wait_until(condition: Callable[[], object], what: str, seconds: float = HANG_S) -> None:
    """Return as soon as ``condition`` holds; fail with ``what`` when it does not in time."""
    clock = SystemClock()
    deadline = clock.now() + seconds
    while not condition():
        assert clock.now() < deadline, f"waited {seconds} s for {what}"
        clock.sleep(0.01)


class Broker:
    """mosquitto on a loopback port; the same port and memory over restarts.

    Args:
        folder: takes the configuration, the log and what the broker remembers.
        extra: more lines of its configuration.
    """

    def __init__(self, folder: Path, extra: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(exist_ok=True)
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n"
            f"user {getpass.getuser()}\n"
            "persistence true\n"
            f"persistence_location {folder}/\n"
            "log_type all\n"
            f"{extra}\n"
        )

    def start(self) -> None:
        """Start and wait until it listens."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO or "mosquitto", "-c", str(self._folder / "mosquitto.conf")],
                stdout=log,
                stderr=log,
            )
        wait_until(self._listens, f"mosquitto to listen: {self.log()}")

    def stop(self) -> None:
        """End it in the orderly way; what is retained is saved."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(HANG_S)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def log(self) -> str:
        """What it has logged so far."""
        return (self._folder / "log").read_text(errors="replace")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Observer:
    """Another client: remembers every message, also over broker restarts; can publish."""

    def __init__(self, broker: Broker, username: str | None = None, password: str = "") -> None:
        self.messages: list[paho.MQTTMessage] = []
        self._news = Condition()
        self._subscribed = 0
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"observer-{next(_numbers)}", clean_session=False
        )
        self._client.reconnect_delay_set(1, 1)
        if username:
            self._client.username_pw_set(username, password)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._note(None)
        self._client.on_message = lambda _client, _data, message: self._note(message)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self._wait(lambda: self._subscribed > 0, "the subscription", 10)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait until the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def on(self, topic: str) -> list[bytes]:
        """The payloads on ``topic`` so far."""
        with self._news:
            return [bytes(m.payload) for m in self.messages if m.topic == topic]

    def objects(self, topic: str) -> list[Any]:
        return [json.loads(payload) for payload in self.on(topic)]

    def wait(self, condition: Callable[[], object], what: str, seconds: float = HANG_S) -> None:
        """Wait for messages that make ``condition`` hold."""
        self._wait(condition, what, seconds)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, message: paho.MQTTMessage | None) -> None:
        with self._news:
            if message is None:
                self._subscribed += 1
            else:
                self.messages.append(message)
            self._news.notify_all()

    def _wait(self, condition: Callable[[], object], what: str, seconds: float) -> None:
        with self._news:
            assert self._news.wait_for(condition, seconds), f"waited {seconds} s for {what}"


def with_passwords(folder: Path) -> Broker:
    """A started broker that lets in only ``device`` with the password ``correct``."""
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "device", "correct"], check=True)
    broker = Broker(folder / "broker", f"allow_anonymous false\npassword_file {passwords}")
    broker.start()
    return broker


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
