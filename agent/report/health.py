"""Makes the outbox's troubles known: a line in the log and an event, once each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.events import Notice

if TYPE_CHECKING:
    from agent.report.outbox import Outbox

log = logging.getLogger(__name__)


class OutboxHealth:
    """Compares an outbox with what was last said about it."""

    def __init__(self) -> None:
        self._fault: str | None = None
        self._recovered: Path | None = None
        self._dropped = self._announced = 0

    def news(self, outbox: Outbox) -> Iterator[Notice]:
        """What has changed since the last call."""
        yield from self._damage(outbox)
        yield from self._trouble(outbox)
        yield from self._losses(outbox)

    def _damage(self, outbox: Outbox) -> Iterator[Notice]:
        if outbox.recovered != self._recovered:
            self._recovered = outbox.recovered
            kept_as = outbox.recovered.name if outbox.recovered else ""
            yield Notice("outbox_recovered", {"kept_as": kept_as})

    def _trouble(self, outbox: Outbox) -> Iterator[Notice]:
        if outbox.fault == self._fault:
            return
        self._fault = outbox.fault
        if outbox.fault:
            log.error("%s; messages wait in memory", outbox.fault)
            yield Notice("outbox_fault", {"reason": outbox.fault})
        else:
            log.info("the outbox is on the disk again")

    def _losses(self, outbox: Outbox) -> Iterator[Notice]:
        """Logged when it begins; as an event when the box is empty, or it would cost one more."""
        if outbox.dropped > self._dropped == self._announced:
            log.warning("the outbox is full (%d messages): the oldest are lost", outbox.limit)
        self._dropped = outbox.dropped
        lost = self._dropped - self._announced
        if lost and outbox.count() == 0:
            self._announced = self._dropped
            yield Notice("outbox_dropped", {"messages": lost})
