"""The benchmarks that need real parts, at their smallest: they run, and lose nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import brokerload, scaling
from tests.system.broker import MISSING, MOSQUITTO


@pytest.mark.skipif(not MOSQUITTO, reason=MISSING)
def test_a_small_crowd_on_a_real_broker(tmp_path: Path) -> None:
    figures = json.loads(json.dumps(brokerload.measure(2.0, devices=20, finals=100, paced=10)))
    crowd = figures["crowd"]
    assert crowd["said"] >= 8
    assert (crowd["lost"], crowd["twice"]) == (0, 0)
    assert len(crowd["transcript_delays_ms"]) == crowd["transcript_ms"]["count"] > 0
    assert 0 < crowd["transcript_ms"]["p50"] <= crowd["transcript_ms"]["max"]
    assert figures["one"]["finals_per_s"] > 0
    assert {len(row) for row in brokerload.rows(figures)} == {2}
    pytest.importorskip("matplotlib")
    assert [path.read_text()[:5] for path in brokerload.plot(figures, tmp_path)] == ["<?xml"]


def test_two_devices_side_by_side(tmp_path: Path) -> None:
    figures = json.loads(
        json.dumps(scaling.measure(seconds=2.0, devices=(2,), rates=(), buttons=()))
    )
    [case] = figures["devices"]
    assert 0 < case["cpu_s_per_min"] <= case["cpu_s_per_min_worst"]
    assert case["rss_mb"] > 10
    assert {len(row) for row in scaling.rows(figures)} == {4}
    pytest.importorskip("matplotlib")
    assert [path.read_text()[:5] for path in scaling.plot(figures, tmp_path)] == ["<?xml"]
