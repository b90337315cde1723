"""The service in use: its configuration, the language pair, new connections' protocols."""

from __future__ import annotations

import uuid

from agent.config.schema import Service
from agent.events import Pair
from agent.services import catalog
from agent.services.base import StreamProtocol


class Provider:
    """What the receiver needs of the configured service; the controller changes ``pair``."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.pair = Pair(service.source, service.target)

    @property
    def name(self) -> str:
        return self.service.name

    def protocol(self, pair: Pair, tts: bool) -> StreamProtocol:
        """The protocol of one connection, with a request id never used before."""
        return catalog.stream(self.service, pair.source, pair.target, str(uuid.uuid4()), tts)

    def new_session(self) -> str:
        """An id for a new conversation: unique over devices and restarts."""
        return uuid.uuid4().hex[:12]
