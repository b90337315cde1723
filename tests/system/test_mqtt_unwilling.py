"""The reporter and brokers that do not take everything, or do not answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.events import Notice, Transcript
from agent.report import line, payloads
from tests.patience import HANG_S
from tests.system import wayside
from tests.system.broker import MISSING, MOSQUITTO, Broker, Observer, wait_until
from tests.system.reporting import BASE, TRANSCRIPT, Device, heard, sentence
from tests.system.wayside import PUBACK, PUBLISH, SUBSCRIBE, Wayside, topic_of

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)

VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])


def a_long(index: int, size: int = 4000) -> Transcript:
    return msgspec.structs.replace(sentence(index), text="x" * size)


def started(folder: Path, extra: str) -> Broker:
    broker = Broker(folder / "broker", f"allow_anonymous true\n{extra}")
    broker.start()
    return broker


def events(observer: Observer, name: str) -> list[dict[str, Any]]:
    return [found for found in observer.objects(f"{BASE}/event") if found["event"] == name]


@VERSIONS
def test_a_message_that_is_too_large_does_not_block_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    broker = started(tmp_path, "max_packet_size 2000")
    with (
        closing(Observer(broker)) as observer,
        Device(tmp_path, broker.port, version=version) as device,
    ):
        device.reporter.transcript(sentence(0))
        device.reporter.transcript(a_long(1))
        device.reporter.transcript(sentence(2))
        observer.wait(lambda: {0, 2} <= set(heard(observer)), "the other two", 30)
        observer.wait(lambda: events(observer, "set_aside"), "the event", 30)
        [told] = events(observer, "set_aside")
        assert told["id"] == "s1-1"
        assert told["topic"] == TRANSCRIPT
        assert told["bytes"] > 4000
        assert "2000 at most" in told["reason"] if version == "5" else "hangs up" in told["reason"]
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgements")
        assert device.reporter.set_aside == 1
        device.say(3)
        observer.wait(lambda: heard(observer)[-1] == 3, "the next one")
    assert "Unspecified" not in caplog.text
    broker.stop()
    # A broker that takes more: what was set aside is tried when the section has changed.
    other = Broker(tmp_path / "other")
    other.start()
    with closing(Observer(other)) as observer, Device(tmp_path, other.port):
        observer.wait(lambda: heard(observer) == [1], "the long one")
    other.stop()


@VERSIONS
def test_a_broker_that_keeps_nothing_retained(tmp_path: Path, version: str) -> None:
    broker = started(tmp_path, "retain_available false")
    with (
        closing(Observer(broker)) as observer,
        Device(tmp_path, broker.port, version=version) as device,
    ):
        device.say(0)
        observer.wait(lambda: heard(observer) == [0], "the sentence", 30)
        observer.wait(lambda: observer.on(f"{BASE}/status")[-1:] == [b"online"], "the status", 30)
        assert device.reporter.set_aside == 0
    broker.stop()


def test_a_broker_that_hangs_up_on_retained_messages(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    """It took the last will: only what is published is not taken."""
    with (
        Wayside(broker.port) as way,
        Device(tmp_path, way.port, discovery="homeassistant") as device,
    ):
        way.up = lambda kind, flags, _: "hang up" if kind == PUBLISH and flags & 1 else "pass"
        device.say(0, 1)
        observer.wait(lambda: set(heard(observer)) == {0, 1}, "the sentences", 30)
        observer.wait(lambda: observer.on(f"{BASE}/status")[-1:] == [b"online"], "the status")
        observer.wait(
            lambda: {m.topic for m in observer.messages if m.topic.startswith("homeassistant/")},
            "announcements",
        )


def test_a_broker_that_hangs_up_on_a_subscription(tmp_path: Path, broker: Broker) -> None:
    """RabbitMQ 3.10, when the node that had the device's queue has died: not with QoS 0."""

    def durable(kind: int, _flags: int, body: bytes) -> wayside.Verdict:
        return "hang up" if kind == SUBSCRIBE and body[-1] == 1 else "pass"

    with closing(Observer(broker)) as observer, Wayside(broker.port) as way:
        way.up = durable
        with Device(tmp_path, way.port) as device:
            device.say(0)
            observer.wait(lambda: heard(observer) == [0], "the sentence")
            observer.publish(f"{BASE}/command", b'{"volume": 4}')
            wait_until(lambda: device.commands == [{"volume": 4}], "the command")
            assert way.accepted == 2, "the second connection is a good one"
            assert device.reporter.set_aside == 0
        with closing(Observer(broker)) as late:
            late.wait(lambda: late.on(f"{BASE}/status"), "the status, which is still retained")


