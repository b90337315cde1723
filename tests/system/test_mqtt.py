"""The reporter and a real broker: what arrives, in which order, how often."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.events import Notice
from agent.report import payloads
from agent.report.connection import Connection
from agent.report.dispatch import WINDOW
from agent.report.outbox import Outbox
from tests.choices import ENTITIES
from tests.system.broker import MISSING, MOSQUITTO, Broker, Observer, wait_until
from tests.system.reporting import BASE, TRANSCRIPT, Device, heard, sentence

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def observer(broker: Broker) -> Iterator[Observer]:
    with closing(Observer(broker)) as made:
        yield made


def test_status_is_online_while_it_runs_and_offline_after(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Device(tmp_path, broker.port):
        observer.wait(lambda: observer.on(f"{BASE}/status") == [b"online"], "online")
    observer.wait(lambda: observer.on(f"{BASE}/status") == [b"online", b"offline"], "offline")
    with closing(Observer(broker)) as late:
        late.wait(lambda: late.on(f"{BASE}/status") == [b"offline"], "the retained status")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_broken_connection_shows_as_offline(
    tmp_path: Path, broker: Broker, observer: Observer, version: str
) -> None:
    with Device(tmp_path, broker.port, version=version) as device:
        observer.wait(lambda: observer.on(f"{BASE}/status") == [b"online"], "online")
        device.cut()
        statuses = [b"online", b"offline", b"online"]
        observer.wait(lambda: observer.on(f"{BASE}/status") == statuses, "the will")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_everything_arrives_as_promised(
    tmp_path: Path, broker: Broker, observer: Observer, version: str
) -> None:
    with Device(tmp_path, broker.port, version=version) as device:
        reporter = device.connected().reporter
        reporter.state(payloads.state("listening", service="youdao"))
        reporter.transcript(sentence(0, final=False))
        device.say(0)
        reporter.notice(Notice("reconnect", {"after_s": 2}))
        reporter.telemetry({"reconnects": 1})
        reporter.summary({"session": "s1", "text": "…"})
        observer.wait(lambda: observer.on(f"{BASE}/summary"), "the last message")
    (final,) = observer.objects(TRANSCRIPT)
    assert final == payloads.transcript(sentence(0))
    (partial,) = observer.objects(f"{BASE}/transcript/partial")
    assert partial == final | {"final": False}
    assert observer.objects(f"{BASE}/state")[0]["state"] == "listening"
    assert observer.objects(f"{BASE}/event")[0]["after_s"] == 2
    assert observer.objects(f"{BASE}/telemetry") == [{"reconnects": 1}]
    wanted = {"transcript": 1, "transcript/partial": 0, "event": 1, "telemetry": 0, "state": 1}
    qos = {m.topic.removeprefix(f"{BASE}/"): m.qos for m in observer.messages}
    assert wanted.items() <= qos.items()
    assert '"第0句"'.encode() in observer.on(TRANSCRIPT)[0]


def test_state_and_status_are_retained_and_the_rest_is_not(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Device(tmp_path, broker.port) as device:
        device.reporter.state(payloads.state("idle"))
        device.say(1)
        observer.wait(lambda: heard(observer) == [1], "the transcript")
        with closing(Observer(broker)) as late:
            late.wait(lambda: len(late.messages) >= 2, "retained messages")
            assert {m.topic for m in late.messages} == {f"{BASE}/state", f"{BASE}/status"}


def test_finals_said_without_a_broker_arrive_later_in_order(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    broker.stop()
    with Device(tmp_path, broker.port) as device:
        device.say(*range(60))
        device.reporter.transcript(sentence(60, final=False))
        wait_until(lambda: device.reporter.waiting == 60, "the outbox to take them")
        broker.start()
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgements")
        observer.wait(lambda: 59 in heard(observer), "the last one")
    assert heard(observer) == list(range(60))
    assert not observer.on(f"{BASE}/transcript/partial")


def test_nothing_is_lost_or_reordered_when_the_broker_restarts(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Device(tmp_path, broker.port) as device:
        device.connected()
        for start in range(0, 400, 100):
            device.say(*range(start, start + 50))
            broker.stop()
            device.say(*range(start + 50, start + 100))
            broker.start()
            device.connected()
        observer.wait(lambda: 399 in heard(observer), "the last one", 30)
        wait_until(lambda: device.reporter.waiting == 0, "the acknowledgements")
    arrived = heard(observer)
    assert list(dict.fromkeys(arrived)) == list(range(400))
    assert len(arrived) - 400 <= 4 * WINDOW


def test_a_cut_in_the_middle_repeats_at_most_one_window(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Device(tmp_path, broker.port) as device:
        device.connected()
        device.say(*range(200))
        observer.wait(lambda: len(heard(observer)) > 20, "the first ones")
        device.cut()
        device.say(*range(200, 220))
        observer.wait(lambda: 219 in heard(observer), "the last one")
    arrived = heard(observer)
    assert list(dict.fromkeys(arrived)) == list(range(220))
    assert len(arrived) - 220 <= WINDOW


CHILD = """
import sys
from agent.config.schema import Mqtt
from agent.events import Transcript
from agent.report.mqtt import Reporter
port, outbox = sys.argv[1:]
settings = Mqtt(host="127.0.0.1", port=int(port), outbox=outbox, discovery=None)
reporter = Reporter(settings, "kitchen-1", print)
reporter.start()
for index in range(30):
    reporter.transcript(
        Transcript("s1", index, "text", None, "zh", None, 0, 9, "youdao", "now", True)
    )
