"""Memory over time: does streaming allocate anything that stays?"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.arrivals import Sink
from tests.bench.contestants import dragoman, running
from tests.bench.figures import thinned
from tests.bench.marker import BLOCK_NS, CYCLE_NS, SECOND
from tests.bench.plots import lines
from tests.bench.section import Options, Plot, Section, Verdict, table
from tests.bench.workshop import Workshop
from tests.system.broker import Broker

NAME = "memory"
TIMES = 4  # as long as a run of the other parts,
MINUTES_S = 250.0  # or so long, where those take half a minute and more
WARM_S = 70.0  # the ring fills in 60 s, the windows of the telemetry in 41 s
LEAST_S = 60.0  # after that, or nothing can be said
BLOCKS_A_PACKET = 0.05
BLOCKS_A_SENTENCE = 20  # of a transcript and its texts, which are kept to be summarised
KB_A_MINUTE = 100.0
PACKETS_A_MINUTE = 60 * SECOND / BLOCK_NS
SENTENCES_A_MINUTE = 60 * SECOND / CYCLE_NS

TEXT = """\
The daemon streams for {seconds:g} s as above, and once a second counts the live blocks of the
interpreter's allocator (after a garbage collection) and its resident pages
(`tests/bench/watched.py`). The first {warm:g} s do not count: until then the ring of 60 s and the
windows of the telemetry fill. Growth is from the least of the first third of the rest to that of
the last: between two sentences, when nothing waits to be sent or answered.

Finished sentences are kept to be summarised, up to 2000 a session, at less than {transcript}
blocks each: {allowed:g} blocks a minute are allowed for the {sentences:g} sentences in it. A
single object kept for each packet would be {packet:g} more.
"""

Sample = tuple[float, float, float]  # seconds since the start, blocks, MB


def measure(options: Options) -> dict[str, Any]:
    """One long run."""
    seconds = TIMES * options.seconds
    if options.seconds >= 30:
        seconds = max(seconds, MINUTES_S)
    print(f"memory: dragoman for {seconds:g} s", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        workshop = Workshop(Path(name), options.step)
        log = Path(name) / "allocated"
        broker = Broker(Path(name) / "broker")
        broker.start()
        try:
            watched = dragoman(workshop, broker.port, "-m", "tests.bench.watched", str(log))
            with Sink() as sink, running(watched, workshop, sink.port):
                time.sleep(seconds)
                packets = sink.state()["packets"]
        finally:
            broker.stop()
        samples = _read(log.read_text())
    return {
        "seconds": seconds,
        "packets": packets,
        **growth(samples),
        "blocks": thinned([(t, blocks) for t, blocks, _ in samples]),
        "rss_mb": thinned([(t, round(mb, 3)) for t, _, mb in samples]),
    }


def growth(samples: list[Sample]) -> dict[str, float | None]:
    """Blocks and kB a minute after :data:`WARM_S`; None for a run too short to tell."""
    kept = [sample for sample in samples if sample[0] >= WARM_S]
    if not kept or kept[-1][0] - kept[0][0] < LEAST_S:
        return {"blocks_per_minute": None, "kb_per_minute": None}
    third = len(kept) // 3
    first, last = kept[:third], kept[-third:]
    minutes = (median(s[0] for s in last) - median(s[0] for s in first)) / 60
    blocks, mb = (min(s[n] for s in last) - min(s[n] for s in first) for n in (1, 2))
    return {"blocks_per_minute": blocks / minutes, "kb_per_minute": mb * 1000 / minutes}


def present(data: dict[str, Any]) -> Section:
    """What grew, and a curve of it."""
    blocks, kb = data["blocks_per_minute"], data["kb_per_minute"]
    series = {"dragoman": data["rss_mb"]}
    return Section(
        title="Memory over time",
        text=_text(data["seconds"]),
        table=table(
            ["", "dragoman"],
            [
                ["live blocks gained, per minute", _number(blocks)],
                ["resident memory gained, kB per minute", _number(kb)],
                ["packets sent", f"{data['packets']:.0f}"],
            ],
        ),
        verdicts=[verdict(blocks, kb)],
        plots=[
            Plot("memory", "Resident memory of dragoman while it streams",
                 lambda path: lines(path, series, "seconds since the start", "MB")),
        ],
    )  # fmt: skip


def verdict(blocks_per_minute: float | None, kb_per_minute: float | None) -> Verdict:
    """Whether more stays than sentences do.  Pure."""
    limit = "no allocation that grows with time"
    if blocks_per_minute is None or kb_per_minute is None:
        return Verdict(limit, f"the run is shorter than {WARM_S + LEAST_S:g} s", None)
    most = SENTENCES_A_MINUTE * BLOCKS_A_SENTENCE + PACKETS_A_MINUTE * BLOCKS_A_PACKET
    met = blocks_per_minute <= most and kb_per_minute <= KB_A_MINUTE
    figure = f"{blocks_per_minute:+.0f} blocks and {kb_per_minute:+.0f} kB a minute"
    return Verdict(limit, figure, met)


def _text(seconds: float) -> str:
    return TEXT.format(
        seconds=seconds,
        warm=WARM_S,
        transcript=BLOCKS_A_SENTENCE,
        sentences=SENTENCES_A_MINUTE,
        allowed=SENTENCES_A_MINUTE * BLOCKS_A_SENTENCE,
        packet=PACKETS_A_MINUTE,
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}"


def _read(text: str) -> list[Sample]:
    rows = [[float(word) for word in line.split()] for line in text.splitlines()]
    size = os.sysconf("SC_PAGE_SIZE") / 1e6
    return [(at - rows[0][0], blocks, pages * size) for at, blocks, pages in rows]
