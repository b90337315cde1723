"""The delay of the devices moves between two sentences: is the device silenced by its own voice?

What it plays depends on what it hears here.  A device that takes itself for somebody falls silent,
and so its canceller hears too little of the new echo to find it.
"""

from __future__ import annotations

from typing import Any

import numpy

from agent.audio.pcm import FULL_SCALE
from tests.bench.hearing.loop import (
    ECHO_DBFS,
    Device,
    Setting,
    Sound,
    loudness,
    microphone,
    played,
    steps,
)
from tests.bench.hearing.rooms import SPEAKER, room
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
        self._air = microphone(setting, numpy.zeros(length))
        self._device = Device(rate, self._air)

    def silenced(self, before_ms: int, after_ms: int) -> list[bool]:
        """Whether it silenced itself, for each sentence after the delay moved to another."""
        delays = [before_ms] * BEFORE + [after_ms] * AFTER
        said = zip(self._sentences, delays, strict=True)
        return [self._say(sentence, delay) for sentence, delay in said][BEFORE:]

    def _say(self, sentence: Sound, delay_ms: int) -> bool:
        device, portion = self._device, self._rate // 50
        begun = device.sink.until = device.clock.now()
        at, silenced = 0, False
        while device.clock.now() < begun + SENTENCE_S + PAUSE_S:
            while not silenced and at < len(sentence) and device.has_room:
                self._play(sentence[at : at + portion], delay_ms)
                at += portion
            if device.hear().started and not silenced:
                silenced = True
                device.speaker.drop()
        return silenced

    def _play(self, sound: Sound, delay_ms: int) -> None:
        begin = round((self._device.sink.until + delay_ms / 1000) * self._rate)
        there = steps(numpy.convolve(sound / FULL_SCALE, self._response))
        self._air[begin : begin + len(there)] += there
        self._device.play(sound.tobytes())
