"""A result that is delivered late, or never: told once, and asked for again with a press."""

from __future__ import annotations

from typing import Protocol

from agent.events import Notice
from agent.pipeline.cloud import Parts

LATE_S = 120.0  # without a delivery


class Pressed(Protocol):
    """Where somebody presses (:class:`agent.pipeline.cloud.Cloud`)."""

    @property
    def hurried_at(self) -> float: ...


class Overdue:
    """Watches one submission after the other; used by the thread that waits for the delivery."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.cloud: Pressed | None = None  #: whose presses ask again
        self._told_at: float | None = None

    def waits(self, waited: float) -> None:
        """The newest submission has waited for so long (s)."""
        if waited < LATE_S:
            self._told_at = None
        elif self._told_at is None:
            self._told_at = self._parts.clock.now()
            words = "nothing was delivered; a press has it submitted again"
            self._parts.post(Notice("undelivered", {"waited_s": round(waited), "reason": words}))

    @property
    def again(self) -> bool:
        """Whether somebody has pressed since it was told."""
        cloud, told_at = self.cloud, self._told_at
        return cloud is not None and told_at is not None and cloud.hurried_at > told_at
