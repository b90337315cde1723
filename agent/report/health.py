"""Makes the outbox's troubles known: a line in the log and an event, once each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.events import Notice
from agent.printable import one_line
from agent.report.aside import Aside
from agent.report.topics import is_event

if TYPE_CHECKING:
    from agent.report.outbox import Outbox

log = logging.getLogger(__name__)


class OutboxHealth:
    """Compares an outbox with what was last said about it.

    Attributes:
        set_aside: messages set aside since the start.
    """

    def __init__(self) -> None:
        self.set_aside = 0
        self._fault: str | None = None
        self._recovered: Path | None = None
        self._dropped = self._announced = self._announced_finals = 0

    def news(self, outbox: Outbox, aside: list[Aside]) -> Iterator[Notice]:
        """What has changed since the last call; ``aside`` and the outbox's are taken out."""
        yield from self._damage(outbox)
        yield from self._trouble(outbox)
        yield from self._losses(outbox)
        for pile in (outbox.aside, aside):
            while pile:
                yield from self._unfit(pile.pop(0))

    def _damage(self, outbox: Outbox) -> Iterator[Notice]:
        if outbox.recovered != self._recovered:
            self._recovered = outbox.recovered
            kept_as = outbox.recovered.name if outbox.recovered else ""
            yield Notice("outbox_recovered", {"kept_as": kept_as})

    def _trouble(self, outbox: Outbox) -> Iterator[Notice]:
        if outbox.fault == self._fault:
            return
        before, self._fault = self._fault, outbox.fault
        if outbox.fault is None:
            log.info("the outbox is on the disk again")
            yield Notice("outbox_back")
        elif before is None:
            log.error("%s; messages wait in memory", outbox.fault)
            yield Notice("outbox_fault", {"reason": outbox.fault})

    def _losses(self, outbox: Outbox) -> Iterator[Notice]:
        """Logged when it begins; as an event when the box is empty, or it would cost one more."""
        if outbox.dropped > self._dropped == self._announced:
            log.warning("the outbox is full (%d messages): the oldest are lost", outbox.count())
        self._dropped = outbox.dropped
        lost = self._dropped - self._announced
        if lost and outbox.count() == 0:
            finals = outbox.dropped_finals - self._announced_finals
            self._announced, self._announced_finals = self._dropped, outbox.dropped_finals
            yield Notice("outbox_dropped", {"messages": lost, "finals": finals})

    def _unfit(self, found: Aside) -> Iterator[Notice]:
        self.set_aside += 1
        topic, size = one_line(found.topic)[:200], len(found.payload)
        log.error("set aside: a message of %d bytes on %s: %s", size, topic, found.reason)
        if not is_event(found.topic):  # or each event would be the reason of another one
            detail = {"topic": topic, "bytes": size, "reason": found.reason}
            known = _id(found.payload)
            yield Notice("set_aside", detail | ({"id": known} if known else {}))


class _Named(msgspec.Struct):
    id: str = ""


def _id(payload: bytes) -> str:
    """The id of a transcript; empty for anything else."""
    try:
        return msgspec.json.decode(payload, type=_Named).id[:100]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
