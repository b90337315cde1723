"""The service in use: its configuration, the language pair, and its protocols."""

from __future__ import annotations

import uuid
from typing import cast

from agent.config.schema import Service
from agent.errors import UsageError
from agent.events import Pair
from agent.services.base import StreamProtocol
from agent.services.catalog import at_home, configured
from agent.services.entry import Shape
from agent.services.shapes import ChunkProtocol, JobProtocol, UtteranceProtocol


class Provider:
    """One configured service; the controller changes ``pair``.

    Where the service translates into several languages at once, the pair's target is that
    of the main translation: the first of ``targets``.
    """

    def __init__(self, service: Service) -> None:
        self.service = at_home(service)
        self.entry = configured(self.service)
        several = service.targets if "several translations" in self.entry.gives else ()
        self.pair = Pair(service.source, several[0] if several else service.target)

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def speaks(self) -> bool:
        """Whether it sends synthesised speech."""
        return "speech" in self.entry.gives

    def check(self, pair: Pair) -> None:
        """UsageError where the service does not speak ``pair``."""
        self.entry.make(self.service, pair, "", False)

    def takes(self, pair: Pair) -> bool:
        """Whether the service speaks ``pair``."""
        try:
            self.check(pair)
        except UsageError:
            return False
        return True

    def kept(self, pair: Pair) -> Pair:
        """``pair`` if the service speaks it, else its own."""
        return pair if self.takes(pair) else self.pair

    def check_live(self) -> None:
        """UsageError where the service is not for speech."""
        if self.entry.shape is Shape.TEXT:
            raise UsageError(f"service: {self.name} works on text, not live")
        self.check(self.pair)

    def stream(self, pair: Pair, tts: bool) -> StreamProtocol:
        """The protocol of one connection, with a request id never used before."""
        return cast(StreamProtocol, self._make(pair, tts))

    def chunks(self, pair: Pair, tts: bool) -> ChunkProtocol:
        """The protocol of one utterance."""
        return cast(ChunkProtocol, self._make(pair, tts))

    def utterance(self, pair: Pair) -> UtteranceProtocol:
        """The protocol of uploads."""
        return cast(UtteranceProtocol, self._make(pair, False))

    def job(self, pair: Pair) -> JobProtocol:
        """The protocol of submissions and deliveries."""
        return cast(JobProtocol, self._make(pair, False))

    def new_id(self) -> str:
        """A UUID never used before."""
        return str(uuid.uuid4())

    def new_session(self) -> str:
        """An id for a new conversation: unique over devices and restarts."""
        return uuid.uuid4().hex[:12]

    def _make(self, pair: Pair, tts: bool) -> object:
        return self.entry.make(self.service, pair, self.new_id(), tts)
