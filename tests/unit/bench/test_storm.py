"""The simulation of a reconnect storm: nobody gets lost in it, and the backoff is the real one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.clock import Backoff
from tests.bench import storm
from tests.bench.fleet_storm import (
    PER_S,
    FixedDelay,
    NoJitter,
    Ours,
    OursMqtt,
    Policy,
    simulate,
)

DEVICES = 300


@pytest.mark.parametrize("capacity", [None, 20.0, 33.3])
@pytest.mark.parametrize(
    "policy",
    [
        FixedDelay(0.03),  # several attempts in one slice
        FixedDelay(5.0),
        NoJitter(DEVICES),
        Ours(DEVICES, 1),
        OursMqtt(DEVICES, 1),
    ],
    ids=["hasty", "fixed", "no jitter", "ours", "ours, MQTT"],
)
def test_everybody_comes_back_once_and_nobody_too_early(
    policy: Policy, capacity: float | None
) -> None:
    result = simulate(policy, DEVICES, 10.0, capacity, seed=1)
    assert result.accepted.sum() == DEVICES
    assert result.accepted[: 10 * PER_S].sum() == 0
    assert (result.accepted <= result.attempts).all()
    assert sum(result.per_second()) == result.attempts.sum()
    assert result.until(1.0) == pytest.approx(len(result.accepted) / PER_S)
    if capacity is not None:
        running = np.cumsum(result.accepted[10 * PER_S :])
        slices = np.arange(1, len(running) + 1)
        assert (running <= capacity * slices / PER_S + 1).all()


def test_a_fixed_delay_knocks_at_full_strength_every_time() -> None:
    result = simulate(FixedDelay(5.0), DEVICES, 12.0, None, seed=1)
    assert [count for count in result.per_second() if count] == [DEVICES] * 3
    assert [n for n, count in enumerate(result.per_second()) if count] == [5, 10, 15]


def test_without_jitter_the_bursts_move_apart_but_stay_bursts() -> None:
    result = simulate(NoJitter(DEVICES), DEVICES, 12.0, None, seed=1)
    # At once, then 0.5, 1, 2, 4 and 8 s later; spread by the second in which all were lost.
    assert sum(result.per_second()) == 6 * DEVICES
    assert sum(result.per_second()[7:9]) == DEVICES
    assert result.per_second()[9:15] == [0] * 6


def test_ours_is_the_devices_backoff_and_spreads() -> None:
    devices = 2000
    result = simulate(Ours(devices, 1), devices, 60.0, None, seed=1)
    later = result.per_second()[45:60]
    assert max(later) < devices / 4
    assert sum(later) / len(later) == pytest.approx(devices / 15, rel=0.3)
    assert result.until(1.0) <= 60.0 + 30.0 + 1.0


def test_the_real_classes_are_asked_for_every_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def noted(self: Backoff, away: float = np.inf) -> float:
        self.attempts += 1
        asked.append(away)
        return 7.0

    monkeypatch.setattr(Backoff, "next", noted)
    result = simulate(Ours(10, 1, talking=True), 10, 10.0, None, seed=1)
    assert len(asked) == 30  # when it was lost, and after each of the two attempts that failed
    assert result.attempts.sum() == 30
    assert max(asked) == pytest.approx(7.0)


def test_the_idle_spread_their_first_attempt_over_a_second() -> None:
    devices = 5000
    for back_s, within_s in ((0.0, 0.05), (30.0, 1.0)):
        idle, talking = (
            simulate(Ours(devices, 1, talking=talks), devices, back_s, None, 1, within_s)
            for talks in (False, True)
        )
        assert idle.attempts.max() < talking.attempts.max()
        assert idle.per_second()[0] <= talking.per_second()[0]
        assert idle.until(0.99) == pytest.approx(talking.until(0.99), abs=3.0), "at no price"
    assert talking.attempts.max() > 0
    spread = simulate(Ours(devices, 1), devices, 0.0, None, 1, 0.05)
    assert spread.attempts.max() < devices / 8, "in 100 ms; all of them when they did not spread"


def test_the_same_seed_is_the_same_storm() -> None:
    first, again, other = (
        simulate(Ours(DEVICES, seed), DEVICES, 10.0, 50.0, seed=seed) for seed in (1, 1, 2)
    )
    assert first.per_second() == again.per_second()
    assert first.per_second() != other.per_second()


def test_figures_are_json_and_make_rows_and_plots(tmp_path: Path) -> None:
    figures = json.loads(json.dumps(storm.measure(devices=10_000, scale=10)))
    assert figures["simulated"] == 1000
    table = storm.rows(figures)
    assert len(table) == 1 + 3 * len(storm.POLICIES)
    assert {len(row) for row in table} == {len(table[0])}
    limited = figures["cases"]["limited"]
    ours, fixed = limited["dragoman, cloud"], limited["fixed 5 s"]
    assert ours["back_99_s"] < fixed["back_99_s"]
    assert ours["peak_after_return_per_s"] < fixed["peak_after_return_per_s"] / 3
    pytest.importorskip("matplotlib")
    assert [path.read_text()[:5] for path in storm.plot(figures, tmp_path)] == ["<?xml"] * 2
