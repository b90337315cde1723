from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.report.telemetry import COUNTERS, WINDOW, Telemetry, percentile
from agent.threads import Worker
from tests.patience import HANG_S


class Hammer(Worker):
    """Counts as fast as it can."""

    def __init__(self, telemetry: Telemetry, times: int) -> None:
        super().__init__()
        self._telemetry, self._times = telemetry, times

    def run(self) -> None:
        for number in range(self._times):
            self._telemetry.count("packets_sent")
            self._telemetry.sample("pacing_error", number)
            self._telemetry.gauge(f"gauge_{number % 50}", number)


def test_counters_start_at_zero_and_add_up() -> None:
    telemetry = Telemetry(0.0)
    assert all(telemetry.snapshot(1.0)[name] == 0 for name in COUNTERS)
    telemetry.count("bytes_sent", 1280)
    telemetry.count("bytes_sent", 20)
    telemetry.count("commands")
    assert telemetry.snapshot(2.0)["bytes_sent"] == telemetry.total("bytes_sent") == 1300
    assert telemetry.total("commands") == 1
    assert telemetry.total("never") == 0


def test_no_count_is_lost_between_threads() -> None:
    telemetry = Telemetry(0.0)
    threads = [Hammer(telemetry, 5000) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        while any(thread.alive for thread in threads):
            telemetry.snapshot(1.0)  # reading while others write does no harm
        assert all(thread.join(HANG_S) for thread in threads)
    finally:
        sys.setswitchinterval(interval)
    assert telemetry.total("packets_sent") == 4 * 5000


def test_gauges_show_the_newest_value_or_nothing() -> None:
    telemetry = Telemetry(0.0)
    telemetry.gauge("level_dbfs", -30.04)
    telemetry.gauge("round_trip_ms", 12)
    assert telemetry.snapshot(1.0)["level_dbfs"] == -30.0
    telemetry.gauge("level_dbfs", None)
    telemetry.gauge("round_trip_ms", float("-inf"))
    assert not {"level_dbfs", "round_trip_ms"} & telemetry.snapshot(2.0).keys()


def test_percentiles_are_of_the_newest_samples() -> None:
    telemetry = Telemetry(0.0)
    telemetry.sample("mic_to_wire", 9999.0)
    for number in range(WINDOW):
        telemetry.sample("mic_to_wire", number % 100 + 1)
    values = telemetry.snapshot(1.0)
    assert values["mic_to_wire_p50_ms"] == pytest.approx(50, abs=2)
    assert values["mic_to_wire_p99_ms"] == pytest.approx(99, abs=1)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([50, 99]))
def test_a_percentile_has_that_share_at_or_below(samples: list[float], percent: int) -> None:
    found = percentile(sorted(samples), percent)
    assert found in samples
    assert sum(s <= found for s in samples) >= percent / 100 * len(samples)
    assert sum(s < found for s in samples) < percent / 100 * len(samples)


def test_the_process_is_measured() -> None:
    telemetry = Telemetry(100.0)
    sum(range(200_000))
    values = telemetry.snapshot(110.0)
    assert values["uptime_s"] == 10.0
    assert 5 < values["rss_mb"] < 2000
    assert 0 <= values["cpu_percent"] < 100
    assert "cpu_percent" not in telemetry.snapshot(110.0)


def test_the_hottest_zone_counts_and_broken_ones_do_not(tmp_path: Path) -> None:
    for number, reading in enumerate(["42100\n", "51234\n", "n/a\n"]):
        zone = tmp_path / f"class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(reading)
    assert Telemetry(0.0, sys=tmp_path).snapshot(1.0)["temperature_c"] == 51.2


def test_what_the_kernel_does_not_tell_is_absent(tmp_path: Path) -> None:
    values = Telemetry(0.0, sys=tmp_path, proc=tmp_path).snapshot(1.0)
    assert not {"temperature_c", "rss_mb"} & values.keys()
