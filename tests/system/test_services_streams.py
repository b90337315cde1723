"""The streams of Tencent Cloud and Youdao in trouble: cut off, refused, lied to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config import loader
from agent.doctor.trial import credentials
from agent.emulator import Emulator, tencent, youdao
from agent.emulator.faults import Fault
from agent.emulator.stream import Action, Code, Refused
from agent.emulator.tencent.interpreter import InterpreterSession
from agent.events import Command
from tests.system.broker import Broker, Observer, wait_until
from tests.system.device import Running, running
from tests.system.test_services_live import BASE, FIRST, config, talk

STREAMS = ("tencent-speech-translate", "tencent-interpreter", "youdao-stream")
streams = pytest.mark.parametrize("service", STREAMS)
#: What may serve once, by service.
NAMES = dict.fromkeys(STREAMS, "voice_id") | {"youdao-stream": "salt"}


def one_final(
    folder: Path, broker: Broker, observer: Observer, service: str, *faults: Fault
) -> tuple[dict[str, Any], Emulator, Running]:
    """The transcript of one press through these faults."""
    with Emulator(faults=faults) as cloud:
        path = config(folder, cloud.url, broker.port, service, source="en", target="zh")
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            observer.wait(lambda: observer.on(f"{BASE}/transcript"), "a final")
            device.wait_for("idle")
    final: dict[str, Any] = observer.objects(f"{BASE}/transcript")[0]
    return final, cloud, device


@streams
@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset", connection=1, after_audio_ms=600),
        Fault("close", connection=1, after_audio_ms=600, code=1011),
        Fault("error", connection=1, after_audio_ms=600, code=5000, msg="backend"),
    ],
    ids=lambda fault: fault.do,
)
def test_what_a_lost_connection_took_is_said_again_under_another_name(
    tmp_path: Path, broker: Broker, observer: Observer, service: str, fault: Fault
) -> None:
    if service == "youdao-stream" and fault.do == "error":
        fault = Fault("error", connection=1, after_audio_ms=600, code=303)
    final, cloud, device = one_final(tmp_path, broker, observer, service, fault)
    assert final["text"] == FIRST
    assert final["translation"]
    assert device.app.telemetry.total("lost_packets") == 0
    names = [(page.setup or {})[NAMES[service]] for page in cloud.connections]
    assert len(names) == len(set(names)) >= 2


@streams
def test_messages_nobody_should_believe_cost_nothing(
    tmp_path: Path, broker: Broker, observer: Observer, service: str
) -> None:
    garbage = [Fault("garbage", after_audio_ms=at, count=9, seed=at) for at in (0, 300, 900)]
    final, cloud, _ = one_final(tmp_path, broker, observer, service, *garbage)
    assert final["translation"]
    assert len(cloud.connections) == 1


@streams
def test_a_handshake_that_is_not_upgraded_is_tried_again(
    tmp_path: Path, broker: Broker, observer: Observer, service: str
) -> None:
    final, cloud, _ = one_final(
        tmp_path, broker, observer, service, Fault("http", connection=1, status=503)
    )
    assert final["text"] == FIRST
    assert len(cloud.connections) == 2


def trial(folder: Path, service: str, cloud: Emulator, **keys: Any) -> Any:
    path = config(folder, cloud.url, 1, service, source="en", target="zh", **keys)
    return credentials(loader.load(str(path)), SystemClock())


@streams
@pytest.mark.parametrize("off_s", [-3600, 100_000])
def test_a_wrong_clock_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str, off_s: float
) -> None:
    later = SimpleNamespace(time=lambda: SystemClock().utc().timestamp() + off_s)
    for module in (tencent, youdao):
        monkeypatch.setattr(module, "time", later)
    with Emulator() as cloud:
        check = trial(tmp_path, service, cloud)
    assert check.outcome == "warn"
    assert "clock" in check.text


@streams
def test_a_wrong_key_is_not_tried_again_soon(
    tmp_path: Path, broker: Broker, observer: Observer, service: str
) -> None:
    key = "app_secret" if service == "youdao-stream" else "secret_key"
    with Emulator() as cloud:
        path = config(
            tmp_path, cloud.url, broker.port, service, source="en", target="zh", **{key: "other"}
        )
        with running(path):
            observer.wait(lambda: observer.on(f"{BASE}/state"), "the device")
            wait_until(lambda: cloud.connections, "a connection")
            events = f"{BASE}/event"
            observer.wait(
                lambda: any(e["event"] == "refused" for e in observer.objects(events)), "refused"
            )
            wait_until(_after(3.0), "a while")
            assert len(cloud.connections) == 1
    refused = next(e for e in observer.objects(events) if e["event"] == "refused")
    assert refused["code"] in ("6002", "202")


def _after(seconds: float) -> Callable[[], bool]:
    clock = SystemClock()
    end = clock.now() + seconds
    return lambda: clock.now() >= end


def test_a_target_the_service_will_not_change_is_that_of_the_next_connection(
    tmp_path: Path, broker: Broker, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: InterpreterSession, fields: dict[str, object]) -> list[Action]:
        raise Refused(Code.MESSAGE, "unknown text message")

    monkeypatch.setattr(InterpreterSession, "_control", refuse)
    with Emulator() as cloud:
        path = config(
            tmp_path, cloud.url, broker.port, "tencent-interpreter", source="zh", target="en"
        )
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            observer.wait(lambda: observer.on(f"{BASE}/transcript"), "a final")
            device.wait_for("idle")
            device.app.post(Command({"source": "en", "target": "zh"}))
            wait_until(lambda: len(cloud.connections) == 2, "another connection")
            device.wait_for("idle")
            talk(observer)
            observer.wait(lambda: len(observer.on(f"{BASE}/transcript")) == 2, "another final")
        setups = [page.setup or {} for page in cloud.connections]
    assert [setup["target"] for setup in setups[:2]] == ["en", "zh"]
    assert (cloud.connections[0].refusal or {})["code"] == 6010
    assert observer.objects(f"{BASE}/transcript")[1]["text"] == FIRST


def test_more_connections_than_the_account_has_are_told_as_a_limit(tmp_path: Path) -> None:
    from agent.emulator.stream import Rules

    with Emulator(rules=Rules(streams=0)) as cloud:
        check = trial(tmp_path, "tencent-speech-translate", cloud)
    assert check.outcome == "warn"
    assert "6006" in check.text


@streams
def test_nothing_secret_is_kept_by_the_emulator(tmp_path: Path, service: str) -> None:
    secrets = {"secret_id": "hunter-1", "app_key": "hunter-2"}
    with Emulator(record=tmp_path / "kept") as cloud:
        trial(tmp_path, service, cloud, **secrets)
        [page] = cloud.connections
        wait_until(lambda: page.ended, "the end")
    kept = "".join(p.read_text("latin-1") for p in (tmp_path / "kept").rglob("*") if p.is_file())
    assert "hunter" not in kept + json.dumps(page.setup)
