"""``dragoman fleet`` with five thousand devices on one mosquitto."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.report import payloads
from tests.patience import HANG_S
from tests.system.broker import MISSING, MOSQUITTO, Broker

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)

DEVICES, AWAY_EVERY, REFUSES = 5000, 50, "hall-00007"
MB = 120  #: of the command, with all of them in memory

#: The command, and then its VmHWM: getrusage counts what the process was before it began it.
PEAK = """
import sys
from agent.cli import main
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, file=sys.stderr)
sys.exit(code)
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str
    peak_mb: float


def fleet(broker: Broker, *arguments: str) -> Done:
    command = [sys.executable, "-m", "agent", "fleet", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, "--broker", f"127.0.0.1:{broker.port}"], stdout=pipe, stderr=pipe, text=True
    ) as process:
        out, err = process.communicate(timeout=HANG_S)
    return Done(process.returncode, out, err, 0.0)


def measured(broker: Broker, *arguments: str) -> Done:
    """As :func:`fleet`, with the most memory it held; its output is not kept."""
    command = [sys.executable, "-c", PEAK, "fleet", *arguments]
    done = subprocess.run(
        [*command, "--broker", f"127.0.0.1:{broker.port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    return Done(done.returncode, "", "", int(done.stderr.split()[-2]) / 1024)


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that keeps the state of them all, and a client that answers for them."""
    broker = Broker(tmp_path_factory.mktemp("hall"), "allow_anonymous true\nlog_type none")
    broker.start()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = _answer
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    state = payloads.encode(payloads.state("idle", service="twetalk-v2", source="en"))
    for number in range(DEVICES):
        base = f"dragoman/hall-{number:05}"
        client.publish(f"{base}/state", state, qos=1, retain=True)
        away = number % AWAY_EVERY == 0
        last = client.publish(f"{base}/status", b"offline" if away else b"online", 1, retain=True)
    last.wait_for_publish(HANG_S)
    client.subscribe("dragoman/+/command")
    yield broker
    client.disconnect()
    client.loop_stop()
    broker.stop()


def _answer(client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
    device, ref = message.topic.split("/")[1], json.loads(message.payload)["ref"]
    answer: dict[str, object] = {"ref": ref, "ok": device != REFUSES}
    if device == REFUSES:
        answer["error"] = "not now"
    client.publish(f"dragoman/{device}/command/result", json.dumps(answer))


def test_all_are_listed_at_once_in_bounded_memory(hall: Broker) -> None:
    found = json.loads(fleet(hall, "list", "--wait", "0", "--json").out)["devices"]
    assert len(found) == DEVICES, "mosquitto leaves out what is over 1000 messages of QoS 1"
    assert {device["state"] for device in found} == {"idle"}
    done = measured(hall, "list", "--wait", "0")
    assert (done.code, done.peak_mb < MB) == (0, True), done.peak_mb


def test_only_the_unwell_and_those_that_fit(hall: Broker) -> None:
    away = DEVICES // AWAY_EVERY
    done = fleet(hall, "list", "--wait", "0", "--unwell", "--match", "hall-000*")
    lines = done.out.splitlines()
    assert len(lines) == 1 + 2 * 2 + 1, "hall-00000 and hall-00050, each with its reason"
    assert lines[-1] == f"{DEVICES} devices: {DEVICES - away} ok, {away} fault; 2 shown"


def test_a_command_to_all_with_canaries(hall: Broker) -> None:
    done = fleet(hall, "send", "volume=3", "--all", "--first", "5", "--wait", "60")
    assert done.code == 1
    *told, head, ok, away, refused = done.out.splitlines()
    assert len(told) == DEVICES
    assert head.split() == ["ANSWER", "DEVICES", "WHO"]
    assert ok.split()[:2] == ["ok", str(DEVICES - DEVICES // AWAY_EVERY - 1)]
    assert away.split()[:4] == ["offline:", "not", "sent", str(DEVICES // AWAY_EVERY)]
    assert refused.split() == ["not", "now", "1", REFUSES]


def test_a_canary_that_refuses_spares_the_others(hall: Broker) -> None:
    done = fleet(hall, "send", "volume=3", "--all", "--first", "8")
    assert done.code == 1
    assert f"{REFUSES}: not now" in done.out.splitlines()
    left = DEVICES - 8
    words = f"not all of the first 8 carried it out: not sent to the other {left}"
    assert done.err == f"dragoman: {words}\n"


def test_watch_shows_only_the_unwell(hall: Broker) -> None:
    command = [sys.executable, "-m", "agent", "fleet", "watch", "--unwell", "--broker"]
    process = subprocess.Popen(
        [*command, f"127.0.0.1:{hall.port}"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(DEVICES // AWAY_EVERY)]
        assert all("offline" in line and "not connected" in line for line in lines)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
