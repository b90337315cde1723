"""From results to tables, limits and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench import growth, page, suite, wire
from tests.bench.section import table


def results() -> dict[str, Any]:
    """Two rounds that differ in the memory, and an outage that one contestant never ended."""
    runs = [{key: 1.0 for _, key, _ in wire.ROWS} | {"peak_mb": mb} for mb in (20.0, 30.0)]
    series = {"latency_quantiles_ms": [0.1, 0.2], "deviation_quantiles_ms": [0.0, 0.2]}
    one = {"runs": runs, **series, "outage_series": [[0.0, 0.0], [3.0, 1.0]]}
    stuck = one | {"runs": [run | {"live_s": None} for run in runs]}
    found = {"floor": one, "naive": stuck, "dragoman": one}
    return {
        "wire": {"seconds": 60.0, "rounds": 2, "step": 0, "contestants": found},
        "memory": {
            "seconds": 240.0, "packets": 6000, "blocks_per_minute": 12.0, "kb_per_minute": 3.0,
            "blocks": [[0, 1]], "rss_mb": [[0, 30.0], [1, 31.0]],
        },
    }  # fmt: skip


def test_the_table_has_medians_with_the_least_and_the_most() -> None:
    lines = wire.present(results()["wire"]).table.splitlines()
    assert all(len(line) == len(lines[0]) for line in lines), "it is aligned"
    assert "25.0 (20.0–30.0)" in next(line for line in lines if "memory" in line)
    recovery = next(line for line in lines if "no backlog" in line)
    assert [cell.strip() for cell in recovery.split("|")[2:5]] == ["1.0", "–", "1.0"]


def test_what_was_measured_with_is_in_the_text() -> None:
    data = results()["wire"]
    assert "2 rounds of\n60 s" in wire.present(data).text
    assert "whole periods" in wire.present(data).text
    assert "steps of 16 frames" in wire.present(data | {"step": 16}).text


def test_the_page_has_every_part_that_has_results_in_order() -> None:
    found = results()
    both = page.page({"processor": "abacus"}, suite.sections(found))
    assert both.index("abacus") < both.index("## Microphone to wire") < both.index("## Memory")
    assert "| pass" in both
    assert "](performance/outage.svg)" in both
    only = page.page({}, suite.sections({"memory": found["memory"]}))
    assert "Microphone to wire" not in only
    assert growth.present(found["memory"]).verdicts[0].met


def test_plots_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "performance").mkdir()
    sections = suite.sections(results())
    page.write(tmp_path, {"processor": "abacus"}, sections)
    names = {plot.name for section in sections for plot in section.plots}
    assert {file.stem for file in (tmp_path / "performance").glob("*.svg")} == names
    assert "dragoman" in (tmp_path / "performance/latency.svg").read_text()
    first = (tmp_path / "performance/latency.svg").read_bytes()
    page.write(tmp_path, {"processor": "abacus"}, sections)
    assert (tmp_path / "performance/latency.svg").read_bytes() == first, "drawn alike each time"


def test_new_results_stand_beside_older_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(suite, "DOCS", tmp_path)
    found = results()
    suite.write_docs({"machine": {"processor": "abacus"}, "parts": {"wire": found["wire"]}})
    suite.write_docs({"machine": {"processor": "adder"}, "parts": {"memory": found["memory"]}})
    written = (tmp_path / "performance.md").read_text()
    assert "Microphone to wire" in written
    assert "Memory over time" in written
    suite.write_docs({"machine": {"processor": "none"}, "parts": {}})
    assert (tmp_path / "performance.md").read_text() == written, "redrawn, not measured"


def test_a_table_aligns_its_numbers_to_the_right() -> None:
    assert table(["", "a"], [["long name", "1"], ["x", "100"]]).splitlines() == [
        "|           |   a |",
        "| --------- | --: |",
        "| long name |   1 |",
        "| x         | 100 |",
    ]