@pytest.mark.parametrize(
    "name", ["transcript", "event", "state", "transcript/partial", "telemetry"]
)
def test_a_forbidden_topic_does_not_block_the_others(
    tmp_path: Path, broker: Broker, observer: Observer, name: str
) -> None:
    def judge(kind: int, _flags: int, body: bytes) -> wayside.Verdict:
        return "hang up" if kind == PUBLISH and topic_of(body) == f"{BASE}/{name}" else "pass"

    with Wayside(broker.port) as way, Device(tmp_path, way.port) as device:
        way.up = judge
        reporter = device.reporter
        reporter.state(payloads.state("idle"))
        summaries: set[str] = set()

        def another() -> bool:
            """All that a device says; whether the summaries have come."""
            if reporter.connected:
                reporter.telemetry({"reconnects": 1})
                reporter.transcript(sentence(1, final=False))
            return summaries <= {f["summary"] for f in observer.objects(f"{BASE}/summary")}

        for index in range(3):
            device.say(index)
            reporter.notice(Notice("no_result"))
            summaries.add(str(index))
            reporter.summary({"session": "s", "summary": str(index)})
            wait_until(another, f"summary {index}")
        known = way.accepted
        wait_until(lambda: reporter.connected, "the connection")
        last = [f"{BASE}/{n}" for n in ("status", "state", "transcript", "event", "telemetry")]
        wanted = {topic for topic in last if topic != f"{BASE}/{name}"}
        wait_until(lambda: another() and wanted <= {m.topic for m in observer.messages}, "all")
        for _ in range(20):
            another()
            reporter.clock.sleep(0.2)
        assert way.accepted <= known + 5, "it goes on hanging up"


@VERSIONS
def test_acknowledgements_that_are_lost(
    tmp_path: Path,
    broker: Broker,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
) -> None:
    monkeypatch.setattr(line, "ANSWER_S", 0.5)
    with Wayside(broker.port) as way, Device(tmp_path, way.port, version=version) as device:
        device.connected().say(0)
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgement")
        way.down = lambda kind, _flags, _body: "drop" if kind == PUBACK else "pass"
        device.say(*range(1, 40))
        wait_until(lambda: way.accepted >= 2, "another connection")
        way.down = wayside.everything
        observer.wait(lambda: set(heard(observer)) == set(range(40)), "all of them")
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgements")
        assert device.reporter.set_aside == 0


