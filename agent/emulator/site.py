"""What every provider of one emulator shares."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

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

    `request_ids` are the ids clients have used up, `live` the connections that are open.
    """

    engine: Engine
    rules: Rules
    faults: Sequence[Fault]
    journal: Journal
    executor: Executor
    request_ids: set[str] = field(default_factory=set)
    live: set[Live] = field(default_factory=set)