while reporter.waiting < 30:
    reporter.clock.sleep(0.01)
print("queued", flush=True)
input()
"""


def test_finals_survive_kill_9_and_are_sent_by_the_next_process(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker")
    device = Device(tmp_path, broker.port)
    command = [sys.executable, "-c", CHILD, str(broker.port), str(device.outbox)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "queued\n"
        child.kill()
    broker.start()
    with closing(Observer(broker)) as observer, device:
        device.say(30)
        observer.wait(lambda: 30 in heard(observer), "the last one")
        assert heard(observer) == list(range(31))
    broker.stop()


def test_stopping_without_a_broker_is_quick_and_loses_nothing(tmp_path: Path) -> None:
    with Device(tmp_path, Broker(tmp_path / "never").port) as device:
        device.say(*range(100))
        assert device.stop() < 1.5
    with closing(Outbox(device.outbox, 1000)) as box:
        assert box.count() == 100


def test_stopping_while_the_broker_hangs_is_quick_and_loses_nothing(
    tmp_path: Path, broker: Broker
) -> None:
    with Device(tmp_path, broker.port) as device:
        device.connected()
        assert broker._process is not None
        broker._process.send_signal(19)  # SIGSTOP: connected, and silent
        try:
            device.say(*range(100))
            assert device.stop() < 1.5
        finally:
            broker._process.send_signal(18)
    with closing(Outbox(device.outbox, 1000)) as box:
        assert box.count() == 100


def test_commands_are_answered(tmp_path: Path, broker: Broker, observer: Observer) -> None:
    with Device(tmp_path, broker.port) as device:
        device.connected()
        wait_until(lambda: b"command" in broker.log().encode(), "the subscription")
        observer.publish(f"{BASE}/command", b'{"tts": false, "ref": 7}')
        wait_until(lambda: device.commands, "the command")
        assert device.commands == [{"tts": False, "ref": 7}]
        device.reporter.command_result(payloads.result(device.commands[0]))
        observer.publish(f"{BASE}/command", b"talk!")
        results = f"{BASE}/command/result"
        observer.wait(lambda: len(observer.on(results)) == 2, "the results")
        assert observer.objects(results)[0] == {"ref": 7, "ok": True}
        assert observer.objects(results)[1]["ok"] is False
        assert "not JSON" in observer.objects(results)[1]["error"]


def test_a_subscription_the_broker_has_lost_is_had_again(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Device(tmp_path, broker.port) as device:
        link = device.connected().reporter._line.link
        assert isinstance(link, Connection)
        link._client.unsubscribe(f"{BASE}/command")  # as a cluster does by itself, unasked
        wait_until(lambda: "Received UNSUBSCRIBE" in broker.log(), "the loss")
        asked = "Received SUBSCRIBE from dragoman-kitchen-1"
        before = broker.log().count(asked)
        link.renew()
        link.renew()
        wait_until(lambda: broker.log().count(asked) >= before + 2, "the subscription")
        observer.publish(f"{BASE}/command", b'{"volume": 4}')
        wait_until(lambda: device.commands, "the command")
        observer.publish(f"{BASE}/command", b'{"volume": 5}')
        wait_until(lambda: len(device.commands) > 1, "the next")
        assert device.commands == [{"volume": 4}, {"volume": 5}], "each once"


def test_old_commands_are_not_obeyed(
    tmp_path: Path, broker: Broker, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    device = Device(tmp_path, broker.port)
    with device:
        device.connected()
    observer.publish(f"{BASE}/command", b'{"talk":"press"}')  # said while it was away
    observer.publish(f"{BASE}/command", b'{"talk":"toggle"}', retain=True)
    with Device(tmp_path, broker.port) as device:
        wait_until(lambda: "ignored an old, retained command" in caplog.text, "the log line")
        observer.publish(f"{BASE}/command", b'{"talk":"release"}')
        wait_until(lambda: device.commands, "the new command")
        assert device.commands == [{"talk": "release"}]


def test_home_assistant_is_told_at_connect_and_at_its_birth(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    def announcements() -> list[str]:
        return [m.topic for m in observer.messages if m.topic.startswith("homeassistant/")]

    with Device(tmp_path, broker.port, discovery="homeassistant") as device:
        observer.wait(lambda: len(announcements()) == ENTITIES, "the announcements")
        wait_until(lambda: device.reporter._dispatch.idle, "their acknowledgements")
        observer.publish("homeassistant/status", b"online")
        observer.wait(lambda: len(announcements()) == 2 * ENTITIES + 1, "the announcements again")
        again = [topic for topic in announcements() if topic.endswith("/config")]
        assert sorted(again[:ENTITIES]) == sorted(again[ENTITIES:])
    with closing(Observer(broker)) as late:
        late.wait(lambda: len(late.messages) == ENTITIES + 1, "retained announcements and status")
