"""What hearing costs: processor time, and how much later a packet is."""

from __future__ import annotations

import time
from statistics import quantiles
from typing import Any

import numpy

from agent.audio.pcm import PACKET_MS
from agent.ears.canceller import Canceller
from agent.ears.linear import LinearCanceller
from tests.bench.hearing.loop import Device, Setting, Sound, echo, microphone, played
from tests.bench.hearing.voices import speech
from tests.bench.section import Options, Section, Verdict, table

NAME = "hearing-cost"
SECONDS = 30.0
RATES = (16000, 8000)
MOST_CPU_MS, MOST_LATE_MS = 12.0, 12.0


def measure(options: Options) -> dict[str, Any]:
    """A row for each rate; ms of processor time a second of sound, and ms a packet."""
    return {"rows": [_row(rate) for rate in RATES]}


def present(data: dict[str, Any]) -> Section:
    """The table, and what was promised."""
    header = ["rate", "canceller", "subtraction for a wake word", "all of it, with the wrapping"]
    header += ["a packet's, p50", "p99", "sound held back"]
    rows = [
        [
            f"{r['rate'] // 1000} kHz",
            *(f"{r[key]:.1f} ms/s" for key in ("canceller", "linear", "whole")),
            *(f"{r[key]:.2f} ms" for key in ("p50_ms", "p99_ms", "held_ms")),
        ]
        for r in data["rows"]
    ]
    words = """\
Processor time a second of sound: of WebRTC's canceller, of the linear one (only where a wake word
listens), and of the whole stage with the far end, the gate, the voice detector and the arrays. A
packet's is the processor time between the device and the voice detector; *sound held back* is how
much later a voice comes out of the canceller than it went in."""
    worst = max(row["canceller"] for row in data["rows"])
    late = max(row["p99_ms"] + row["held_ms"] for row in data["rows"])
    verdicts = [
        Verdict(
            f"canceller ≤ {MOST_CPU_MS:g} ms of CPU a second",
            f"{worst:.1f} ms",
            worst <= MOST_CPU_MS,
        ),
        Verdict(
            f"no packet later by more than {MOST_LATE_MS:g} ms (p99)",
            f"{late:.1f} ms",
            late <= MOST_LATE_MS,
        ),
    ]
    return Section("Cost", words, table(header, rows), verdicts)


def _row(rate: int) -> dict[str, Any]:
    setting = Setting(0.25, rate)
    said = played(speech(rate, SECONDS))
    near = microphone(setting, echo(setting, said))
    packets: list[float] = []
    begun = time.process_time()
    device = Device(rate, near, tapped=True)
    for _ in device.run(said, packets.append):
        pass
    whole = time.process_time() - begun
    cut = quantiles(packets, n=100)
    return {
        "rate": rate,
        "canceller": _cpu(Canceller(rate), near, said, rate),
        "linear": _cpu(LinearCanceller(rate), near, said, rate),
        "whole": 1000 * whole / SECONDS,
        "p50_ms": 1000 * cut[49],
        "p99_ms": 1000 * cut[98],
        "held_ms": held(rate),
    }


def held(rate: int) -> float:
    """By how many ms a voice alone is late that goes through the canceller."""
    voice = played(speech(rate, 4.0))
    out = _through(Canceller(rate), voice, numpy.zeros_like(voice), rate)
    size = 2 * len(voice)
    likeness = numpy.fft.irfft(
        numpy.fft.rfft(out, size) * numpy.fft.rfft(voice, size).conj(), size
    )[: rate // 10]
    return float(1000 * likeness.argmax() / rate)


def _cpu(canceller: Canceller | LinearCanceller, near: Sound, far: Sound, rate: int) -> float:
    begun = time.process_time()
    _through(canceller, near, far, rate)
    return 1000 * (time.process_time() - begun) / (len(near) / rate)


def _through(canceller: Canceller | LinearCanceller, near: Sound, far: Sound, rate: int) -> Sound:
    size = rate * PACKET_MS // 1000
    places = [slice(at, at + size) for at in range(0, len(near) - size + 1, size)]
    return numpy.concatenate([canceller.process(near[p], far[p]) for p in places])
