"""Recorded speech through a quiet microphone is found, and none of it is left out."""

from __future__ import annotations

import pytest

from agent.audio.pcm import packet_bytes
from agent.audio.ring import Packet
from agent.audio.segment import Segmenter
from agent.audio.vad import Vad
from tests.bench import voice

needs_recordings = pytest.mark.skipif(
    not voice.RECORDINGS.exists(), reason="needs the recordings of alsa-utils"
)


@needs_recordings
def test_quiet_speech_is_speech() -> None:
    figures = voice.measure()
    assert len(figures["rows"]) == len(voice.rows(figures)[1:]) * len(voice.RATES) == 18
    for row in figures["rows"]:
        assert row["taken"] <= 2, row
        if row["level"] - row["noise"] >= voice.CLEAR_DB:
            assert row["found"] >= 90, row
            assert row["lost_ms"] == 0, row


@needs_recordings
@pytest.mark.parametrize("rate", voice.RATES)
@pytest.mark.parametrize("level", [-65, -70])
def test_no_press_of_a_quiet_microphone_is_silence(rate: int, level: int) -> None:
    """Each phrase is a press of its own: its clip is uploaded."""
    clean, pauses = voice.talk(rate)
    pcm = voice.mixed(clean, rate, level, -84)
    vad, size, presses = Vad(rate), packet_bytes(rate), 0
    segmenter: Segmenter | None = None
    for seq in range(len(pauses)):
        data = pcm[seq * size : (seq + 1) * size]
        packet = Packet(seq, 0.0, vad.judge(data), data)
        if not pauses[seq]:
            segmenter = segmenter or Segmenter(None)
            segmenter.feed(packet)
        elif segmenter is not None and pauses[seq : seq + 10].all():
            clip, segmenter = segmenter.finish(), None
            assert clip is not None
            assert clip.heard
            presses += 1
    assert presses >= 8
