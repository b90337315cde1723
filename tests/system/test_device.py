"""The main job on real parts: recorded speech, a WebSocket, a broker, files for sound."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.app import App
from agent.audio.pcm import level_dbfs
from agent.config import loader
from agent.emulator import Emulator
from agent.emulator.faults import Fault
from agent.emulator.stream import Rules
from tests.system.broker import Broker, Observer, wait_until
from tests.system.device import (
    RATE,
    read_wav,
    recording,
    running,
    silence,
    write_config,
    write_wav,
)

BASE = "dragoman/kitchen-1"
MQTT = {"host": "127.0.0.1", "discovery": None}
SENTENCES = [
    ("Good morning, where is the railway station?", "Buenos días, ¿dónde está"),
    ("Two coffees and a glass of water, please.", "Dos cafés"),
]


def two_sentences(folder: Path) -> bytes:
    pcm = silence(0.4)
    for name in ("Front_Center", "Rear_Left"):
        pcm += recording(name) + silence(1.0)
    pcm = pcm[: len(pcm) // 1280 * 1280]
    write_wav(folder / "speech.wav", pcm)
    return pcm


def loud(pcm: bytes) -> list[bytes]:
    """The packets that are speech beyond doubt: a machine that stalls may leave out silence."""
    packets = [pcm[i : i + 1280] for i in range(0, len(pcm), 1280)]
    return [packet for packet in packets if level_dbfs(packet) > -30]


def test_a_file_is_heard_translated_spoken_and_published(
    tmp_path: Path, broker: Broker, observer: Observer
) -> None:
    sound = two_sentences(tmp_path)
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, mqtt=MQTT | {"port": broker.port})
        with running(config) as device:
            assert device.finish() == 0
        [connection] = cloud.connections
    assert loud(connection.audio) == loud(sound), "every packet bit-exact, in order"
    assert read_wav(tmp_path / "spoken.wav") == connection.speech
    assert len(connection.speech) > RATE
    observer.wait(lambda: b"offline" in observer.on(f"{BASE}/status"), "offline")
    finals = observer.objects(f"{BASE}/transcript")
    assert [final["text"] for final in finals] == [text for text, _ in SENTENCES]
    assert all(f["translation"].startswith(t) for f, (_, t) in zip(finals, SENTENCES, strict=True))
    assert [final["index"] for final in finals] == [0, 1]
    assert finals[0]["id"] == f"{finals[0]['session']}-0"
    assert 300 <= finals[0]["start_ms"] <= 700 < finals[0]["end_ms"] <= 2100
    assert observer.on(f"{BASE}/transcript/partial")
    states = [state["state"] for state in observer.objects(f"{BASE}/state")]
    assert states[-1] in ("idle", "thinking", "speaking")
    assert "listening" in states


def test_the_uplink_is_paced_one_to_one(tmp_path: Path) -> None:
    two_sentences(tmp_path)
    with Emulator() as cloud:
        with running(write_config(tmp_path, cloud.url)) as device:
            device.finish()
        [connection] = cloud.connections
    # The emulator refuses what comes faster than real time; the exact bound in any window is
    # proven in virtual time, where no scheduler adds its jitter.
    assert not connection.refusal


def test_eight_kilohertz(tmp_path: Path) -> None:
    sound = silence(0.4, 8000) + recording("Front_Center", 8000) + silence(1.0, 8000)
    sound = sound[: len(sound) // 640 * 640]
    write_wav(tmp_path / "speech.wav", sound, 8000)
    with Emulator(rules=Rules(rate=8000)) as cloud:
        with running(write_config(tmp_path, cloud.url, audio={"rate": 8000})) as device:
            assert device.finish() == 0
        [connection] = cloud.connections
    assert connection.audio.startswith(sound)
    assert {m.size for m in connection.received if m.text is None} == {640}


def test_push_to_talk_over_mqtt(tmp_path: Path, broker: Broker, observer: Observer) -> None:
    write_wav(tmp_path / "speech.wav", silence(0.2) + recording("Front_Center"))
    sections = {
        "audio": {"capture": {"loop": True}},
        "talk": {"mode": "hold", "tail_ms": 200},
        "mqtt": MQTT | {"port": broker.port},
    }
    with Emulator() as cloud, running(write_config(tmp_path, cloud.url, **sections)) as device:
        device.wait_for("idle")
        observer.wait(lambda: observer.on(f"{BASE}/state"), "the state")
        observer.publish(f"{BASE}/command", b'{"talk": "press", "ref": 1}')
        device.wait_for("listening")
        wait_until(lambda: cloud.connections and cloud.connections[0].audio_ms > 1500, "audio")
        observer.publish(f"{BASE}/command", b'{"talk": "release", "ref": "two"}')
        observer.wait(lambda: observer.on(f"{BASE}/transcript"), "a final")
        device.wait_for("idle")
        observer.publish(f"{BASE}/command", b'{"volum": 3, "ref": 3}')
        observer.wait(lambda: len(observer.on(f"{BASE}/command/result")) == 3, "three results")
    results = observer.objects(f"{BASE}/command/result")
    assert results[0] == {"ref": 1, "ok": True}
    assert results[1] == {"ref": "two", "ok": True}
    assert results[2]["ok"] is False
    assert "did you mean 'volume'" in results[2]["error"]


def test_speech_is_switched_in_mid_session(tmp_path: Path) -> None:
    write_wav(tmp_path / "speech.wav", (recording("Front_Center") + silence(1.0)) * 3)
    with (
        Emulator() as cloud,
        running(write_config(tmp_path, cloud.url, service={"tts": False})) as device,
    ):
        wait_until(lambda: cloud.connections and cloud.connections[0].results, "results")
        device.app.cloud.switch_tts(True)
        assert device.finish() == 0
    [connection] = cloud.connections
    assert [m.text for m in connection.received if m.text and "enable_tts" in m.text][1:] == [
        '{"enable_tts": true}'
    ]
    assert connection.speech
    assert read_wav(tmp_path / "spoken.wav") == connection.speech


def test_a_torn_connection_is_made_again_and_nothing_is_lost(tmp_path: Path) -> None:
    write_wav(tmp_path / "speech.wav", (recording("Front_Center") + silence(1.0)) * 3)
    reset = Fault(do="reset", connection=1, after_audio_ms=3000)
    with Emulator(faults=[reset]) as cloud:
        with running(write_config(tmp_path, cloud.url)) as device:
            assert device.finish() == 0
        first, second = cloud.connections
    assert first.ended != second.ended
    assert device.app.telemetry.total("reconnects") == 1
    assert device.app.telemetry.total("finals") >= 3
    assert device.app.telemetry.total("lost_packets") == 0


def test_garbage_from_the_cloud_is_counted_and_harmless(tmp_path: Path) -> None:
    write_wav(tmp_path / "speech.wav", (recording("Front_Center") + silence(1.0)) * 2)
    garbage = Fault(do="garbage", after_audio_ms=500, count=40)
    with Emulator(faults=[garbage]) as cloud:
        with running(write_config(tmp_path, cloud.url)) as device:
            assert device.finish() == 0, device.error
        assert len(cloud.connections) <= 2
    assert device.app.telemetry.total("garbage") > 5
    assert device.app.telemetry.total("finals") >= 2


def test_a_refused_token_ends_a_run_on_a_file_with_one_line(tmp_path: Path) -> None:
    two_sentences(tmp_path)
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, service={"token": "wr0ng-secret"})
        with running(config) as device:
            assert device.finish() == 1
    assert device.error.startswith("twetalk-v2 says: ")
    assert "wr0ng-secret" not in device.error


def test_barge_in_silences_the_speaker(tmp_path: Path) -> None:
    write_wav(tmp_path / "speech.wav", recording("Front_Center") + silence(5.0))
    sections = {"audio": {"capture": {"loop": True}}, "talk": {"mode": "hold", "tail_ms": 200}}
    with Emulator() as cloud, running(write_config(tmp_path, cloud.url, **sections)) as device:
        device.wait_for("idle")
        device.app._command({"talk": "press"})
        wait_until(lambda: cloud.connections and cloud.connections[0].audio_ms > 1400, "audio")
        device.app._command({"talk": "release"})
        device.wait_for("speaking")
        device.app._command({"talk": "press"})
        device.wait_for("listening")
        wait_until(lambda: not device.app.player.speaking, "silence")


def test_a_worker_that_dies_takes_the_process_down(tmp_path: Path) -> None:
    two_sentences(tmp_path)
    with Emulator() as cloud, running(write_config(tmp_path, cloud.url)) as device:
        device.wait_for("listening")
        device.app.ring._memory = bytearray()
        assert device.finish() == 1
    assert device.error.startswith("worker capture died: ")


def test_finals_queued_at_a_stop_are_on_disk(tmp_path: Path, broker: Broker) -> None:
    two_sentences(tmp_path)
    broker.stop()
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, mqtt=MQTT | {"port": broker.port})
        with running(config) as device:
            assert device.finish() == 0
    broker.start()
    observer = Observer(broker)
    try:
        with Emulator() as cloud, running(config):
            observer.wait(lambda: len(observer.on(f"{BASE}/transcript")) >= 2, "queued finals")
    finally:
        observer.close()
    finals = [json.loads(payload) for payload in observer.on(f"{BASE}/transcript")]
    assert [final["text"] for final in finals[:2]] == [text for text, _ in SENTENCES]


def test_it_says_that_it_is_starting(tmp_path: Path) -> None:
    seen: list[str] = []
    write_wav(tmp_path / "speech.wav", silence(0.2))
    app = App(loader.load(str(write_config(tmp_path, "http://127.0.0.1:9"))))

    def noted(state: Mapping[str, Any]) -> None:
        seen.append(state["state"])
        app.stop("it was seen")

    app.controller.on_state.append(noted)
    app.run()
    assert seen[0] == "starting"
