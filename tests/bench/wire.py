"""Microphone to wire: dragoman, the least a program can do, and the loop people write first."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from tests.bench import trial
from tests.bench.contestants import contestants
from tests.bench.limits import verdicts
from tests.bench.plots import curves, lines
from tests.bench.section import Options, Plot, Section, table
from tests.bench.tried import tried
from tests.bench.workshop import Workshop
from tests.system.broker import Broker

NAME = "wire"
STARTS = 4  # a round
SERIES = ("latency_quantiles_ms", "deviation_quantiles_ms", "outage_series")

ROWS = (
    ("CPU seconds per minute of audio", "cpu_s_per_minute", 3),
    ("peak resident memory, MB", "peak_mb", 1),
    ("start to first packet, ms", "start_ms", 0),
    ("between packets, p50, ms", "gap_ms_p50", 2),
    ("between packets, p99, ms", "gap_ms_p99", 2),
    ("between packets, most, ms", "gap_ms_max", 2),
    ("deviation from the 40 ms grid, p50, ms", "deviation_ms_p50", 3),
    ("deviation from the 40 ms grid, p99, ms", "deviation_ms_p99", 3),
    ("deviation from the 40 ms grid, most, ms", "deviation_ms_max", 3),
    ("worst burst, packets", "burst", 2),
    ("drift, ppm", "drift_ppm", 1),
    ("microphone to wire, p50, ms", "latency_ms_p50", 3),
    ("microphone to wire, p99, ms", "latency_ms_p99", 3),
    ("microphone to wire 30 s after an outage, p50, ms", "after_ms_p50", 3),
    ("speech lost while streaming, ms per minute", "lost_streaming_ms_per_minute", 0),
    ("speech lost in an outage of 3 s, ms", "lost_outage_ms", 0),
    ("audio again after the outage, s", "back_s", 2),
    ("no backlog again after the outage, s", "live_s", 1),
)

TEXT = """\
Three programs take turns with one microphone and one measuring service, {rounds} rounds of
{seconds:g} s each and then an outage of 3 s. The figures are medians of the rounds, with the least
and the most.

* **floor** (`tests/bench/floor.c`): C; a blocking `snd_pcm_readi` of 40 ms, a masked WebSocket
  frame, a `send`. It does nothing else.
* **naive** (`tests/bench/naive.py`): the loop people write first: `pyalsaaudio` reads,
  `websocket-client` sends, `sleep(0.04)`.
* **dragoman**: the daemon with its defaults, `talk.mode: open`, TWeTalk V2, MQTT to a mosquitto, a
  sound card each way, no GPIO.

The microphone (`tests/bench/alsa_clock.c`) is an ALSA device inside the program that reads it. Its
position follows `CLOCK_MONOTONIC` {steps}, it wakes its reader at the ends of
periods, it overruns; and it writes into the sound when each block of 40 ms was captured. The
service (`tests/bench/sink.py`) reads that and takes the kernel's time of receipt. So all that
happens from the last sample of a packet to the loopback is in the latency, and nothing of the
measuring process. What is said is 5 s of noise and 3 s of silence, over and over. The service
answers dragoman with partial and final results. It goes away 1 s into speech: connections are
reset, new ones refused for 3 s.

*Speech lost* are blocks with sound that never reached the service. *Worst burst* is the most
packets any window of T ms holds beyond T/40, after the outage too; the contract is 3. *No backlog*
means a packet at most 250 ms old: until then dragoman sends what was said during the outage, at
1:1, and wins time in the silences. CPU is that of the whole process tree while it streams; memory
is its highest mark.

The order of the contestants is thrown anew in each round. A limit is judged by what was compared
within each round: the median of it, and in brackets the least and the most. So a busy machine
makes the brackets wider and not the verdict another. *wss* are the same two programs over TLS, as
every real device speaks it; the daemon runs as its service does, compiled without docstrings.

**Where it falls short, why, and what was tried.** For each packet two threads wake up where the
floor and the naive loop have one, and between two naps of 40 ms the interpreter finds its caches
cold. Instructions are those of the section below, of one packet; memory is in MB.

{tried}
"""


def measure(options: Options) -> dict[str, Any]:
    """Start and run each in turn."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        workshop = Workshop(Path(name), options.step)
        broker = Broker(Path(name) / "broker")
        broker.start()
        try:
            return _rounds(workshop, broker.port, options)
        finally:
            broker.stop()


def _rounds(workshop: Workshop, broker_port: int, options: Options) -> dict[str, Any]:
    turns = contestants(workshop, broker_port)
    runs: dict[str, list[dict[str, Any]]] = {contestant.name: [] for contestant in turns}
    dice = Random(1)
    trial.start_ms(turns[2], workshop)  # compiles, as the installer does
    for number in range(options.rounds):
        starts = {contestant.name: list[float]() for contestant in turns}
        for _ in range(STARTS):
            for contestant in dice.sample(turns, len(turns)):
                starts[contestant.name].append(trial.start_ms(contestant, workshop))
        for contestant in dice.sample(turns, len(turns)):
            print(f"round {number + 1}: {contestant.name}", file=sys.stderr, flush=True)
            figures = trial.run(contestant, workshop, options.seconds)
            figures["start_ms"] = median(starts[contestant.name])
            runs[contestant.name].append(figures)
    return {
        "seconds": options.seconds,
        "rounds": options.rounds,
        "step": options.step,
        "contestants": {name: _kept(rounds) for name, rounds in runs.items()},
    }


def _kept(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of each round, and one series of each kind for the plots."""
    series: dict[str, Any] = {
        key: [
            round(median(column), 4) for column in zip(*(run[key] for run in rounds), strict=True)
        ]
        for key in SERIES[:2]
    }
    series["outage_series"] = [[round(x, 2), round(y, 3)] for x, y in rounds[0]["outage_series"]]
    figures = [{k: _rounded(v) for k, v in run.items() if k not in SERIES} for run in rounds]
    return {"runs": figures, **series}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def present(data: dict[str, Any]) -> Section:
    """Table, limits and plots."""
    found: Mapping[str, Any] = data["contestants"]
    rows = [
        [label, *(_cell([run.get(key) for run in one["runs"]], digits) for one in found.values())]
        for label, key, digits in ROWS
    ]
    return Section(
        title="Microphone to wire",
        text=TEXT.format(steps=_steps(data["step"]), tried=tried(), **data),
        table=table(["", *found], rows),
        verdicts=verdicts({name: one["runs"] for name, one in found.items()}),
        plots=_plots(found),
    )


def _steps(step: int) -> str:
    return f"in steps of {step} frames" if step else "in whole periods"


def _cell(values: list[float | None], digits: int) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return "–"
    least, middle, most = (f"{v:.{digits}f}" for v in (known[0], median(known), known[-1]))
    return middle if least == most else f"{middle} ({least}–{most})"


def _plots(found: Mapping[str, Any]) -> tuple[Plot, ...]:
    latency = {name: one["latency_quantiles_ms"] for name, one in found.items()}
    deviation = {name: one["deviation_quantiles_ms"] for name, one in found.items()}
    outage = {name: one["outage_series"] for name, one in found.items()}
    axes = ("seconds since the service went away", "age of what arrives, s")
    return (
        Plot("latency", "From the last sample of a packet to the wire",
             lambda path: curves(path, latency, "ms, logarithmic")),
        Plot("deviation", "Deviation from the 40 ms grid",
             lambda path: curves(path, deviation, "ms, logarithmic")),
        Plot("outage", "An outage of 3 s", lambda path: lines(path, outage, *axes, (0, 3))),
    )  # fmt: skip
