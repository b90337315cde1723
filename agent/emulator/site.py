"""What every provider of one emulator shares."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.emulator.engines import Engine
from agent.emulator.faults import Fault
from agent.emulator.journal import Journal
from agent.emulator.stream import Rules


class Live(Protocol):
    """A connection that can be told to end."""

    def stop(self) -> None:
        """End as a server that shuts down does."""


@dataclass
class Site:
    """One emulator as its providers see it.

    `request_ids` are the ids clients have used up, `live` the connections that are open,
    `tasks` what works on requests and what is still to be done after their answers.
    """

    engine: Engine
    rules: Rules
    faults: Sequence[Fault]
    journal: Journal
    executor: Executor
    request_ids: set[str] = field(default_factory=set)
    live: set[Live] = field(default_factory=set)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this while the emulator runs."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
