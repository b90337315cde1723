"""Voice activity: is somebody speaking, and where did the speech begin and end?

webrtcvad knows voices by their spectrum, but it only works at the loudness of a telephone: it
finds 6 % of what an I2S microphone hears at arm's length.  So each packet is judged as if the
microphone's own noise stood where webrtcvad works best; only the judgement hears it so.
"""

from __future__ import annotations

from dataclasses import dataclass

import _webrtcvad as webrtcvad  # the module around it reads package metadata: 1 MB, 10 ms

from agent.audio.floor import DIGITAL, Floor
from agent.audio.pcm import FULL_SCALE, PACKET_MS, SAMPLE_BYTES, audioop, packet_bytes, without_dc
from agent.audio.ring import SOUND, VOICED

FRAME_MS = 20
FLOOR_RMS = FULL_SCALE * 10 ** (-50 / 20)  # where webrtcvad wants the noise to be
MOST = 64  # a factor of 36 dB: noise of a single step
TRUSTED = 4  # the factor up to which webrtcvad is asked about anything
FINE = 64  # an RMS below this is told too coarsely by whole steps
DC = 0.25  # of the RMS: less changes the level by 0.3 dB, and webrtcvad does not hear it
LOOK = 8  # packets from one look for DC to the next: it is the card's, and changes slowly
MARGIN = 10 ** (4 / 20)  # noise of one packet is seldom further above the quietest of 10 s


class Vad:
    """Judges packets of 40 ms of s16le mono at 8000, 16000, 32000 or 48000 Hz, in their order.

    ``aggressiveness`` is 0 (lets much pass as speech) to 3 (only clear speech).
    """

    def __init__(self, rate: int, aggressiveness: int = 2) -> None:
        self._rate = rate
        self._vad = webrtcvad.create()
        webrtcvad.init(self._vad)
        webrtcvad.set_mode(self._vad, aggressiveness)
        self._packet = packet_bytes(rate)
        self._samples = rate * FRAME_MS // 1000
        self._frame = self._samples * SAMPLE_BYTES
        self._floor = Floor()
        self._followed = 0.0  # the floor that these three are for
        self._factor = MOST  # a power of two: its steps must not look like a change of the sound
        self._loud = self._near = 0.0  # an RMS above is asked about; one above is no background
        self._count = 0
        self._offset = 0  # the DC, without its sign
        self.rms = 0.0  #: of the newest packet, without DC, in steps of a sample

    def voiced(self, packet: bytes) -> bool:
        """Whether at least half of the packet's frames are speech; see :meth:`judge`."""
        return bool(self.judge(packet) & VOICED)

    def judge(self, packet: bytes) -> int:
        """``VOICED | SOUND`` for speech, ``SOUND`` for what may be, 0 for certain background.

        Raises ValueError when ``packet`` is not 40 ms long.
        """
        if len(packet) != self._packet:
            raise ValueError(f"a packet is {self._packet} bytes, not {len(packet)}")
        rms: float = audioop.rms(packet, SAMPLE_BYTES)
        if not self._count % LOOK:
            self._offset = abs(audioop.avg(packet, SAMPLE_BYTES))
        self._count += 1
        if self._offset > DC * rms:
            packet = without_dc(packet, audioop.avg(packet, SAMPLE_BYTES))
            rms = audioop.rms(packet, SAMPLE_BYTES)
        if rms < FINE:
            rms = audioop.rms(audioop.mul(packet, SAMPLE_BYTES, FINE), SAMPLE_BYTES) / FINE
        self.rms = rms
        if rms < DIGITAL:
            return 0
        floor = self._floor
        floor.feed(rms)
        if floor.rms != self._followed:
            self._follow(floor.rms)
        # At the loudness it was made for webrtcvad tells noise from speech that is hardly louder,
        # but it takes its first packets for speech.
        if rms > self._loud or (floor.known and self._factor <= TRUSTED):
            if self._factor > 1:
                packet = audioop.mul(packet, SAMPLE_BYTES, self._factor)
            process, vad, rate, size = webrtcvad.process, self._vad, self._rate, self._frame
            first = process(vad, rate, packet[:size], self._samples)
            second = process(vad, rate, packet[size:], self._samples)  # it learns from both
            if first or second:
                return VOICED | SOUND
        return 0 if floor.known and rms <= self._near else SOUND

    def _follow(self, floor: float) -> None:
        """Change the factor when the floor has moved by more than half a step of 6 dB."""
        quiet = min(floor, FLOOR_RMS)
        self._followed, self._loud, self._near = floor, quiet * MARGIN, floor * MARGIN
        wanted = FLOOR_RMS / quiet
        if not 0.7 < wanted / self._factor < 2.9:
            factor = 1
            while factor < MOST and 2 * factor <= wanted * 1.01:
                factor *= 2
            self._factor = factor


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
