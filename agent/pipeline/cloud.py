"""The way to a service, whatever its shape: what the controller sees of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.audio.ring import Ring
from agent.clock import Clock
from agent.config.schema import Config
from agent.events import Event, Pair, Unanswered
from agent.pipeline.player import Player
from agent.report.telemetry import Telemetry
from agent.services.provider import Provider
from agent.threads import Worker


@dataclass(frozen=True, slots=True)
class Parts:
    """What every cloud is built of."""

    config: Config
    provider: Provider
    ring: Ring
    player: Player
    telemetry: Telemetry
    post: Callable[[Event], None]
    clock: Clock


class Cloud(Protocol):
    """One service in use.  Methods may be called from the main thread and never block."""

    tts: bool  #: whether synthesised speech is wanted
    hurried_at: float  #: when somebody last pressed or let go (s): worth an attempt at once

    @property
    def workers(self) -> Sequence[Worker]:
        """Its threads, in the order they are started."""

    @property
    def connected(self) -> bool:
        """Whether the service can be reached, as far as is known."""

    @property
    def backlog_ms(self) -> int:
        """Sound recorded for the service and not sent yet."""

    @property
    def unanswered_ms(self) -> int:
        """Speech sent and not answered yet."""

    def captured(self) -> None:
        """A packet was written to the ring; called in the capture thread, takes no lock."""

    def open(self, start: int, pair: Pair) -> None:
        """Open the gate at ring packet ``start``."""

    def close(self, end: int) -> None:
        """Close the gate before ring packet ``end``, which may be yet to come."""

    def hurry(self) -> None:
        """Somebody pressed or let go, and waits: note ``hurried_at``, let no backoff run out."""

    def switch_tts(self, enabled: bool) -> None:
        """Have speech synthesised or not, from now on."""

    def renew(self, pair: Pair) -> None:
        """``pair`` is spoken from now on; what is under way keeps its own."""

    def remember(self, keep: Callable[[Unanswered], None]) -> None:
        """Have ``keep`` told what is unanswered, whenever that changes; before threads run."""

    def recover(self, found: Unanswered) -> None:
        """Have answered what another process left ``found``; before threads run."""

    def free(self) -> None:
        """Give everything back, after the threads have ended."""
