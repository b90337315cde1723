"""The way to a service, whatever its shape: what the controller sees of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.audio.ring import Ring
from agent.clock import Clock
from agent.config.schema import Config
from agent.events import Blocked, Event, LinkDown, LinkUp, Pair, Settled, Unanswered
from agent.link.handover import Handover
from agent.pipeline.player import Player
from agent.report.telemetry import Telemetry
from agent.services.provider import Provider
from agent.threads import Worker

#: Told that the service is lost (True), that it works again (False), that nobody wants it (None).
OnTrouble = Callable[[bool | None], None]

#: What is told only of the service in use.
OF_THE_ONE_IN_USE = LinkUp | LinkDown | Blocked | Settled

#: Starts one cloud and ends another, which has handed over what it had not answered.
Exchange = Callable[[Handover], None]

#: Has a call made when the final of an id is on the disk.
AfterSaved = Callable[[str, Callable[[], None]], None]


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
    on_trouble: OnTrouble = lambda news: None
    after_saved: AfterSaved = lambda final, call: call()


class Outlet:
    """Passes on what the threads of a cloud tell: of one that was ``left``, only what it heard."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self.left = False

    def __call__(self, event: Event) -> None:
        if not (self.left and isinstance(event, OF_THE_ONE_IN_USE)):
            self._post(event)


class Cloud(Protocol):
    """One service in use.  Methods may be called from the main thread and never block."""

    @property
    def tts(self) -> bool:
        """Whether synthesised speech is wanted."""

    @property
    def hurried_at(self) -> float:
        """When somebody last pressed or let go (s): worth an attempt at once."""

    @property
    def provider(self) -> Provider:
        """The service that answers; the controller changes its ``pair``."""

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

    def hand_over(self) -> Handover:
        """Another service answers from now on: forget what was said, and give it to that one."""

    def take_over(self, left: Handover) -> None:
        """Answer what another service has ``left``."""

    def remember(self, keep: Callable[[Unanswered], None] | None) -> None:
        """Have ``keep`` told what is unanswered whenever that changes: it must not block."""

    def probe(self) -> None:
        """Not in use and out of reach: see in its own time whether it is there, without a word
        of what is said.  Asked for twice a second for as long as somebody wants to know."""

    def free(self) -> None:
        """Give everything back, after the threads have ended."""
