"""Short sounds on a real-time ALSA device: heard in the room, and never by the cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.audio.pcm import level_dbfs
from agent.audio.ring import GUARDED
from agent.cli import main
from agent.emulator import Emulator
from agent.events import Notice
from tests.system.broker import wait_until
from tests.system.device import running, silence, write_config, write_wav
from tests.system.pulse import Pulse, pulse

__all__ = ["pulse"]

ALSA = {"capture": {"device": "mic"}, "playback": {"device": "speaker", "volume": 100}}
AUDIBLE = -50.0  # dBFS of a packet


def test_a_sound_is_in_the_room_and_not_in_the_uplink(tmp_path: Path, pulse: Pulse) -> None:
    """The microphone hears the speaker, nobody is guarded from it, and the gate is open."""
    audio = ALSA | {"sounds": "default"}
    with Emulator() as cloud, pulse.recording() as heard:
        with running(write_config(tmp_path, cloud.url, audio=audio)) as device:
            device.wait_for("listening")
            wait_until(lambda: cloud.connections and cloud.connections[0].audio_ms > 400, "audio")
            for event in ("outage", "reconnect", "no_result"):
                device.app.post(Notice(event))
                wait_until(lambda: device.app.player.chiming, "the sound")
                wait_until(lambda: not device.app.player.chiming, "its end")
            device.app._command({"mute": True})
            wait_until(lambda: device.app.player.chiming, "the last")
            wait_until(lambda: not device.app.player.chiming, "its end")
            ring = device.app.ring
            packets = [p for n in range(ring.head) if (p := ring.read(n)) is not None]
        audio_sent = cloud.connections[0].audio
        room = heard()
    assert level_dbfs(room[: len(room) & ~1]) > -60, "the room hears them"
    loud = [p for p in packets if level_dbfs(p.data) > AUDIBLE]
    assert loud, "and so does the microphone"
    assert all(p.flags & GUARDED for p in loud)
    sent = [audio_sent[at : at + 1280] for at in range(0, len(audio_sent) - 1279, 1280)]
    assert max(map(level_dbfs, sent)) < AUDIBLE, "the cloud does not"


def test_one_that_cannot_be_played_is_told_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "speech.wav", silence(1))
    (tmp_path / "wake.wav").write_bytes(b"RIFFnonsense")
    config = write_config(tmp_path, "http://127.0.0.1:1", audio={"sounds": str(tmp_path)})
    assert main(["run", "--config", str(config)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dragoman: audio.sounds: {tmp_path}/wake.wav")
