"""Somebody talks over the device: is it noticed, and how soon?"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from agent.audio.pcm import level_dbfs
from agent.pipeline.player import PERIOD_S
from tests.bench.charts import chart
from tests.bench.hearing.loop import Device, Setting, Taken, echo, microphone, person, played
from tests.bench.hearing.voices import interruptions, speech
from tests.bench.section import Options, Plot, Section, Verdict, table

NAME = "barge-in"
ROOMS, RATES, LEVELS = (0.25, 0.6), (16000, 8000), (0, -6, -12)
TIMES, FIRST_S, EVERY_S = 10, 8, 6
WITHIN_S = 1.5  # of the first word, or it was not noticed
LEAST = {0: 9, -6: 7}
MOST_MS = 300
SHOWN = (0.25, 16000, -6)


def measure(options: Options) -> dict[str, Any]:
    """A row for each room, rate and loudness; ``levels`` (dBFS) are of one that is drawn."""
    rows, levels = [], []
    for room_s in ROOMS:
        for rate in RATES:
            setting = Setting(room_s, rate)
            said = played(speech(rate, FIRST_S + TIMES * EVERY_S))
            alone = echo(setting, said)
            for db in LEVELS:
                sound, begins = alone.copy(), []
                for number, words in enumerate(islice(interruptions(rate), TIMES)):
                    # Not at the same place of a packet each time.
                    begin = (FIRST_S + number * EVERY_S) * rate + number * 997 % rate
                    there = person(setting, words, db)[: len(sound) - begin]
                    sound[begin : begin + len(there)] += there
                    begins.append(begin / rate)
                taken = list(Device(rate, microphone(setting, sound)).run(said))
                rows.append(_row(setting, db, begins, taken))
                if (room_s, rate, db) == SHOWN:
                    levels = _levels(taken, begins[1])
    return {"rows": rows, "levels": levels}


def present(data: dict[str, Any]) -> Section:
    """The table, and what was promised."""
    header = ["person to echo, room, rate", "noticed", "silent after, ms", "slowest, ms"]
    rows = [
        [
            f"{r['db']} dB, {r['room_s']:g} s, {r['rate'] // 1000} kHz",
            f"{len(r['after_ms'])} of {TIMES}",
            f"{median(r['after_ms']):.0f}" if r["after_ms"] else "–",
            f"{max(r['after_ms']):.0f}" if r["after_ms"] else "–",
        ]
        for r in data["rows"]
    ]
    words = """\
While the device talks, somebody 1.2 m away says a few words: people recorded for alsa-utils and
voices of espeak-ng in turn, as loud at the microphone as the device's echo or softer. *Silent
after* is the median from the first sound of the first word to the last sample the player gives the
card, with the period it may be in the middle of (20 ms)."""
    plots = [_plot(data)] if data["levels"] else []
    return Section("Talking over it", words, table(header, rows), _verdicts(data["rows"]), plots)


def _row(setting: Setting, db: int, begins: list[float], taken: list[Taken]) -> dict[str, Any]:
    started = [packet.at for packet in taken if packet.started]
    after = []
    for begin in begins:
        late = [at - begin for at in started if 0 < at - begin <= WITHIN_S]
        after += [round((late[0] + PERIOD_S) * 1000)] if late else []
    return {"room_s": setting.room_s, "rate": setting.rate, "db": db, "after_ms": after}


def _verdicts(rows: list[dict[str, Any]]) -> list[Verdict]:
    found = []
    for db, least in LEAST.items():
        chosen = [row for row in rows if row["db"] == db]
        worst = min(len(row["after_ms"]) for row in chosen)
        limit = f"noticed at {db} dB ≥ {least} of {TIMES}"
        found.append(Verdict(limit, f"{worst} of {TIMES}", worst >= least))
        slowest = max(median(row["after_ms"]) for row in chosen if row["after_ms"])
        limit = f"silence within {MOST_MS} ms at {db} dB (median)"
        found.append(Verdict(limit, f"{slowest:.0f} ms", slowest <= MOST_MS))
    return found


def _levels(taken: list[Taken], begin: float) -> list[list[float]]:
    """Time from ``begin`` (s), microphone and rest (dBFS), and whether it counted as voice."""
    shown = [packet for packet in taken if -2 < packet.at - begin < 2]
    return [
        [
            round(packet.at - begin, 3),
            round(level_dbfs(packet.near.tobytes()), 1),
            round(level_dbfs(packet.clean.tobytes()), 1),
            int(packet.voiced),
        ]
        for packet in shown
    ]


def _plot(data: dict[str, Any]) -> Plot:
    def draw(path: Path) -> None:
        at = [point[0] for point in data["levels"]]
        with chart(path, "", "s from the person's first sound", "dBFS") as axes:
            axes.plot(at, [point[1] for point in data["levels"]], label="microphone")
            axes.plot(at, [point[2] for point in data["levels"]], label="what is sent")
            for moment, _, level, voiced in data["levels"]:
                if voiced:
                    axes.plot([moment], [level], "o", color="#d55e00", markersize=4)

    title = "A person 6 dB softer than the device's echo; dots are packets that count as voice"
    return Plot("barge-in", title, draw)
