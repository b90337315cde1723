"""A device on a service of each shape, driven over a real broker; switching and summaries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.emulator import Emulator
from agent.emulator.faults import Fault
from agent.events import Command
from tests.system.broker import Broker, Observer, free_port, wait_until
from tests.system.device import read_wav, recording, running, silence, write_config, write_wav

BASE = "dragoman/kitchen-1"
DEMO = {"secret_id": "demo", "secret_key": "demo", "app_key": "demo", "app_secret": "demo"}
DEMO |= {"endpoint": "demo", "access_key": "demo", "app_id": "1000001", "token": "demo"}
FIRST = "Good morning, where is the railway station?"


def config(folder: Path, cloud: str, port: int, service: str, **more: Any) -> Path:
    write_wav(folder / "speech.wav", silence(0.3) + recording("Front_Center") + silence(0.3))
    callback = free_port()
    address = {"callback_port": callback, "callback_url": f"http://127.0.0.1:{callback}/x"}
    return write_config(
        folder,
        cloud,
        service={"name": service} | DEMO | address | more,
        audio={"capture": {"loop": True}},
        talk={"mode": "hold", "tail_ms": 200},
        mqtt={"host": "127.0.0.1", "port": port, "discovery": None},
        services={"twetalk-summary": {"token": "demo", "url": cloud}},
    )


def talk(observer: Observer, seconds: float = 1.6) -> None:
    """Press, speak, release."""
    observer.wait(lambda: observer.on(f"{BASE}/state"), "the device")
    observer.publish(f"{BASE}/command", b'{"talk": "press"}')
    states = f"{BASE}/state"
    observer.wait(lambda: observer.objects(states)[-1]["state"] == "listening", "listening")
    wait_until(_after(seconds), "the speech to be spoken")
    observer.publish(f"{BASE}/command", b'{"talk": "release"}')


def _after(seconds: float) -> Any:
    from agent.clock import SystemClock

    clock = SystemClock()
    end = clock.now() + seconds
    return lambda: clock.now() >= end


@pytest.mark.parametrize(
    ("service", "languages"),
    [
        ("twetalk-v1", ("en", "es")),
        ("twetalk-asr", ("en", None)),
        ("tencent-tsi", ("en", "zh")),
        ("tencent-speech-translate", ("en", "zh")),
        ("tencent-interpreter", ("en", "zh")),
        ("maas-fast-asr", ("en", None)),
        ("youdao", ("en", "es")),
        ("youdao-stream", ("en", "es")),
        ("tencent-long-asr", ("zh", None)),
    ],
)
def test_push_to_talk(
    tmp_path: Path,
    broker: Broker,
    observer: Observer,
    service: str,
    languages: tuple[str, str | None],
) -> None:
    source, target = languages
    with Emulator() as cloud:
        path = config(tmp_path, cloud.url, broker.port, service, source=source, target=target)
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            observer.wait(lambda: observer.on(f"{BASE}/transcript"), "a final")
            device.wait_for("idle")
            [final] = observer.objects(f"{BASE}/transcript")
            talk(observer)
            observer.wait(lambda: len(observer.on(f"{BASE}/transcript")) == 2, "another final")
    assert final["service"] == service
    assert final["source"] == source
    assert final["text"]
    assert (target is not None) == bool(final.get("translation"))
    assert 0 <= final["start_ms"] < final["end_ms"] <= 3500
    second = observer.objects(f"{BASE}/transcript")[1]
    assert second["index"] == final["index"] + 1
    assert second["start_ms"] >= final["end_ms"]


def test_the_speech_of_an_upload_service_is_fetched_and_played(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Emulator() as cloud:
        path = config(tmp_path, cloud.url, broker.port, "youdao", source="en", target="es")
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            device.wait_for("speaking")
            device.wait_for("idle")
    assert len(read_wav(tmp_path / "spoken.wav")) > 16000


@pytest.mark.parametrize("service", ["tencent-speech-translate", "tencent-interpreter"])
def test_the_speech_of_a_stream_is_played(
    tmp_path: Path, broker: Broker, observer: Observer, service: str
) -> None:
    with Emulator() as cloud:
        path = config(tmp_path, cloud.url, broker.port, service, source="en", target="zh")
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            device.wait_for("speaking")
            device.wait_for("idle")
        [page] = cloud.connections
        wait_until(lambda: page.ended, "the end")
    assert len(read_wav(tmp_path / "spoken.wav")) >= len(page.speech) > 8000
    assert [each.text for each in page.received if each.text] == ['{"type": "end"}']


def test_the_speech_of_chunks_is_played_and_only_asked_for_if_wanted(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Emulator() as cloud:
        path = config(tmp_path, cloud.url, broker.port, "tencent-tsi", source="en", target="zh")
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            device.wait_for("speaking")
            device.wait_for("idle")
            asked = len(cloud.exchanges)
            observer.publish(f"{BASE}/command", b'{"tts": false}')
            state = f"{BASE}/state"
            observer.wait(lambda: observer.objects(state)[-1]["tts"] is False, "the switch")
            talk(observer)
            observer.wait(lambda: len(observer.on(f"{BASE}/transcript")) == 2, "another final")
        exchanges = cloud.exchanges
    assert len(read_wav(tmp_path / "spoken.wav")) > 8000
    assert {"TTS" in each.fields for each in exchanges[:asked]} == {True}
    assert {"TTS" in each.fields for each in exchanges[asked:]} == {False}
    assert len({each.fields["Utc"] for each in exchanges[:asked]}) == 1


def test_a_target_is_changed_in_mid_session_without_a_new_connection(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Emulator() as cloud:
        path = config(
            tmp_path, cloud.url, broker.port, "tencent-interpreter", source="zh", target="en"
        )
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            observer.wait(lambda: observer.on(f"{BASE}/transcript"), "a final")
            device.wait_for("idle")
            observer.publish(f"{BASE}/command", b'{"source": "en", "target": "zh"}')
            state = f"{BASE}/state"
            observer.wait(lambda: observer.objects(state)[-1]["source"] == "en", "the switch")
            talk(observer)
            said = f"{BASE}/transcript"
            observer.wait(lambda: observer.objects(said)[-1]["source"] == "en", "another final")
            device.wait_for("idle")
        assert len(cloud.connections) == 1
        texts = [each.text for each in cloud.connections[0].received if each.text]
    finals = observer.objects(said)
    first, second = finals[0], next(each for each in finals if each["source"] == "en")
    assert texts[0] == '{"type": "update", "target": "zh"}'
    assert (first["source"], first["target"], first["language"]) == ("zh", "en", "zh")
    assert (second["source"], second["target"], second["language"]) == ("en", "zh", "en")
    assert second["text"] == FIRST
    assert second["translation"]
    assert [each["index"] for each in finals] == list(range(len(finals)))
    assert second["start_ms"] >= first["end_ms"]


def test_an_upload_that_fails_is_made_again_after_a_restart(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    path = config(tmp_path, dead, broker.port, "maas-fast-asr", source="en")
    with running(path) as device:
        device.wait_for("idle")
        talk(observer)
        wait_until(lambda: device.app.cloud.unanswered_ms > 0, "a recording")
        device.wait_for("offline")
    kept = list(tmp_path.glob("recordings/*/*.wav"))
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o777 == 0o600
    with Emulator() as cloud:
        path = config(tmp_path, cloud.url, broker.port, "maas-fast-asr", source="en")
        with running(path):
            observer.wait(lambda: observer.on(f"{BASE}/transcript"), "the final")
    assert observer.objects(f"{BASE}/transcript")[0]["text"] == FIRST
    assert not list(tmp_path.glob("recordings/*/*.wav"))


def test_a_lost_chunk_is_sent_again_under_its_number(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    reset = Fault(do="reset", connection=3)
    with Emulator(faults=[reset]) as cloud:
        path = config(tmp_path, cloud.url, broker.port, "tencent-tsi", source="en", target="zh")
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            observer.wait(lambda: observer.on(f"{BASE}/transcript"), "a final")
            assert device.app.telemetry.total("lost_packets") == 0
    assert observer.objects(f"{BASE}/transcript")[0]["text"] == FIRST


def test_services_are_switched_and_sessions_summarised_over_mqtt(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    with Emulator() as cloud:
        path = config(tmp_path, cloud.url, broker.port, "twetalk-v2", source="en", target="es")
        with running(path) as device:
            device.wait_for("idle")
            talk(observer)
            observer.wait(lambda: observer.on(f"{BASE}/transcript"), "a final")
            session = observer.objects(f"{BASE}/transcript")[0]["session"]
            ask = {"summarize": session, "ref": "s"}
            observer.publish(f"{BASE}/command", json.dumps(ask).encode())
            observer.wait(lambda: observer.on(f"{BASE}/summary"), "the summary")
            observer.publish(f"{BASE}/command", b'{"service": "maas-whisper", "ref": "w"}')
            state = f"{BASE}/state"
            observer.wait(
                lambda: observer.objects(state)[-1]["service"] == "maas-whisper", "the switch"
            )
            talk(observer)
            observer.wait(lambda: len(observer.on(f"{BASE}/transcript")) >= 2, "another final")
            observer.publish(f"{BASE}/command", b'{"service": "maas-whispr", "ref": "x"}')
            observer.publish(f"{BASE}/command", b'{"summarize": "nosuch", "ref": "y"}')
            results = f"{BASE}/command/result"

            def answered() -> bool:
                return {"x", "y"} <= {r.get("ref") for r in observer.objects(results)}

            observer.wait(answered, "refusals")
    [summary] = observer.objects(f"{BASE}/summary")
    assert summary["session"] == session
    assert summary["ref"] == "s"
    assert summary["summary"]
    finals = observer.objects(f"{BASE}/transcript")
    assert finals[-1]["service"] == "maas-whisper"
    refused = {r["ref"]: r for r in observer.objects(results) if not r["ok"]}
    assert "unknown service" in refused["x"]["error"]
    assert "no finished sentences" in refused["y"]["error"]


def test_switching_services_keeps_no_descriptors(tmp_path: Path) -> None:
    shapes = ("tencent-tsi", "maas-fast-asr", "tencent-long-asr", "twetalk-v2")
    with Emulator() as cloud:
        path = config(tmp_path, cloud.url, 1, "twetalk-v2", source="zh", target="en")
        path.write_text(path.read_text().replace("host: 127.0.0.1", "host: null"))
        with running(path) as device:
            device.wait_for("idle")

            def switch(name: str) -> None:
                answers: list[object] = []
                device.app.post(Command({"service": name}, reply=answers.append))
                wait_until(lambda: answers, f"an answer for {name}")
                assert answers == [{"ok": True}]

            def through_all_shapes() -> None:
                for name in shapes:
                    switch(name)
                wait_until(lambda: not device.app._retired, "the old ones to end")
                wait_until(lambda: device.app.cloud.connected, "the connection")

            def held() -> int:
                return len(list(Path("/proc/self/fd").iterdir()))

            through_all_shapes()
            before = held()
            for _ in range(4):
                through_all_shapes()
            wait_until(lambda: held() <= before, f"{before} descriptors, not {held()}")
