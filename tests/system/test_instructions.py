"""What a packet costs on its way from the microphone to the socket stays within its budget."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import instructions
from tests.bench.hotpath import STAGES

REASON = instructions.unable()


@pytest.mark.skipif(REASON is not None, reason=REASON or "")
def test_no_stage_costs_more_than_its_budget(tmp_path: Path) -> None:
    figures = json.loads(json.dumps(instructions.measure()))
    stages = figures["stages"]
    assert list(stages) == list(STAGES) == list(instructions.BUDGETS)
    dear = {name: row for name, row in stages.items() if row["per_packet"] > row["budget"]}
    assert not dear, "a packet has become dearer; if that is meant, raise BUDGETS"
    idle = {name: row for name, row in stages.items() if row["per_packet"] < row["budget"] / 3}
    assert not idle, "this cannot be the whole work; or lower BUDGETS"
    assert len(instructions.rows(figures)) == 1 + len(STAGES)
    pytest.importorskip("matplotlib")
    assert [path.read_text()[:5] for path in instructions.plot(figures, tmp_path)] == ["<?xml"]