def test_a_dead_connection_is_found_when_the_cloud_is_lost(
    tmp_path: Path, broker: Broker, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Wayside(broker.port) as way, Device(tmp_path, way.port) as device:
        device.connected()
        observer.wait(lambda: observer.on(f"{BASE}/status"), "online")
        device.reporter.notice(Notice("outage", {"kind": "silent", "reason": "nothing heard"}))
        observer.wait(lambda: events(observer, "outage"), "the event")
        asked = device.reporter._line._unheard
        wait_until(lambda: asked not in device.reporter._timers, "the answer to the ping")
        assert way.accepted == 1, "it was alive"
        monkeypatch.setattr(line, "PING_S", 0.5)
        monkeypatch.setattr(line, "CONNECT_S", 3.0)  # the second one is swallowed, too
        way.up = way.down = lambda *_: "drop"
        device.reporter._inbox.put(device.reporter._line.check)
        wait_until(lambda: way.accepted == 2, "another connection")
        way.up = way.down = wayside.everything
        device.say(0)
        observer.wait(lambda: heard(observer) == [0], "the sentence", 30)


def test_bytes_that_are_no_text_are_refused(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Device(tmp_path, broker.port) as device:
        device.connected()
        wait_until(lambda: f"{BASE}/command" in broker.log(), "the subscription")
        for payload in (b"\xff", b'{"talk": "\xff"}', b'"\xed\xa0\x80"', b"\0", b"{" * 70_000):
            observer.publish(f"{BASE}/command", payload)
        results = f"{BASE}/command/result"
        observer.wait(lambda: len(observer.on(results)) == 5, "the answers")
        assert [found["ok"] for found in observer.objects(results)] == [False] * 5
        assert "too large" in observer.objects(results)[4]["error"]
        assert not device.commands
        assert device.reporter.alive


GREEDY = """
import sys
from agent.config.schema import Mqtt
from agent.report.mqtt import Reporter
settings = Mqtt(host="127.0.0.1", port=int(sys.argv[1]), outbox=sys.argv[2], version=sys.argv[3])
reporter = Reporter(settings, "kitchen-1", print)
reporter.start()
while input():
    peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM"))
    print(peak.split()[1], flush=True)
"""


@VERSIONS
def test_a_huge_command_does_not_grow_memory(
    tmp_path: Path, broker: Broker, observer: Observer, version: str
) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", GREEDY, str(broker.port), str(tmp_path / "o.db"), version]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def peak_kb() -> int:
            child.stdin.write("?\n")  # type: ignore[union-attr]
            child.stdin.flush()  # type: ignore[union-attr]
            return int(child.stdout.readline())  # type: ignore[union-attr]

        results = f"{BASE}/command/result"
        observer.wait(lambda: observer.on(f"{BASE}/status"), "the device")
        wait_until(lambda: f"{BASE}/command" in broker.log(), "the subscription")
        observer.publish(f"{BASE}/command", b"?")
        observer.wait(lambda: len(observer.on(results)) == 1, "the answer")
        before = peak_kb()
        observer.publish(f"{BASE}/command", bytes(60_000_000))
        observer.publish(f"{BASE}/command", b"?")
        observer.wait(lambda: len(observer.on(results)) >= 2, "the answer", 30)
        if version == "3.1.1":  # with 5 the broker does not even send it
            assert "too large" in observer.objects(results)[1]["error"]
        assert peak_kb() - before < 8_000
        child.kill()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """An authority, a certificate of the broker's and one of the device's, in PEM files."""

    def openssl(words: str) -> None:
        command = ["openssl", *words.split()]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=HANG_S)

    ca = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=home -keyout ca.key -out ca.pem"
    openssl(ca)
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("broker", "device"):
        openssl(f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr")
        openssl(
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
            f" -extfile names -out {name}.pem"
        )
    return tmp_path / "ca.pem"


@pytest.fixture
def strict(tmp_path: Path, authority: Path) -> Iterator[Broker]:
    """A broker that asks for certificates, with a second, open listener for the observer."""
    made = started(
        tmp_path,
        f"cafile {authority}\ncertfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\n"
        "require_certificate true",
    )
    yield made
    made.stop()


@VERSIONS
def test_a_certificate_of_ones_own(
    tmp_path: Path, strict: Broker, authority: Path, version: str
) -> None:
    files = {name: str(tmp_path / f"device.{name[:4].rstrip('_')}") for name in ("key_file",)}
    files["cert_file"] = str(tmp_path / "device.pem")
    tls: dict[str, Any] = {"tls": True, "ca_file": str(authority), "version": version}
    with Device(tmp_path, strict.port, **tls, **files) as device:
        device.connected().say(0)
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgement")


def test_without_the_certificate_the_log_says_so(
    tmp_path: Path, strict: Broker, authority: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Device(tmp_path, strict.port, tls=True, ca_file=str(authority)):
        wait_until(lambda: "mqtt.cert_file" in caplog.text, "the reason")
