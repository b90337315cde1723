"""The device talks and nobody else does: does it take its own voice for somebody's?"""

from __future__ import annotations

from typing import Any

import numpy
from pocketsphinx import Decoder
from pocketsphinx import Endpointer as Sentences

from agent.audio.vad import Endpointer, SpeechStarted, Vad
from tests.bench.hearing.loop import Device, Setting, Sound, echo, microphone, played
from tests.bench.hearing.voices import speech
from tests.bench.section import Options, Section, Verdict, table

NAME = "alone"
TIMES = 10  # of a run's seconds
ROOMS, RATES = (0.25, 0.6), (16000, 8000)
MOST = {0.25: 0, 0.6: 1}


def measure(options: Options) -> dict[str, Any]:
    """A row for each room and rate."""
    seconds = TIMES * options.seconds
    rows = [_row(Setting(room_s, rate), seconds) for room_s in ROOMS for rate in RATES]
    return {"seconds": seconds, "rows": rows}


def present(data: dict[str, Any]) -> Section:
    """The table, and what was promised."""
    header = ["room, rate", "barge-ins", "without the gate", "packets taken for a voice"]
    header += ["without the gate", "without the canceller", "words as text", "a minute without"]
    rows = [
        [f"{r['room_s']:g} s, {r['rate'] // 1000} kHz", *(str(r[key]) for key in _COLUMNS)]
        for r in data["rows"]
    ]
    words = f"""\
The device talks for {data["seconds"] / 60:.0f} minutes in the voices of espeak-ng and nobody else
does. A barge-in is a voice that would have silenced it. *Without the gate*: the voice detector on
what the canceller leaves, as it is. *Words as text*: what pocketsphinx makes of all that is sent in
the mode `open` (at 16 kHz), and of a minute of what the microphone hears."""
    return Section("The device alone", words, table(header, rows), _verdicts(data["rows"]))


_COLUMNS = ("starts", "ungated", "voiced", "ungated_voiced", "raw_voiced", "words", "raw_words")


def _verdicts(rows: list[dict[str, Any]]) -> list[Verdict]:
    found = []
    for room_s, most in MOST.items():
        worst = max(row["starts"] for row in rows if row["room_s"] == room_s)
        limit = f"barge-ins by itself in a room of {room_s:g} s ≤ {most}"
        found.append(Verdict(limit, str(worst), worst <= most))
    words = sum(row["words"] for row in rows if isinstance(row["words"], int))
    return [*found, Verdict("finals made of its own voice: none", f"{words} words", words == 0)]


def _row(setting: Setting, seconds: float) -> dict[str, Any]:
    said = played(speech(setting.rate, seconds))
    near = microphone(setting, echo(setting, said))
    taken = list(Device(setting.rate, near).run(said))
    clean = [packet.clean for packet in taken]
    telling = setting.rate == 16000
    return {
        "room_s": setting.room_s,
        "rate": setting.rate,
        "starts": sum(packet.started for packet in taken),
        "voiced": _percent([packet.voiced for packet in taken]),
        **_judged("ungated", clean, setting.rate),
        **_judged("raw", [packet.near for packet in taken], setting.rate),
        "words": words(numpy.concatenate(clean)) if telling else "–",
        "raw_words": words(near[: 60 * setting.rate]) if telling else "–",
    }


def _judged(name: str, packets: list[Sound], rate: int) -> dict[str, Any]:
    """How often speech begins in them for the voice detector alone, and how many are speech."""
    vad, endpointer = Vad(rate), Endpointer()
    voiced = [vad.voiced(packet.tobytes()) for packet in packets]
    changes = [endpointer.feed(number, voice) for number, voice in enumerate(voiced)]
    starts = sum(isinstance(change, SpeechStarted) for change in changes)
    return {name: starts, f"{name}_voiced": _percent(voiced)}


def _percent(flags: list[bool]) -> str:
    return f"{100 * sum(flags) / len(flags):.1f} %"


def words(sound: Sound) -> int:
    """How many words pocketsphinx makes of it; at 16 kHz."""
    ears, decoder = Sentences(sample_rate=16000), Decoder(samprate=16000, loglevel="FATAL")
    pcm, found, inside = sound.tobytes(), 0, False
    for at in range(0, len(pcm) - ears.frame_bytes, ears.frame_bytes):
        frame = ears.process(pcm[at : at + ears.frame_bytes])
        if frame is not None:
            if not inside:
                decoder.start_utt()
                inside = True
            decoder.process_raw(frame)
        if inside and not ears.in_speech:
            inside = False
            found += _ended(decoder)
    return found + (_ended(decoder) if inside else 0)


def _ended(decoder: Decoder) -> int:
    decoder.end_utt()
    said = decoder.hyp()
    return len(said.hypstr.split()) if said else 0
