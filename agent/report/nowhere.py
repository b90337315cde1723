"""Reports when no broker is configured: nobody is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.events import Notice, Transcript
from agent.services.choices import Choices


class Nowhere:
    """Takes what :class:`agent.report.mqtt.Reporter` takes, and does nothing with it."""

    waiting = 0
    dropped = 0
    set_aside = 0

    def __init__(self) -> None:
        self.saved: Callable[[str], None] = lambda final: None

    def transcript(self, value: Transcript) -> None:
        """Nobody is told; nothing more can be done for it."""
        if value.final:
            self.saved(value.id)

    def notice(self, value: Notice) -> None:
        """Nobody is told."""

    def state(self, fields: Mapping[str, Any]) -> None:
        """Nobody is told."""

    def telemetry(self, fields: Mapping[str, Any]) -> None:
        """Nobody is told."""

    def command_result(self, fields: Mapping[str, Any]) -> None:
        """Nobody is told."""

    def summary(self, fields: Mapping[str, Any]) -> None:
        """Nobody is told."""

    def choices(self, now: Choices) -> None:
        """Nobody is told."""

    def stop(self) -> None:
        """Nothing to stop."""

    def join(self, seconds: float) -> bool:
        """Nothing to wait for."""
        return True
