"""A device in a room, in virtual time: what it plays comes back into its microphone.

All between the two is the product's: the wrapped devices, the far end, the canceller, the gate, the
voice detector and the endpointer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy
import soxr
from numpy.typing import NDArray

from agent.audio.pcm import FULL_SCALE, PACKET_MS
from agent.audio.vad import Endpointer, SpeechStarted
from agent.clock import ManualClock
from agent.ears.echo import EchoCancellation
from agent.events import Notice
from tests.bench.hearing.rooms import PERSON, SPEAKER, Floats, heard, room

ECHO_DBFS = -26.0  # at the microphone
NOISE_DBFS = -70.0
PLAYED_DBFS = -20.0
AHEAD_S = 0.08  # as the player fills a card

Sound = NDArray[numpy.int16]


@dataclass(frozen=True)
class Setting:
    """A room and what is wrong with the equipment in it.

    ``delay_ms`` is that of the devices, ``ppm`` by how much the speaker's clock is fast, ``clip``
    the share of its loudest sample at which the speaker clips, ``step_db`` what the speaker's level
    changes by in the middle.
    """

    room_s: float
    rate: int = 16000
    delay_ms: float = 60.0
    ppm: float = 0.0
    clip: float = 1.0
    step_db: float = 0.0


@dataclass(frozen=True)
class Taken:
    """A packet: its end (s), what the microphone heard, what was left of it, whether it counts as
    voice, and whether speech began with it."""

    at: float
    near: Sound
    clean: Sound
    linear: bytes | None
    voiced: bool
    started: bool


class Device:
    """Hears ``near`` while it plays, s16 at ``rate``; what is not heard yet may still change."""

    def __init__(self, rate: int, near: Sound, *, tapped: bool = False) -> None:
        self.rate, self.clock = rate, ManualClock()
        self.notices: list[Notice] = []
        self.echo = EchoCancellation(rate, self.notices.append, self.clock, tapped=tapped)
        self.sink = Sink(self.clock)
        self.speaker = self.echo.speaker(self.sink)
        self._near, self._seq = near, 0
        self._microphone = self.echo.microphone(_Source(self.clock, rate, near))
        self._microphone.open()
        self._vad, self._endpointer = self.echo.vad(), Endpointer()

    def run(
        self, said: Sound, spent: Callable[[float], None] = lambda seconds: None
    ) -> Iterator[Taken]:
        """Play ``said``, as long as ``near``, and hear all of that, as fast as this machine can."""
        portion = self.rate // 50
        for _ in range(len(self._near) // (self.rate * PACKET_MS // 1000)):
            while self.has_room:
                at = round(self.sink.until * self.rate)
                self.play(said[at : at + portion].tobytes().ljust(2 * portion, b"\0"))
            yield self.hear(spent)

    @property
    def has_room(self) -> bool:
        """Whether the card is to be given more."""
        return self.sink.until < self.clock.now() + AHEAD_S

    def play(self, pcm: bytes) -> None:
        """Give it to the card after all that it was given."""
        self.speaker.write(pcm)
        self.sink.until += len(pcm) / 2 / self.rate

    def hear(self, spent: Callable[[float], None] = lambda seconds: None) -> Taken:
        """The next packet; ``spent`` is told its processor time in the wrapped microphone."""
        begun = time.process_time()
        packet = self._microphone.read()
        spent(time.process_time() - begun)
        voiced = bool(self._vad.judge(packet) & 1)
        change = self._endpointer.feed(self._seq, voiced)
        size = self.rate * PACKET_MS // 1000
        self._seq += 1
        return Taken(
            self.clock.now(),
            self._near[(self._seq - 1) * size : self._seq * size],
            numpy.frombuffer(packet, "<i2"),
            self.echo.linear(),
            voiced,
            isinstance(change, SpeechStarted),
        )


def played(speech: Floats) -> Sound:
    """Speech of an RMS of 1 as the player gives it to the card."""
    return steps(speech * 10 ** (PLAYED_DBFS / 20))


def echo(setting: Setting, said: Sound) -> Floats:
    """What the microphone hears of ``said`` (1 is full scale), at -26 dBFS while it sounds."""
    sound = said / FULL_SCALE
    sound[len(sound) // 2 :] *= 10 ** (setting.step_db / 20)
    most = setting.clip * abs(sound).max()
    sound = sound.clip(-most, most)
    if setting.ppm:
        sound = soxr.resample(sound, 1e6 + setting.ppm, 1e6)
        sound = numpy.pad(sound, (0, max(0, len(said) - len(sound))))[: len(said)]
    late = round(setting.delay_ms * setting.rate / 1000)
    sound = numpy.concatenate((numpy.zeros(late), sound))[: len(said)]
    there = heard(sound, room(setting.room_s, SPEAKER, setting.rate))
    return there * 10 ** ((ECHO_DBFS) / 20) / loudness(there[: len(there) // 2])


def person(setting: Setting, speech: Floats, db: float) -> Floats:
    """What it hears of somebody who talks by ``db`` louder than the echo (1 is full scale)."""
    padded = numpy.pad(speech, (0, round(setting.room_s * setting.rate)))
    there = heard(padded, room(setting.room_s, PERSON, setting.rate))
    return there * 10 ** ((ECHO_DBFS + db) / 20) / loudness(there)


def microphone(setting: Setting, sounds: Floats) -> Sound:
    """Sounds (1 is full scale) over the noise of a microphone and a quiet room."""
    dice = numpy.random.default_rng(7)
    return steps(sounds + dice.normal(size=len(sounds)) * 10 ** (NOISE_DBFS / 20))


def power(sound: Sound) -> float:
    """The mean square, in steps of a sample squared."""
    return float((sound.astype(float) ** 2).mean())


def loudness(sound: Floats) -> float:
    """The RMS of the parts within 30 dB of the loudest."""
    power = (sound[: len(sound) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1)
    return float(numpy.sqrt(power[power > power.max() / 1000].mean()))


def steps(sound: Floats) -> Sound:
    return (sound * FULL_SCALE).round().clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2")


class Sink:
    """A card that plays by the clock."""

    description = "computed"

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.until = 0.0

    @property
    def delay(self) -> float:
        return self.until - self._clock.now()

    def open(self) -> None: ...

    def write(self, pcm: bytes) -> int:
        return 0

    def check(self) -> None: ...

    def drain(self) -> None: ...

    def drop(self) -> None: ...

    def close(self) -> None: ...


class _Source:
    """A microphone that hears what was computed, a packet each 40 ms."""

    description = "computed"
    realtime = True

    def __init__(self, clock: ManualClock, rate: int, near: Sound) -> None:
        self._clock, self._near, self._at = clock, near, 0
        self._size = rate * PACKET_MS // 1000

    def open(self) -> None: ...

    def read(self) -> bytes:
        self._at += self._size
        self._clock.advance(PACKET_MS / 1000)
        return self._near[self._at - self._size : self._at].tobytes()

    def close(self) -> None: ...
