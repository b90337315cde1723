"""How much of the speaker is left in what is sent: echo return loss, and how soon it is reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy

from tests.bench.charts import chart
from tests.bench.hearing.loop import Device, Setting, Taken, echo, microphone, played, power
from tests.bench.hearing.voices import speech
from tests.bench.section import Options, Plot, Section, Verdict, table

NAME = "echo"
SECONDS, SETTLED_S = 24.0, 3.0
ROOMS, RATES = (0.2, 0.3, 0.6), (16000, 8000)
LEAST_DB = {0.2: 30.0, 0.3: 30.0, 0.6: 15.0}
CASES: dict[str, dict[str, float]] = {
    "delay 10 ms": {"delay_ms": 10},
    "delay 60 ms": {},
    "delay 200 ms": {"delay_ms": 200},
    "delay 400 ms": {"delay_ms": 400},
    "speaker's clock 100 ppm fast": {"ppm": 100},
    "speaker's clock 100 ppm slow": {"ppm": -100},
    "6 dB louder in the middle": {"step_db": 6},
    "6 dB softer in the middle": {"step_db": -6},
    "speaker clips the loudest 6 dB": {"clip": 0.5},
}
CURVE = "delay 60 ms"


def measure(options: Options) -> dict[str, Any]:
    """A loss (dB) for each case, room and rate; ``curves`` are levels by second at 16 kHz."""
    losses: dict[str, list[float]] = {}
    curves: dict[str, list[list[float]]] = {}
    for rate in RATES:
        said = played(speech(rate, SECONDS))
        for room_s in ROOMS:
            for name, case in CASES.items():
                setting = Setting(room_s, rate, **case)
                taken = list(Device(rate, microphone(setting, echo(setting, said))).run(said))
                losses.setdefault(name, []).append(round(_loss(taken), 1))
                if name == CURVE and rate == RATES[0]:
                    curves[f"{room_s:g} s"] = _curve(taken)
    return {"losses": losses, "curves": curves}


def present(data: dict[str, Any]) -> Section:
    """A row for each case, a column for each rate and room."""
    header = ["echo loss after 3 s, dB"]
    header += [f"{rate // 1000} kHz, {room_s:g} s" for rate in RATES for room_s in ROOMS]
    rows = [[name, *(f"{db:.0f}" for db in found)] for name, found in data["losses"].items()]
    words = """\
A device that talks in a room whose sound dies away (by 60 dB) in 0.2 to 0.6 s: how much less of
the speaker is in what is sent than in what the microphone hears, from 3 s after its first word. Its
echo is at -26 dBFS, the noise at -70, so 44 dB is all there is to lose."""
    return Section(
        "Echo loss", words, table(header, rows), _verdicts(data["losses"]), [_plot(data)]
    )


def _verdicts(losses: dict[str, list[float]]) -> list[Verdict]:
    columns = [room_s for _ in RATES for room_s in ROOMS]
    found: list[Verdict] = []
    for room_s, least in LEAST_DB.items():
        worst, name = min(
            (found[n], name)
            for name, found in losses.items()
            for n, column in enumerate(columns)
            if column == room_s
        )
        limit = f"echo loss in a room of {room_s:g} s ≥ {least:g} dB"
        found.append(Verdict(limit, f"{worst:.1f} dB ({name})", worst >= least))
    return found


def _plot(data: dict[str, Any]) -> Plot:
    def draw(path: Path) -> None:
        with chart(path, "", "s", "echo loss, dB") as axes:
            for name, points in data["curves"].items():
                axes.plot([x for x, _ in points], [y for _, y in points], label=name)
            axes.set_ylim(bottom=0)

    return Plot("echo-loss", "Echo loss from the first word on, by reverberation time", draw)


def _loss(taken: list[Taken]) -> float:
    later = [packet for packet in taken if packet.at > SETTLED_S]
    near = numpy.array([power(packet.near) for packet in later])
    clean = numpy.array([power(packet.clean) for packet in later])
    loud = near > near.max() / 1000
    return float(10 * numpy.log10(near[loud].sum() / clean[loud].sum()))


def _curve(taken: list[Taken]) -> list[list[float]]:
    """The loss by half seconds, of those in which there was an echo."""
    points = []
    for at in range(0, len(taken), 12):
        some = taken[at : at + 12]
        near, clean = (sum(power(getattr(p, side)) for p in some) for side in ("near", "clean"))
        if near > 12 * 1000:
            points.append([round(some[-1].at, 2), round(float(10 * numpy.log10(near / clean)), 1)])
    return points
