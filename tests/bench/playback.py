"""Playback on a jittery network: the adaptive jitter buffer against one of fixed depth.

In virtual time, so exact and repeatable; beside it the real thread on the real clock, for
what only that can show: how soon the first sample is written and the speaker silenced.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.audio.scripted import ScriptedSpeaker
from agent.clock import SystemClock
from agent.pipeline.player import Player
from agent.report.telemetry import Telemetry, percentile
from tests.bench.charts import chart
from tests.bench.listener import BYTES_PER_S, RATE, listen, traffic

JITTERS_MS = (0, 25, 50, 100, 200)
PREBUFFER_MS = 120
PATIENCE_S = 5.0

Figures = dict[str, Any]


def measure(sentences: int = 200, seed: int = 1, repeats: int = 20) -> Figures:
    """``sentences`` are played at each jitter; ``repeats`` are the attempts in real time."""
    series: dict[str, list[Figures]] = {"fixed": [], "adaptive": []}
    for jitter in JITTERS_MS:
        messages = traffic(jitter / 1000, sentences, seed)
        for name, rows in series.items():
            heard = listen(messages, PREBUFFER_MS, adaptive=name == "adaptive")
            rows.append({"jitter_ms": jitter} | asdict(heard))
    return {
        "seed": seed,
        "sentences": sentences,
        "speech_s": sum(len(message.pcm) for message in messages) / BYTES_PER_S,
        "prebuffer_ms": PREBUFFER_MS,
        "series": series,
        "real_time": _real_time(repeats) if repeats else None,
    }


def rows(figures: Figures) -> list[tuple[str, ...]]:
    """A row for each jitter and kind of buffer, header first."""
    table: list[tuple[str, ...]] = [
        (
            "jitter, ms",
            "buffer",
            "underruns per minute",
            "breaks heard per minute",
            "silence in speech, ms per minute",
            "first message → first sample, ms (p95)",
            "delay added, ms",
        )
    ]
    for fixed, adaptive in zip(*figures["series"].values(), strict=True):
        for name, row in (("fixed", fixed), ("adaptive", adaptive)):
            table.append(
                (
                    f"0–{row['jitter_ms']}",
                    name,
                    f"{row['underruns_per_min']:.1f}",
                    f"{row['breaks_per_min']:.1f}",
                    f"{row['silence_ms_per_min']:.0f}",
                    f"{row['first_ms']:.0f} ({row['first_p95_ms']:.0f})",
                    f"{row['added_ms']:.0f}",
                )
            )
    return table


def plot(figures: Figures, folder: Path) -> list[Path]:
    """Breaks and delay over jitter, one line for each kind of buffer."""
    charts = {
        "playback-breaks.svg": ("Breaks in speech", "per minute", "breaks_per_min"),
        "playback-delay.svg": ("Delay of the jitter buffer", "ms", "added_ms"),
    }
    paths = []
    for name, (title, unit, key) in charts.items():
        with chart(folder / name, title, "network jitter, uniform from 0 to … ms", unit) as axes:
            for kind, series in figures["series"].items():
                xs, ys = zip(*((row["jitter_ms"], row[key]) for row in series), strict=True)
                axes.plot(xs, ys, marker="o", label=kind)
            axes.set_ylim(bottom=0)
        paths.append(folder / name)
    return paths


def _real_time(repeats: int) -> Figures:
    """The player's thread on this machine's clock; ms, median and worst."""
    clock = SystemClock()
    speaker = _Watched(clock)
    player = Player(speaker, RATE, PREBUFFER_MS, 100, Telemetry(0.0), lambda _: None, clock)
    speaker.open()
    player.start()
    first, silent = [], []
    try:
        for _ in range(repeats):
            player.sentence()
            first.append(speaker.time(speaker.wrote, lambda: player.speech(bytes(BYTES_PER_S))))
            clock.sleep(0.15)  # until the speaker's buffer is full and a write waits
            silent.append(speaker.time(speaker.dropped, player.barge_in))
    finally:
        player.stop()
        player.join(PATIENCE_S)
    return {"first_write_ms": _spread(first), "barge_in_ms": _spread(silent)}


def _spread(seconds: Sequence[float]) -> Figures:
    ordered = sorted(1000 * value for value in seconds)
    return {"p50": percentile(ordered, 50), "max": ordered[-1]}


class _Watched(ScriptedSpeaker):
    """A speaker that tells when it is written to and when it is silenced."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(rate=RATE, clock=clock)
        self.wrote, self.dropped = threading.Event(), threading.Event()

    def write(self, pcm: bytes) -> int:
        self.wrote.set()
        return super().write(pcm)

    def drop(self) -> None:
        super().drop()
        self.dropped.set()

    def time(self, event: threading.Event, action: Callable[[], None]) -> float:
        """Seconds from ``action`` to ``event``."""
        event.clear()
        begun = self._clock.now()
        action()
        if not event.wait(PATIENCE_S):
            raise TimeoutError("the player did nothing")
        return self._clock.now() - begun
