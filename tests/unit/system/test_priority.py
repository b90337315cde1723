"""Real-time priority and locked memory: taken only where they are granted."""

from __future__ import annotations

import os
import resource
from typing import Any

import pytest

from agent.system import priority


def limit(monkeypatch: pytest.MonkeyPatch, name: int, soft: int) -> None:
    granted = {name: (soft, soft)}
    monkeypatch.setattr(resource, "getrlimit", lambda which: granted[which])


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the kernel was asked for."""
    asked: list[Any] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *arguments: asked.append(arguments))
    return asked


@pytest.mark.parametrize("soft", [0, priority.PRIORITY - 1])
def test_without_a_grant_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, scheduled: list[Any], soft: int
) -> None:
    limit(monkeypatch, resource.RLIMIT_RTPRIO, soft)
    assert not priority.real_time()
    assert not scheduled


@pytest.mark.parametrize("soft", [priority.PRIORITY, 99, resource.RLIM_INFINITY])
def test_with_a_grant_the_calling_thread_gets_it(
    monkeypatch: pytest.MonkeyPatch, scheduled: list[Any], soft: int
) -> None:
    limit(monkeypatch, resource.RLIMIT_RTPRIO, soft)
    assert priority.real_time()
    [(_, policy, parameters)] = scheduled
    assert policy == os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    assert parameters.sched_priority == priority.PRIORITY


def test_a_kernel_that_refuses_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    limit(monkeypatch, resource.RLIMIT_RTPRIO, 99)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert not priority.real_time()


@pytest.mark.parametrize(
    ("soft", "answer", "locked"),
    [(8 * 1024 * 1024, 0, None), (resource.RLIM_INFINITY, 0, 7), (resource.RLIM_INFINITY, -1, 7)],
)
def test_memory_is_locked_only_without_a_limit(
    monkeypatch: pytest.MonkeyPatch, soft: int, answer: int, locked: int | None
) -> None:
    flags: list[int] = []

    class Libc:
        def __init__(self, *_: object, **__: object) -> None: ...

        def mlockall(self, value: int) -> int:
            flags.append(value)
            return answer

    limit(monkeypatch, resource.RLIMIT_MEMLOCK, soft)
    monkeypatch.setattr("ctypes.CDLL", Libc)
    assert priority.lock_memory() is (locked is not None and answer == 0)
    assert flags == ([] if locked is None else [locked])
