from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.report import mqtt
from agent.report.outbox import Outbox
from tests.unit.report.stage import Stage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "down" / "outbox.db"


@pytest.fixture
def box(path: Path) -> Iterator[Outbox]:
    with closing(Outbox(path, 100, ManualClock())) as made:
        yield made


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(mqtt, "FLUSH_S", 0.05)  # the scripted broker seldom answers
    monkeypatch.setattr(mqtt, "OFFLINE_S", 0.02)
    made = Stage(tmp_path)
    made.reporter.start()
    yield made
    made.stop()
