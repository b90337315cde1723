"""What comes in from the broker: commands, and the birth of a Home Assistant."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from agent.errors import UsageError
from agent.report import payloads
from agent.report.signals import Incoming
from agent.report.topics import Topics

log = logging.getLogger(__name__)


class Inbound:
    """Sorts incoming messages.

    Args:
        topics: tell a command from the rest.
        on_command: takes a command object; a UsageError it raises becomes the answer.
        answer: takes an object for ``command/result``.
        on_birth: called when Home Assistant says that it has started.
    """

    def __init__(
        self,
        topics: Topics,
        on_command: Callable[[Mapping[str, Any]], None],
        answer: Callable[[Mapping[str, Any]], None],
        on_birth: Callable[[], None],
    ) -> None:
        self._topics, self._on_command = topics, on_command
        self._answer, self._on_birth = answer, on_birth
        self._told = False  # that a command was retained

    def take(self, message: Incoming) -> None:
        """Act on ``message``."""
        if message.topic == self._topics.command.name:
            self._command(message)
        elif message.payload == payloads.ONLINE and not message.retained:
            self._on_birth()

    def _command(self, message: Incoming) -> None:
        if message.retained:
            if not self._told:  # it comes again whenever the subscription is renewed
                log.warning("ignored an old, retained command on %s", message.topic)
            self._told = True
            return
        fields: dict[str, Any] = {}
        try:
            fields = payloads.parse_command(message.payload)
            self._on_command(fields)
        except UsageError as error:
            self._answer(payloads.result(fields, str(error)))
