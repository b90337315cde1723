"""What all tests share: hypothesis without a stopwatch (machines are busy), repeatable in CI;
logging as it was."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "dragoman", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("dragoman"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dragoman")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """The root logger is what it was when the test has ended."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
