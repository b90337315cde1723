"""The whole device on real-time ALSA devices (PulseAudio behind the ALSA plugin)."""

from __future__ import annotations

from pathlib import Path

import numpy

from agent.audio.pcm import level_dbfs
from agent.emulator import Emulator
from tests.system.broker import wait_until
from tests.system.device import RATE, recording, running, silence, write_config
from tests.system.pulse import Pulse, pulse

__all__ = ["pulse"]

ALSA = {"capture": {"device": "mic"}, "playback": {"device": "speaker"}}


def test_speech_in_the_room_is_translated_and_spoken_into_it(tmp_path: Path, pulse: Pulse) -> None:
    with Emulator() as cloud, pulse.recording() as heard:
        config = write_config(tmp_path, cloud.url, audio=ALSA)
        with running(config) as device:
            device.wait_for("listening")
            wait_until(lambda: cloud.connections and cloud.connections[0].audio_ms > 200, "audio")
            pulse.play(recording("Front_Center") + silence(1.5))
            wait_until(lambda: device.app.telemetry.total("finals"), "a final")
            device.wait_for("speaking")
            device.wait_for("listening")
        connection = cloud.connections[0]
        spoken = heard()
    # On a loaded machine the sink itself drops pieces; the rest must be the recording.
    speech = recording("Front_Center")
    pieces = [speech[at : at + RATE // 2] for at in range(RATE // 4, 2 * RATE, RATE // 2)]
    assert max(best_match(connection.audio, piece) for piece in pieces) > 0.95
    assert level_dbfs(spoken[-len(spoken) // 2 & ~1 :]) > -60, "the translation was heard"


def best_match(sound: bytes, wanted: bytes) -> float:
    """The highest normalised correlation of ``wanted`` with any place in ``sound``."""
    a, b = (numpy.frombuffer(pcm, "<i2").astype(float) for pcm in (sound, wanted))
    size = 1 << (len(a) + len(b)).bit_length()
    spectrum = numpy.fft.rfft(a, size) * numpy.conj(numpy.fft.rfft(b, size))
    at = int(numpy.argmax(numpy.fft.irfft(spectrum, size)[: len(a) - len(b)]))
    piece = a[at : at + len(b)]
    return float(piece @ b / (numpy.linalg.norm(piece) * numpy.linalg.norm(b)))
