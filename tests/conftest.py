"""What all tests share: Ctrl-C; hypothesis without a stopwatch (machines are busy), repeatable
in CI; logging as it was; no secrets of other tests."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from agent import redact

# A shell's background job ignores SIGINT, and so would the commands that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile(
    "dragoman", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("dragoman"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dragoman")


@pytest.fixture(autouse=True)
def _no_secrets() -> Iterator[None]:
    """What one test keeps secret another may say."""
    yield
    redact.forget()


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """The root logger is what it was when the test has ended: commands set it up for a process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
