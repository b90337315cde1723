"""Real ALSA with a card that does what cards and sound servers of boards do."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from agent.audio.device import microphone, speaker
from agent.clock import SystemClock
from agent.emulator import Emulator
from agent.errors import DeviceError, Overrun
from tests.system.broker import wait_until
from tests.system.card import Card, built, card
from tests.system.device import running, write_config

__all__ = ["built", "card"]

RATE = 16000


def test_a_server_that_dies_is_a_lost_microphone(card: Card) -> None:
    mic = microphone("card", rate=RATE, clock=SystemClock())
    mic.open()
    assert mic.read()
    card.leave()
    overruns = 0
    with pytest.raises(DeviceError, match="card gives overruns and no sound"):  # noqa: PT012
        while True:
            try:
                mic.read()
            except Overrun:
                overruns += 1
    assert overruns < 20
    with pytest.raises(DeviceError, match="microphone card has no sound server"):
        mic.open()
    card.come_back()
    mic.open()
    assert mic.read()
    mic.close()


def test_a_server_that_dies_is_a_lost_speaker(card: Card) -> None:
    out = speaker("card", rate=RATE, clock=SystemClock())
    out.open()
    out.write(bytes(640))
    card.leave()
    with pytest.raises(DeviceError, match="card underruns without end"):  # noqa: PT012
        for _ in range(100):
            out.write(bytes(640))
    card.come_back()
    out.open()
    assert out.write(bytes(640)) == 0
    out.close()


def test_the_whole_device_survives_a_server_that_dies(card: Card, tmp_path: Path) -> None:
    devices = {"capture": {"device": "card"}, "playback": {"device": "card"}}
    with Emulator() as cloud:
        config = write_config(tmp_path, cloud.url, audio=devices)
        with running(config) as device:
            told: Counter[str] = Counter()
            device.app.controller.on_notice.append(lambda notice: told.update([notice.event]))
            device.wait_for("listening")
            wait_until(lambda: cloud.connections and cloud.connections[0].audio_ms > 200, "audio")
            card.leave()
            device.wait_for("fault")
            processor = time.process_time()
            time.sleep(2.0)
            processor = time.process_time() - processor
            card.come_back()
            device.wait_for("listening")
            wait_until(lambda: told["microphone_back"], "news that the microphone is back")
            heard = cloud.connections[-1].audio_ms
            wait_until(lambda: cloud.connections[-1].audio_ms > heard + 400, "audio again")
        assert told["microphone_lost"] == told["microphone_back"] == 1
        assert told["overrun"] <= 2
        assert processor < 1.0, "2 s without a server are spent waiting"


@pytest.mark.parametrize("name", ["card48", "card44"])
def test_a_card_of_another_rate_has_as_long_a_buffer(card: Card, name: str) -> None:
    mic, out = (make(name, rate=RATE, clock=SystemClock()) for make in (microphone, speaker))
    mic.open()
    out.open()
    assert "period 40 ms buffer 240 ms" in mic.description
    assert "period 20 ms buffer 80 ms" in out.description
    mic.close()
    out.close()


def test_a_deep_buffer_is_filled_by_the_clock(card: Card) -> None:
    """It holds half a second whatever is asked for; a barge-in must not wait for that."""
    out = speaker("deep", rate=RATE, clock=SystemClock())
    out.open()
    assert "buffer 500 ms" in out.description
    began = time.monotonic()
    underruns = sum(out.write(bytes(640)) for _ in range(50))
    assert time.monotonic() - began > 0.9, "a second of sound takes a second, less 80 ms"
    assert out.delay <= 0.08
    out.drain()
    out.close()
    assert underruns < 5
