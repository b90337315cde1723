"""A million devices lose their server at one moment: how hard they knock, how soon they are back.

The delays are those of the device's own code, an object for each device; so that this is
done in seconds, each of 100 000 simulated devices stands for ten, and the server takes a
tenth of the connections.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.charts import chart
from tests.bench.fleet_storm import (
    SLICE_S,
    FixedDelay,
    NoJitter,
    Ours,
    OursMqtt,
    Policy,
    Storm,
    simulate,
)

DEVICES = 1_000_000
SCALE = 10  # devices each simulated one stands for
BACK_S = 30.0
CAPACITY = 10_000  # new connections a second for all of them
SHOWN_S = 240  # of the chart
KILLED_S = 0.05  # in which a server that is killed loses all its connections

Figures = dict[str, Any]

POLICIES: dict[str, Callable[[int, int], Policy]] = {
    "fixed 5 s": lambda devices, seed: FixedDelay(5.0),
    "exponential, no jitter": lambda devices, seed: NoJitter(devices),
    "dragoman, cloud": Ours,
    "dragoman, cloud, all talking": lambda devices, seed: Ours(devices, seed, talking=True),
    "dragoman, MQTT": OursMqtt,
}


def measure(devices: int = DEVICES, scale: int = SCALE, seed: int = 1) -> Figures:
    """Every policy against a server of limited capacity and against one without a limit."""
    cases: dict[str, dict[str, Figures]] = {}
    for case, capacity, back_s, within_s in (
        ("limited", CAPACITY, BACK_S, 1.0),
        ("unlimited", None, BACK_S, 1.0),
        ("replaced", None, 0.0, KILLED_S),
    ):
        cases[case] = {}
        for name, make in POLICIES.items():
            simulated = devices // scale
            share = None if capacity is None else capacity * devices / DEVICES / scale
            storm = simulate(make(simulated, seed), simulated, back_s, share, seed, within_s)
            cases[case][name] = _figures(storm, scale, devices, back_s)
    return {
        "devices": devices,
        "simulated": devices // scale,
        "seed": seed,
        "back_s": BACK_S,
        "capacity_per_s": CAPACITY * devices / DEVICES,
        "cases": cases,
    }


def _figures(storm: Storm, scale: int, devices: int, back_s: float) -> Figures:
    seconds = [count * scale for count in storm.per_second()]
    first = min(5, len(seconds))
    return {
        "attempts_per_s": seconds,
        "peak_per_s": max(seconds),
        "peak_after_5_s_per_s": max(seconds[first:], default=0),
        "peak_after_return_per_s": max(seconds[int(back_s) :]),
        "peak_slice": int(max(storm.attempts)) * scale,
        "attempts_per_device": sum(seconds) / devices,
        "back_99_s": storm.until(0.99),
        "back_99_after_return_s": storm.until(0.99) - back_s,
    }


def rows(figures: Figures) -> list[tuple[str, ...]]:
    """A row for each server and policy, header first."""
    table: list[tuple[str, ...]] = [
        (
            "server",
            "policy",
            "peak, attempts per second",
            "peak after the first 5 s",
            "peak once the server is back",
            f"most in {1000 * SLICE_S:.0f} ms",
            "attempts per device",
            "99 % back, s after the server",
        )
    ]
    limit = f"{figures['capacity_per_s']:,.0f} per second"
    labels = {"limited": limit, "unlimited": "no limit", "replaced": "another, at once"}
    for case, label in labels.items():
        for name, row in figures["cases"][case].items():
            table.append(
                (
                    label,
                    name,
                    f"{row['peak_per_s']:,}",
                    f"{row['peak_after_5_s_per_s']:,}",
                    f"{row['peak_after_return_per_s']:,}",
                    f"{row['peak_slice']:,}",
                    f"{row['attempts_per_device']:.1f}",
                    f"{row['back_99_after_return_s']:.0f}",
                )
            )
    return table


def plot(figures: Figures, folder: Path) -> list[Path]:
    """Attempts per second over time, for both servers."""
    paths = []
    limit = f"{figures['capacity_per_s']:,.0f} new connections per second"
    for case, label in (("limited", limit), ("unlimited", "no limit")):
        path = folder / f"storm-{case}.svg"
        title = f"{figures['devices']:,} devices come back to a server with {label}"
        with chart(path, title, "seconds since the connection was lost", "attempts/s") as axes:
            for name, row in figures["cases"][case].items():
                attempts = [count or math.nan for count in row["attempts_per_s"][:SHOWN_S]]
                axes.step(range(len(attempts)), attempts, label=name)
            axes.axvline(figures["back_s"], color="grey", linestyle=":", linewidth=1)
            axes.set_yscale("log")
        paths.append(path)
    return paths
