"""The service as systemd sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.hardware.checks.bench import SLOW_S
from tests.hardware.checks.machine import sh
from tests.system.broker import wait_until

UNIT = "dragoman.service"


def show(name: str) -> str:
    """A property of the unit."""
    return sh("systemctl", "show", "--value", "-p", name, UNIT)


def pid() -> int:
    """Its process; 0: there is none."""
    return int(show("MainPID"))


def stamp(name: str) -> float:
    """A moment of it (s, monotonic clock)."""
    return int(show(name)) / 1e6


@contextmanager
def restarted() -> Iterator[list[float]]:
    """After the block, wait for another process that is ready; how long that took (s)."""
    old, started, took = pid(), time.monotonic(), [float("inf")]
    yield took
    wait_until(
        lambda: pid() not in (0, old) and show("ActiveState") == "active", "a restart", 2 * SLOW_S
    )
    took[0] = time.monotonic() - started
