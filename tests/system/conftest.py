"""What several system tests share: a real broker and somebody who listens to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.broker import MISSING, MOSQUITTO, Broker, Observer


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if not MOSQUITTO:
        pytest.skip(MISSING)
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def observer(broker: Broker) -> Iterator[Observer]:
    observer = Observer(broker)
    yield observer
    observer.close()
