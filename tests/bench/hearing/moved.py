"""The delay of the devices moves between two sentences: is the device silenced by its own voice?

What it plays depends on what it hears here.  A device that takes itself for somebody falls silent,
and so its canceller hears too little of the new echo to find it.
"""

from __future__ import annotations

from typing import Any

import numpy

from agent.audio.pcm import FULL_SCALE, PACKET_MS
from agent.audio.vad import Endpointer, SpeechStarted
from agent.clock import ManualClock
from agent.ears.echo import EchoCancellation
from tests.bench.hearing.loop import (
    AHEAD_S,
    ECHO_DBFS,
    Setting,
    Sink,
    Sound,
    loudness,
    microphone,
    played,
)
from tests.bench.hearing.rooms import SPEAKER, Floats, room
from tests.bench.hearing.voices import speech
from tests.bench.section import Options, Section, Verdict, table

NAME = "moved"
ROOMS, RATES = (0.25, 0.6), (16000, 8000)
MOVES = ((60, 110), (110, 60), (60, 200), (200, 60), (90, 40))  # ms
BEFORE, AFTER = 3, 12  # sentences
SENTENCE_S, PAUSE_S = 4.0, 1.5
MOST = 2


def measure(options: Options) -> dict[str, Any]:
    """A row for each move; in ``silenced`` a number of sentences for each rate and room."""
    rows = []
    for before, after in MOVES:
        silenced = [
            sum(Talker(Setting(room_s, rate)).silenced(before, after))
            for rate in RATES
            for room_s in ROOMS
        ]
        rows.append({"before": before, "after": after, "silenced": silenced})
    return {"rows": rows}


def present(data: dict[str, Any]) -> Section:
    """A row for each move, a column for each rate and room."""
    header = ["delay, ms"]
    header += [f"{rate // 1000} kHz, {room_s:g} s" for rate in RATES for room_s in ROOMS]
    rows = [
        [f"{row['before']} → {row['after']}", *map(str, row["silenced"])] for row in data["rows"]
    ]
    words = f"""\
After {BEFORE} sentences the delay of the devices is another one, as where a sound server slept or a
card was opened anew. Of the next {AFTER} sentences, each {SENTENCE_S:g} s long and cut off where
the device takes itself for somebody: in how many that was."""
    worst = max(max(row["silenced"]) for row in data["rows"])
    limit = f"sentences of {AFTER} it silences itself in after its delay has moved ≤ {MOST}"
    verdicts = [Verdict(limit, str(worst), worst <= MOST)]
    return Section("A delay that moves", words, table(header, rows), verdicts)


class Talker:
    """A device that says sentences, falls silent when it hears a voice, and hears its echo."""

    def __init__(self, setting: Setting) -> None:
        rate = setting.rate
        count = BEFORE + AFTER
        said = played(speech(rate, count * SENTENCE_S))
        self._rate, self._sentences = rate, numpy.split(said[: len(said) // count * count], count)
        response = room(setting.room_s, SPEAKER, rate)
        loud = loudness(numpy.convolve(said[: 10 * rate] / FULL_SCALE, response))
        self._response = response * 10 ** (ECHO_DBFS / 20) / loud
        length = round(count * (SENTENCE_S + PAUSE_S) + 2) * rate + len(self._response)
        self._noise, self._air = microphone(setting, numpy.zeros(length)), numpy.zeros(length)
        self._clock, self._at = ManualClock(), 0
        self._sink = Sink(self._clock)
        parts = EchoCancellation(rate, lambda notice: None, self._clock)
        self._speaker, self._microphone = parts.speaker(self._sink), parts.microphone(self)
        self._vad, self._endpointer, self._seq = parts.vad(), Endpointer(), 0

    def silenced(self, before_ms: int, after_ms: int) -> list[bool]:
        """Whether it silenced itself, for each sentence after the delay moved to another."""
        delays = [before_ms] * BEFORE + [after_ms] * AFTER
        said = zip(self._sentences, delays, strict=True)
        return [self._say(sentence, delay) for sentence, delay in said][BEFORE:]

    def _say(self, sentence: Sound, delay_ms: int) -> bool:
        begun = self._sink.until = self._clock.now()
        portion, at, silenced = self._rate // 50, 0, False
        while self._clock.now() < begun + SENTENCE_S + PAUSE_S:
            while (
                not silenced
                and at < len(sentence)
                and self._sink.until < self._clock.now() + AHEAD_S
            ):
                self._play(sentence[at : at + portion], delay_ms)
                at += portion
            if self._hears_a_voice() and not silenced:
                silenced = True
                self._speaker.drop()
        return silenced

    def _play(self, sound: Sound, delay_ms: int) -> None:
        self._speaker.write(sound.tobytes())
        begin = round((self._sink.until + delay_ms / 1000) * self._rate)
        there: Floats = numpy.convolve(sound / FULL_SCALE, self._response)
        self._air[begin : begin + len(there)] += there
        self._sink.until += len(sound) / self._rate

    def _hears_a_voice(self) -> bool:
        voiced = bool(self._vad.judge(self._microphone.read()) & 1)
        self._seq += 1
        return isinstance(self._endpointer.feed(self._seq, voiced), SpeechStarted)

    # --- its microphone ----------------------------------------------------------------------

    description, realtime = "computed", True

    def open(self) -> None: ...

    def close(self) -> None: ...

    def read(self) -> bytes:
        size = self._rate * PACKET_MS // 1000
        part = slice(self._at, self._at + size)
        self._at += size
        self._clock.advance(PACKET_MS / 1000)
        heard = self._noise[part] + self._air[part] * FULL_SCALE
        return heard.round().clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()
