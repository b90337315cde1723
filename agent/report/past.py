"""What an earlier run left behind: what it announced, and what its broker did not take."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from agent.config.schema import Mqtt

if TYPE_CHECKING:
    from agent.report.outbox import Outbox

log = logging.getLogger(__name__)

BROKER, ANNOUNCED = "broker", "announced"  # names of notes


class Past:
    """Compares an outbox's notes with the configuration.

    Args:
        node: this device in the topics of the discovery.  Those of another device are left
            alone: the outbox may be a copy of its.
    """

    def __init__(self, outbox: Outbox, settings: Mqtt, node: str) -> None:
        self._outbox, self._node = outbox, node
        s = settings
        self._broker = f"{s.username or ''}@{s.host}:{s.port} tls={s.tls} {s.version} {s.topic}"
        self._topics: list[str] = []
        self._stale: list[str] = []

    def begin(self) -> None:
        """What another broker did not take is tried again."""
        if self._outbox.note(BROKER) != self._broker:
            if found := self._outbox.restore():
                log.info("mqtt has changed: %d messages that were set aside are tried", found)
            self._outbox.set_note(BROKER, self._broker)

    def announce(self, topics: Sequence[str]) -> list[str]:
        """``topics`` are announced from now on; those that were and are not any more: wipe them."""
        before = _topics(self._outbox.note(ANNOUNCED))
        self._topics = list(topics)
        self._stale = [t for t in before if t not in topics and f"/{self._node}/" in t]
        self._note(self._topics + self._stale)
        return self._stale

    def look(self, taken: Callable[[str], bool]) -> None:
        """Forget what was wiped, once the broker has ``taken`` it."""
        if self._stale and all(map(taken, self._stale)):
            self._stale = []
            self._note(self._topics)

    def _note(self, topics: Sequence[str]) -> None:
        self._outbox.set_note(ANNOUNCED, msgspec.json.encode(topics).decode())


def _topics(note: str | None) -> list[str]:
    try:
        return msgspec.json.decode((note or "[]").encode("utf-8", "replace"), type=list[str])
    except msgspec.DecodeError:  # somebody was in the file
        return []
