"""``dragoman fleet`` as a user meets it: real devices, a real broker, processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest

from agent import __version__
from agent import app as application
from agent.emulator import Emulator
from tests.choices import ENTITIES
from tests.patience import HANG_S
from tests.system.broker import (
    MISSING,
    MOSQUITTO,
    Broker,
    Observer,
    wait_until,
    with_passwords,
)
from tests.system.device import Running, recording, running, silence, write_config, write_wav
from tests.system.reporting import Device

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)

SECRET = "s3cret-of-this-test"
WELL = ("ok", "warn")  # a busy machine is a reason to warn


def fleet(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "fleet", *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done


def listed(broker: Broker, *arguments: str) -> dict[str, dict[str, Any]]:
    """``fleet list --json`` by device."""
    done = fleet("list", "--json", "--broker", f"127.0.0.1:{broker.port}", *arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {device["device"]: device for device in found["devices"]}


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


class Devices:
    """Running devices at one broker, by name."""

    def __init__(self, folder: Path, cloud: Emulator, broker: Broker, stack: ExitStack) -> None:
        self._folder, self._cloud, self._broker, self._stack = folder, cloud, broker, stack

    def start(self, name: str, **sections: Any) -> Running:
        folder = self._folder / f"device-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        write_wav(folder / "speech.wav", _in_a_room(recording("Front_Center") + silence(1.0)))
        defaults: dict[str, Any] = {
            "device": {"id": name},
            "audio": {"capture": {"loop": True}, "playback": {"device": None}},
            "talk": {"mode": "hold"},
            "mqtt": {"host": "127.0.0.1", "port": self._broker.port, "discovery": None},
        }
        config = write_config(folder, self._cloud.url, **(defaults | sections))
        device = self._stack.enter_context(running(config))
        device.wait_for("listening" if "talk" in sections else "idle")
        wait_until(lambda: device.app.reports.connected, "the broker")  # type: ignore[union-attr]
        return device


def _in_a_room(pcm: bytes) -> bytes:
    """With a little noise: no microphone that is well gives silence."""
    samples = numpy.frombuffer(pcm, "<i2").astype(int)
    noisy = samples + numpy.random.default_rng(1).integers(-30, 30, len(samples))
    return bytes(noisy.clip(-32768, 32767).astype("<i2").tobytes())


@pytest.fixture
def devices(
    tmp_path: Path, cloud: Emulator, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Devices]:
    """Devices that give telemetry more often, so that nobody has to wait."""
    monkeypatch.setattr(application, "TELEMETRY_S", 0.3)
    with ExitStack() as stack:
        yield Devices(tmp_path, cloud, broker, stack)


def test_a_fleet_is_listed(devices: Devices, broker: Broker, observer: Observer) -> None:
    devices.start("kitchen-1", talk={"mode": "open"})
    devices.start("厨房", service={"name": "twetalk-v1", "source": "zh", "target": "en"})
    observer.publish("dragoman/hall-3/status", b"offline", retain=True)
    state = b'{"state": "idle", "since": "2026-01-01T00:00:00Z", "version": "0.0.9"}'
    observer.publish("dragoman/hall-3/state", state, retain=True)
    observer.publish("dragoman/stranger/status", b"hello", retain=True)
    found = listed(broker)
    assert list(found) == ["hall-3", "kitchen-1", "厨房"]
    kitchen = found["kitchen-1"]
    assert kitchen["status"] == "online"
    assert kitchen["state"] in ("listening", "speaking")  # it hears somebody again and again
    assert (kitchen["service"], kitchen["version"]) == ("twetalk-v2", __version__)
    assert kitchen["telemetry"]["packets_sent"] > 0
    assert (found["厨房"]["service"], found["厨房"]["source"]) == ("twetalk-v1", "zh")
    assert found["厨房"]["health"] in WELL, found["厨房"]["reasons"]
    hall = found["hall-3"]
    assert (hall["status"], hall["health"], hall["version"]) == ("offline", "fault", "0.0.9")
    assert hall["last_seen"] == "2026-01-01T00:00:00.000Z"
    done = fleet("list", "--broker", f"127.0.0.1:{broker.port}")
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert rows["厨房"][:6] == ["厨房", "online", "idle", "twetalk-v1", "zh→en", __version__]
    assert rows["hall-3"][1:3] == ["offline", "(idle)"]
    assert done.stdout.startswith("DEVICE ")
    assert re.search(
        r"\n3 devices: .*\b1 fault; messages that are not a dragoman's: 1\n$", done.stdout
    )


def test_one_that_leaves_is_seen_as_away(devices: Devices, broker: Broker) -> None:
    device = devices.start("kitchen-1")
    assert listed(broker)["kitchen-1"]["status"] == "online"
    device.app.stop("the test wants it")
    device.finish()
    found = listed(broker)["kitchen-1"]
    assert (found["status"], found["state"], found["health"]) == ("offline", "idle", "fault")
    assert found["last_seen"] == found["since"]
    assert found["version"] == __version__


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_commands_and_their_answers(
    devices: Devices, broker: Broker, observer: Observer, version: str
) -> None:
    kitchen, bar = devices.start("kitchen-1"), devices.start("bar-2")
    at = ["--broker", f"127.0.0.1:{broker.port}", "--set", f"mqtt.version={version}"]
    done = fleet("send", "volume=37", "--all", *at)
    assert (done.returncode, sorted(done.stdout.splitlines())) == (
        0,
        ["bar-2: ok", "kitchen-1: ok"],
    )
    assert (kitchen.app.player.volume, bar.app.player.volume) == (37, 37)

    done = fleet("send", '{"volume": 12, "tts": false}', "--to", "bar-2", *at)
    assert (done.returncode, done.stdout) == (0, "bar-2: ok\n")
    assert (kitchen.app.player.volume, bar.app.player.volume) == (37, 12)

    done = fleet("send", "service=youdoa", "--to", "bar-2", *at)
    assert done.returncode == 1
    assert re.fullmatch(
        r"bar-2: .*unknown service 'youdoa'.*did you mean 'youdao'\?\n", done.stdout
    )

    kitchen.app.stop("the test wants it")
    kitchen.finish()
    done = fleet("send", "volume=50", "--all", *at)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["kitchen-1: offline: not sent", "bar-2: ok"]

    sent = [m for m in observer.messages if m.topic.endswith("/command")]
    assert not any(message.retain for message in sent)
    with closing(Observer(broker)) as late:
        late.wait(lambda: late.on("dragoman/bar-2/status"), "what is retained")
        assert not [m for m in late.messages if "/command" in m.topic]


def test_one_that_is_stuck_is_named(broker: Broker, observer: Observer) -> None:
    observer.publish("dragoman/stuck/status", b"online", retain=True)
    at = ["--broker", f"127.0.0.1:{broker.port}"]
    done = fleet("send", "talk=press", "--to", "stuck", "--wait", "0.3", *at)
    assert (done.returncode, done.stdout) == (1, "stuck: no answer within 0.3 s\n")
    assert observer.objects("dragoman/stuck/command")[0]["talk"] == "press"


def test_what_is_wrong_is_never_sent(broker: Broker, observer: Observer) -> None:
    observer.publish("dragoman/kitchen-1/status", b"online", retain=True)
    at = ["--broker", f"127.0.0.1:{broker.port}"]
    for words, why in [
        (["volume=300", "--all"], "volume: expected int <= 100"),
        (['{"volume": 3', "--all"], "the command is not JSON"),
        (["volume=3", "--to", "kitchen-2"], "no device 'kitchen-2' at 127.0.0.1:"),
        (["volume=3", "--to", "kitchen-1", "--to", "x"], "no device 'x'"),
    ]:
        done = fleet("send", *words, *at)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert why in done.stderr
    assert "did you mean 'kitchen-1'?" in fleet("send", "volume=3", "--to", "kichen-1", *at).stderr
    assert observer.on("dragoman/kitchen-1/command") == []


def test_the_topic_may_be_another(broker: Broker, observer: Observer) -> None:
    observer.publish("home/voice/a/status", b"offline", retain=True)
    at = ["--broker", f"127.0.0.1:{broker.port}"]
    done = fleet("list", *at)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"dragoman: no devices at 127.0.0.1:{broker.port} below dragoman/\n"
    assert list(listed(broker, "--topic", "home/voice")) == ["a"]


# --- brokers that do not let everybody in ----------------------------------------------------


def mqtt_config(folder: Path, port: int, **mqtt: Any) -> str:
    """A file with nothing but the section ``mqtt``."""
    path = folder / "fleet.yaml"
    path.write_text(json.dumps({"mqtt": {"host": "127.0.0.1", "port": port} | mqtt}))
    return str(path)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_logins(tmp_path: Path, version: str) -> None:
    broker = with_passwords(tmp_path)
    login = {"username": "device", "version": version}
    right = mqtt_config(tmp_path, broker.port, password="correct", **login)
    with closing(Observer(broker, "device", "correct")) as observer:
        observer.publish("dragoman/a/status", b"offline", retain=True)
    assert fleet("list", "--config", right).returncode == 0
    wrong = mqtt_config(tmp_path, broker.port, password=SECRET, **login)
    for arguments in (["list"], ["send", "volume=3", "--all"], ["watch"]):
        done = fleet(*arguments, "--config", wrong)
        assert (done.returncode, done.stdout) == (1, "")
        [line] = done.stderr.splitlines()
        assert line.startswith(f"dragoman: broker at 127.0.0.1:{broker.port}: the broker refuses")
        assert "check mqtt.username and mqtt.password" in line
    broker.stop()


def test_tls(tmp_path: Path, tls_broker: Broker, certificate: Path) -> None:
    trusted = mqtt_config(tmp_path, tls_broker.port, tls=True, ca_file=str(certificate))
    assert "no devices at" in fleet("list", "--config", trusted).stderr
    cases: list[tuple[dict[str, Any], str, int]] = [
        ({"tls": True}, "the broker's certificate is not trusted", 1),
        ({}, "does it want mqtt.tls?", 1),
        ({"tls": True, "ca_file": str(tmp_path / "none.pem")}, "mqtt.ca_file: ", 2),
    ]
    for mqtt, why, code in cases:
        done = fleet("list", "--config", mqtt_config(tmp_path, tls_broker.port, **mqtt))
        assert done.returncode == code
        [line] = done.stderr.splitlines()
        assert why in line


def test_no_broker_is_one_clear_line(tmp_path: Path) -> None:
    done = fleet("list", "--broker", f"127.0.0.1:{Broker(tmp_path / 'never').port}")
    assert done.returncode == 1
    assert re.fullmatch(
        r"dragoman: broker at 127\.0\.0\.1:\d+: Connection refused; check mqtt\.host, mqtt\.port"
        r" and mqtt\.tls, or --broker\n",
        done.stderr,
    )


def test_an_access_list_that_lets_nobody_send(tmp_path: Path) -> None:
    """MQTT 5 tells; with 3.1.1 there is no answer."""
    rules = tmp_path / "rules"
    rules.write_text("topic read dragoman/#\ntopic write dragoman/a/status\n")
    broker = Broker(tmp_path / "broker", f"allow_anonymous true\nacl_file {rules}")
    broker.start()
    with closing(Observer(broker)) as observer:
        observer.publish("dragoman/a/status", b"online", retain=True)
    at = ["--broker", f"127.0.0.1:{broker.port}", "--wait", "3", "--set", "mqtt.version=5"]
    done = fleet("send", "volume=3", "--all", *at)
    assert done.stdout == "a: the broker refuses the command: check its access list\n"
    assert done.returncode == 1
    broker.stop()


# --- watching --------------------------------------------------------------------------------


class Watching:
    """``fleet watch`` into a pipe."""

    def __init__(self, broker: Broker, *arguments: str) -> None:
        command = [sys.executable, "-m", "agent", "fleet", "watch", *arguments]
        self._process = subprocess.Popen(
            [*command, "--broker", f"127.0.0.1:{broker.port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            self.lines.extend(line.rstrip("\n") for line in output)

    def wait(self, pattern: str, after: int = 0) -> int:
        """Wait for a line that ends so; the number of lines up to it."""

        def found() -> int | None:
            for number, line in enumerate(list(self.lines[after:]), after + 1):
                if re.search(rf"Z  {pattern}$", line):
                    return number
            return None

        wait_until(found, f"{pattern} in {self.lines}")
        number = found()
        assert number is not None
        return number

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self._process.send_signal(number)
        code = self._process.wait(HANG_S)
        self._reader.join(HANG_S)
        return code


def test_changes_and_captions_are_seen_as_they_happen(
    devices: Devices, broker: Broker, observer: Observer
) -> None:
    device = devices.start("kitchen-1")
    watching = Watching(broker, "--transcripts")
    try:
        at = watching.wait(
            rf"kitchen-1  online  idle  twetalk-v2  en→es  {__version__}  (ok|warn: .*)"
        )
        observer.publish("dragoman/kitchen-1/command", b'{"talk": "press"}')
        at = watching.wait("kitchen-1  online  listening  .*", at)
        observer.publish("dragoman/kitchen-1/transcript", b'{"text": "by hand", "final": true}')
        at = watching.wait("kitchen-1: by hand", at)
        watching.wait("kitchen-1: Good morning, .* → Buenos días.*")
        device.app.stop("the test wants it")
        device.finish()
        watching.wait("kitchen-1  offline  .*  fault: not connected to the broker", at)
        assert watching.end() == 0
        assert "Traceback" not in "".join(watching.lines)
    finally:
        watching.end(signal.SIGKILL)


def test_it_outlives_the_broker(broker: Broker, observer: Observer) -> None:
    observer.publish("dragoman/a/status", b"offline", retain=True)
    watching = Watching(broker)
    try:
        at = watching.wait("a  offline  .*")
        broker.stop()
        at = watching.wait(rf"broker at 127.0.0.1:{broker.port}: .*; trying again", at)
        broker.start()
        at = watching.wait(rf"connected to 127.0.0.1:{broker.port} again", at)
        observer.publish("dragoman/a/status", b"online", retain=True)
        watching.wait("a  online  .*", at)
        assert watching.end() == 0
    finally:
        watching.end(signal.SIGKILL)


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_forget_leaves_nothing_of_a_device(tmp_path: Path, broker: Broker, version: str) -> None:
    at = ("--config", mqtt_config(tmp_path, broker.port, version=version))

    def left() -> set[str]:
        with closing(Observer(broker)) as late:
            late.publish("end", b"")
            late.wait(lambda: late.on("end"), "the end of what is kept")
            return {message.topic for message in late.messages if message.retain}

    with Device(tmp_path, broker.port, discovery="homeassistant") as device:
        device.reporter.state({"state": "idle"})
        wait_until(lambda: len(left()) == ENTITIES + 2, "all that is retained")
        refused = fleet("forget", "kitchen-1", "--yes", *at)
        assert refused.returncode == 1
        assert "is online" in refused.stderr
    with closing(Observer(broker)) as other:
        other.publish("dragoman/kitchen-10/status", b"offline", retain=True)
    asked = fleet("forget", "kitchen-1", *at)
    assert (asked.returncode, len(asked.stdout.splitlines())) == (2, ENTITIES + 2)
    assert "give --yes" in asked.stderr
    assert fleet("forget", "kitchen-1", "--dry-run", *at).returncode == 0
    assert len(left()) == ENTITIES + 3
    done = fleet("forget", "kitchen-1", "--yes", *at)
    assert done.returncode == 0
    assert f"{ENTITIES + 2} topics wiped" in done.stdout
    assert left() == {"dragoman/kitchen-10/status"}
    again = fleet("forget", "kitchen-1", "--yes", *at)
    assert again.returncode == 1
    assert "keeps nothing of 'kitchen-1'" in again.stderr
    assert fleet("forget", "a/#", "--yes", *at).returncode == 2


def test_a_discovery_that_is_turned_off_is_wiped(tmp_path: Path, broker: Broker) -> None:
    def announced() -> list[str]:
        with closing(Observer(broker)) as late:
            late.publish("end", b"")
            late.wait(lambda: late.on("end"), "the end of what is kept")
            return [m.topic for m in late.messages if m.retain and "/dragoman_" in m.topic]

    def only(prefix: str | None) -> bool:
        topics = announced()
        mine = [topic for topic in topics if topic.startswith(f"{prefix}/")]
        return mine == topics and len(mine) == (ENTITIES if prefix else 0)

    for prefix in ("homeassistant", "ha", None):
        with Device(tmp_path, broker.port, discovery=prefix) as device:
            wait_until(partial(only, prefix), f"{prefix}")
            past = device.reporter._past
            wait_until(partial(lambda p: not p._stale, past), "it to be forgotten")
