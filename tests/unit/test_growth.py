"""What a stranger may send much of costs work in proportion, not in its square.

Ratios of processor time in one run: eight times the work may take 24 times as long (in proportion
it takes 8 times, in the square 64 times), so the speed of the machine does not matter.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from agent.fleet import table
from agent.fleet.roster import Roster
from agent.link.numbering import Numbering
from agent.report.signals import Incoming
from agent.services.maas import Account
from agent.services.maas_whisper import Whisper
from agent.services.shapes import Response

FEW, MANY = 1000, 8000


def whisper(count: int) -> Callable[[], object]:
    times = [{"start": n, "end": n + 1} for n in range(count)]
    answer = {
        "segments": [{"text": "a", **each} for each in times],
        "words": [{"word": "a", **each} for each in times],
    }
    response = Response(200, body=json.dumps(answer).encode())
    return lambda: Whisper(Account("demo", "demo")).answer(response)


def fleet(count: int) -> Callable[[], object]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said = {"status": b"online", "state": b'{"state": "idle"}', "telemetry": b'{"cpu_percent": 1}'}

    def work() -> None:
        roster = Roster("dragoman")
        for kind, payload in said.items():
            for n in range(count):
                roster.take(Incoming(f"dragoman/d{n}/{kind}", payload, False), 0.0, now)
                roster.complete()
        assert sum(1 for _ in table.lines(table.entries(roster, 0.0, now), 80)) > count

    return work


def cell(count: int) -> Callable[[], object]:
    return lambda: table._cut("x" * count * 10, 80)


def partials(count: int) -> Callable[[], object]:
    numbers = Numbering()
    return lambda: [numbers.number(n, final=False) for n in range(count)]


@pytest.mark.parametrize("make", [whisper, fleet, cell, partials])
def test_in_proportion(make: Callable[[int], Callable[[], object]]) -> None:
    def seconds(count: int) -> float:
        work, taken = make(count), []
        for _ in range(3):
            begun = time.process_time()
            work()
            taken.append(time.process_time() - begun)
        return max(min(taken), 1e-4)

    assert seconds(MANY) < 24 * seconds(FEW)
