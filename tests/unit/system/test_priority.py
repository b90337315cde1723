"""Real-time priority: taken only where it is granted."""

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
