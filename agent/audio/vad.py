"""Voice activity: is somebody speaking, and where did the speech begin and end?"""

from __future__ import annotations

from dataclasses import dataclass

import _webrtcvad as webrtcvad  # the module around it reads package metadata: 1 MB, 10 ms

from agent.audio.pcm import PACKET_MS, SAMPLE_BYTES, level_dbfs, packet_bytes

FRAME_MS = 20
FLOOR_DBFS = -60.0


class Vad:
    """Judges packets of 40 ms of s16le mono at 8000, 16000, 32000 or 48000 Hz.

    ``aggressiveness`` is 0 (lets much pass as speech) to 3 (only clear speech).
    """

    def __init__(self, rate: int, aggressiveness: int = 2) -> None:
        self._rate = rate
        self._vad = webrtcvad.create()
        webrtcvad.init(self._vad)
        webrtcvad.set_mode(self._vad, aggressiveness)
        self._packet = packet_bytes(rate)
        self._frame = rate * FRAME_MS // 1000 * SAMPLE_BYTES

    def voiced(self, packet: bytes) -> bool:
        """True when at least half of the packet's frames are speech.

        Below -60 dBFS nothing is: the noise of an idle input would otherwise pass
        as speech now and then.  Raises ValueError when ``packet`` is not 40 ms long.
        """
        if len(packet) != self._packet:
            raise ValueError(f"a packet is {self._packet} bytes, not {len(packet)}")
        if level_dbfs(packet) < FLOOR_DBFS:
            return False
        frames = range(0, len(packet), self._frame)
        speech = sum(self._is_speech(packet[i : i + self._frame]) for i in frames)
        return 2 * speech >= len(frames)

    def _is_speech(self, frame: bytes) -> bool:
        return bool(webrtcvad.process(self._vad, self._rate, frame, len(frame) // SAMPLE_BYTES))


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began with packet ``seq`` (earlier than the packet that made it certain)."""

    seq: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Speech is over; ``seq`` is the first packet after the last voiced one."""

    seq: int


class Endpointer:
    """Turns a flag per packet into starts and ends of speech.

    Speech starts after ``open_ms`` of voiced packets in a row, so that a click does
    not open, and ends after ``close_ms`` without any, so that a pause for breath
    does not close.  Packets missing from the sequence count as not voiced.
    """

    def __init__(self, open_ms: int = 80, close_ms: int = 800) -> None:
        self._open = max(1, -(-open_ms // PACKET_MS))
        self._close = max(1, -(-close_ms // PACKET_MS))
        self.reset()

    def reset(self) -> None:
        """Forget everything; not speaking."""
        self.speaking = False
        self._run_start = 0
        self._run_end = -1

    def feed(self, seq: int, voiced: bool) -> SpeechStarted | SpeechEnded | None:
        """Judge packet ``seq`` (rising numbers); say what changed, if anything did."""
        if voiced:
            if seq != self._run_end:
                self._run_start = seq
            self._run_end = seq + 1
        if not self.speaking and voiced and self._run_end - self._run_start >= self._open:
            self.speaking = True
            return SpeechStarted(self._run_start)
        if self.speaking and seq + 1 - self._run_end >= self._close:
            self.speaking = False
            return SpeechEnded(self._run_end)
        return None
