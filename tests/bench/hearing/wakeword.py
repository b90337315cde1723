"""The wake word: is it heard, also over the device's own voice, and only where somebody said it?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy

from agent.ears.model import Model
from agent.ears.spotted import Spotted
from agent.ears.spotter import Spotter
from tests.bench.hearing.loop import Device, Setting, echo, microphone, person, played
from tests.bench.hearing.rooms import Floats
from tests.bench.hearing.voices import levelled, speech
from tests.bench.section import Options, Section, Verdict, table
from tests.system import voices

NAME = "wake-word"
RATE = voices.RATE
WORDS = {"okay_nabu": "okay nah boo", "hey_mycroft": "hey mycroft", "alexa": "alexa"}
SPEEDS = (130, 150, 165, 180, 200)
LEVEL_DBFS, NOISE_DB = -26.0, -10.0
PIECE = 1280  # bytes of sound handed on at once
SILENCE = bytes(2 * RATE)

ROOMS, RATES, LEVELS = (0.25, 0.6), (16000, 8000), (0, -6, -12)
TIMES, FIRST_S, EVERY_S, WITHIN_S = 40, 8, 4, 2.0

HOUR_S = 3600.0
TEXTS = ("GPL-3", "GFDL-1.3", "MPL-2.0", "Apache-2.0", "Artistic")
LICENCES = Path("/usr/share/common-licenses")  # long English texts that every Debian has
WORDS_AT_ONCE = 120
OWN_ROOM_S = 0.25
MINUTES_AT_ONCE = 10

LEAST, LEAST_OVER, MOST_ALARMS, MOST_OWN, MOST_CPU_MS = 0.85, 0.75, 1, 0, 5.0


def measure(options: Options) -> dict[str, Any]:
    """How often of 40 each word is heard; over the echo; alarms of an hour; ms of CPU a second."""
    return {
        "times": TIMES,
        "spoken": [_spoken(word) for word in WORDS],
        "over": [_over(Setting(*where), db) for where in product(ROOMS, RATES) for db in LEVELS],
        "alarms": _alarms(_running(HOUR_S)),
        "own": _alarms(_own(HOUR_S)),
    }


def present(data: dict[str, Any]) -> Section:
    """The tables, and what was promised."""
    of = data["times"]
    spoken = table(
        ["said alone", "heard", f"with noise at {NOISE_DB:g} dB"],
        [[r["word"], f"{r['clean']} of {of}", f"{r['noise']} of {of}"] for r in data["spoken"]],
    )
    over = table(
        ["person to echo, room, rate", "heard while the device talks"],
        [
            [
                f"{r['db']} dB, {r['room_s']:g} s, {r['rate'] // 1000} kHz",
                f"{r['heard']} of {of}",
            ]
            for r in data["over"]
        ],
    )
    alarms, own = data["alarms"], data["own"]
    heard = table(
        ["an hour of", "false alarms", "highest score"],
        [
            ["people who read to each other", str(alarms["alarms"]), f"{alarms['highest']:.2f}"],
            ["the device's own voice, 0.25 s", str(own["alarms"]), f"{own['highest']:.2f}"],
        ],
    )
    words = f"""\
{of} times each word, by eight voices of espeak-ng at five speeds, alone and in white noise; then
`okay_nabu` from 1.2 m away while the device talks, as loud at the microphone as its echo or softer,
as the wake word hears it: with the device's voice subtracted. Sensitivity is 0.5, the mark
{data["spoken"][0]["cutoff"]:.2f}. What people read are the licences every Debian has. To listen for
one word costs {alarms["cpu_ms"]:.1f} ms of processor time a second. Of `hey_jarvis` these voices
say one in four so that its model knows it: try a word with your own voice (`dragoman wake
try`)."""
    return Section("The wake word", words, f"{spoken}\n\n{over}\n\n{heard}", _verdicts(data))


def _verdicts(data: dict[str, Any]) -> list[Verdict]:
    of = data["times"]
    alone = data["spoken"][0]["clean"]
    over = min(row["heard"] for row in data["over"] if row["db"] == 0)
    alarms, own = data["alarms"]["alarms"], data["own"]["alarms"]
    cpu = data["alarms"]["cpu_ms"]
    return [
        Verdict(f"okay_nabu heard ≥ {LEAST:.0%} of {of}", f"{alone}", alone >= LEAST * of),
        Verdict(
            f"while the device talks as loud ≥ {LEAST_OVER:.0%} of {of}",
            f"{over}",
            over >= LEAST_OVER * of,
        ),
        Verdict(f"false alarms in an hour ≤ {MOST_ALARMS}", f"{alarms}", alarms <= MOST_ALARMS),
        Verdict("none in an hour of its own voice", f"{own}", own <= MOST_OWN),
        Verdict(f"≤ {MOST_CPU_MS:g} ms of CPU a second", f"{cpu:.1f} ms", cpu <= MOST_CPU_MS),
    ]


def utterances(word: str) -> Iterator[Floats]:
    """The word by each voice at each speed, an RMS of 1 while it sounds."""
    for voice, speed in product(voices.VOICES, SPEEDS):
        said = numpy.frombuffer(voices.say(WORDS[word], voice, speed), "<i2").astype(float)
        yield levelled(said, RATE)


def _spoken(word: str) -> dict[str, Any]:
    dice = numpy.random.default_rng(1)
    model = Model("--word", word)
    row: dict[str, Any] = {"word": word, "cutoff": model.cutoff, "clean": 0, "noise": 0}
    level = 32768 * 10 ** (LEVEL_DBFS / 20)
    for said in utterances(word):
        sound = numpy.pad(said * level, (2 * RATE, RATE))
        noise = dice.normal(size=len(sound)) * level * 10 ** (NOISE_DB / 20)
        for key, heard in (("clean", sound), ("noise", sound + noise)):
            pcm = heard.clip(-32768, 32767).astype("<i2").tobytes()
            row[key] += bool(_spotted(Spotter([Model("--word", word)], RATE), pcm))
    return row


def _spotted(spotter: Spotter, pcm: bytes) -> list[Spotted]:
    pieces = (pcm[at : at + PIECE] for at in range(0, len(pcm), PIECE))
    return [spotted for piece in pieces for spotted in spotter.feed(piece)]


def _over(setting: Setting, db: int) -> dict[str, Any]:
    rate = setting.rate
    said = played(speech(rate, FIRST_S + TIMES * EVERY_S))
    sound, begins = echo(setting, said), []
    for number, word in enumerate(_at(rate)):
        begin = (FIRST_S + number * EVERY_S) * rate + number * 997 % rate
        there = person(setting, word, db)[: len(sound) - begin]
        sound[begin : begin + len(there)] += there
        begins.append(begin / rate)
    spotter = Spotter([Model("--word", "okay_nabu")], rate)
    hits = []
    for taken in Device(rate, microphone(setting, sound), tapped=True).run(said):
        hits += [taken.at] * len(spotter.feed(taken.linear or taken.clean.tobytes()))
    heard = sum(any(0 < at - begin <= WITHIN_S for at in hits) for begin in begins)
    return {"room_s": setting.room_s, "rate": rate, "db": db, "heard": heard}


def _at(rate: int) -> Iterator[Floats]:
    """The utterances at another rate."""
    for voice, speed in product(voices.VOICES, SPEEDS):
        said = voices.say(WORDS["okay_nabu"], voice, speed, rate)
        yield levelled(numpy.frombuffer(said, "<i2").astype(float), rate)


def _running(seconds: float) -> Iterator[bytes]:
    """Voices that read, in turn, with short pauses."""
    text = " ".join((LICENCES / name).read_text() for name in TEXTS)
    words = re.findall(r"[A-Za-z']+", text)
    pages: Sequence[str] = [
        " ".join(words[at : at + WORDS_AT_ONCE]) for at in range(0, len(words), WORDS_AT_ONCE)
    ]
    length = 0.0
    for page, voice, speed in zip(cycle(pages), cycle(voices.VOICES), cycle(SPEEDS), strict=False):
        pcm = voices.say(page, voice, speed) + SILENCE[:RATE]
        yield pcm
        length += len(pcm) / 2 / RATE
        if length >= seconds:
            return


def _own(seconds: float) -> Iterator[bytes]:
    """What is left of the device's own voice where the wake word listens."""
    setting = Setting(OWN_ROOM_S)
    at_once = MINUTES_AT_ONCE * 60.0
    text = played(numpy.concatenate(list(_levelled(seconds))))
    size = round(at_once * RATE)
    for at in range(0, len(text), size):
        said = text[at : at + size]
        device = Device(RATE, microphone(setting, echo(setting, said)), tapped=True)
        for taken in device.run(said):
            yield taken.linear or taken.clean.tobytes()


def _levelled(seconds: float) -> Iterator[Floats]:
    for pcm in _running(seconds):
        yield levelled(numpy.frombuffer(pcm, "<i2").astype(float), RATE)


def _alarms(sound: Iterator[bytes]) -> dict[str, Any]:
    """How often the word was heard that nobody said."""
    word = Model("--word", "okay_nabu")
    spotter = Spotter([word], RATE)
    alarms, highest, length, spent = 0, 0.0, 0.0, 0.0
    for pcm in sound:
        begun = time.process_time()
        for at in range(0, len(pcm), PIECE):
            alarms += len(spotter.feed(pcm[at : at + PIECE]))
            highest = max(highest, word.score)
        spent += time.process_time() - begun
        length += len(pcm) / 2 / RATE
    return {
        "alarms": alarms,
        "highest": highest,
        "seconds": length,
        "cpu_ms": 1000 * spent / length,
    }
