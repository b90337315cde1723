"""A fleet as it changes: messages go into a roster, the roster onto a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from agent.clock import Clock
from agent.errors import Refused, RunError
from agent.fleet import table
from agent.fleet.broker import Wire
from agent.fleet.roster import Roster, read, split
from agent.printable import printable
from agent.report.signals import Incoming
from agent.report.topics import Topics

TICK_S = 0.25
RETRY_S = 2.0


class Caption(msgspec.Struct, frozen=True):
    """What is shown of a finished sentence."""

    text: str | None = None
    translation: str | None = None


class Screen(Protocol):
    """Where a fleet is shown."""

    def show(self, entries: Sequence[table.Entry], ignored: int) -> None:
        """The fleet at this moment; called a few times a second."""

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
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Wire]],
        root: str,
        screen: Screen,
        clock: Clock,
    ) -> None:
        self._connect, self._root = connect, root
        self._screen, self._clock = screen, clock
        self._roster = Roster(root)

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
            while True:
                self._follow(broker)
        except Refused:
            raise
        except RunError as error:
            self._screen.say(f"{error}; trying again")

    def _follow(self, broker: Wire) -> None:
        """Take what has come, at least what comes within a tick, and show it."""
        clock = self._clock
        deadline = clock.now() + TICK_S
        while (left := deadline - clock.now()) > 0:
            message = broker.next(left)
            if isinstance(message, Incoming):
                self._roster.take(message, clock.now(), clock.utc())
                if (words := caption(message, self._root)) is not None:
                    self._screen.say(words)
        shown = table.entries(self._roster, clock.now(), clock.utc())
        self._screen.show(shown, self._roster.ignored)
