"""A fleet as it changes: messages go into a roster, the roster onto a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from agent.clock import Clock
from agent.errors import Refused, RunError
from agent.fleet import table
from agent.fleet.broker import QUIET_S, Wire
from agent.fleet.roster import Roster, read, split
from agent.fleet.view import View
from agent.printable import printable
from agent.report.signals import Incoming
from agent.report.topics import Topics

TICK_S = 0.25
REST = 3  # so many times as long as showing took, it listens
RETRY_S = 2.0
SETTLE_S = 10.0


class Caption(msgspec.Struct, frozen=True):
    """What is shown of a finished sentence."""

    text: str | None = None
    translation: str | None = None


class Screen(Protocol):
    """Where a fleet is shown."""

    def show(
        self, shown: Sequence[table.Entry], fleet: Sequence[table.Entry], ignored: int
    ) -> None:
        """What to show of the ``fleet`` at this moment; called a few times a second."""

    def say(self, text: str) -> None:
        """A caption, or trouble with the broker: one line."""


def transcript_topic(root: str) -> str:
    """Where the sentences of all devices come."""
    return Topics.of(root, "+").transcript.name


def caption(message: Incoming, root: str) -> str | None:
    """``kitchen-1: hello → hola``, or None where ``message`` is no sentence."""
    device, rest = split(message.topic, root)
    if rest != "transcript":
        return None
    try:
        found = read(message.payload, Caption)
    except msgspec.MsgspecError:
        return None
    said = " → ".join(part for part in (found.text, found.translation) if part)
    return printable(f"{device}: {said}")


class Watch:
    """Keeps a screen up to date, over losses of the connection too.

    Args:
        connect: makes a connection that is open inside ``with``.
        view: what of the fleet is shown; all by default.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Wire]],
        root: str,
        screen: Screen,
        clock: Clock,
        view: View | None = None,
    ) -> None:
        self._connect, self._root = connect, root
        self._screen, self._clock, self._view = screen, clock, view or View()
        self._roster = Roster(root)
        self._tick = TICK_S

    def run(self) -> None:
        """Watch until interrupted.

        Raises RunError where the first connection cannot be made, Refused at any time.
        """
        with self._connect() as broker:
            self._follow_while_connected(broker)
        while True:
            self._clock.sleep(RETRY_S)
            try:
                with self._connect() as broker:
                    self._screen.say(f"connected to {broker.where} again")
                    self._follow_while_connected(broker)
            except Refused:
                raise
            except RunError:
                continue  # the loss was told, and is not over

    def _follow_while_connected(self, broker: Wire) -> None:
        try:
            self._settle(broker)
            while True:
                self._show()
                self._take(broker, self._clock.now() + self._tick)
        except Refused:
            raise
        except RunError as error:
            self._screen.say(f"{error}; trying again")

    def _settle(self, broker: Wire) -> None:
        """Take what the broker keeps: half of it would look as if something was wrong."""
        most = self._clock.now() + SETTLE_S
        while self._clock.now() < most and self._take(broker, self._clock.now() + QUIET_S):
            pass

    def _take(self, broker: Wire, until: float) -> bool:
        """Learn from what comes until then; whether something was kept."""
        clock, kept = self._clock, False
        while (left := until - clock.now()) > 0:
            message = broker.next(left)
            if isinstance(message, Incoming):
                kept = kept or message.retained
                self._roster.take(message, clock.now(), clock.utc())
                if self._wants(message) and (words := caption(message, self._root)) is not None:
                    self._screen.say(words)
        return kept

    def _show(self) -> None:
        begun = self._clock.now()
        fleet = table.entries(self._roster, begun, self._clock.utc())
        self._screen.show(self._view.of(fleet), fleet, self._roster.ignored)
        # Thousands of devices take a while to judge: most of the time is for listening.
        self._tick = max(TICK_S, REST * (self._clock.now() - begun))

    def _wants(self, message: Incoming) -> bool:
        return self._view.names(split(message.topic, self._root)[0])
