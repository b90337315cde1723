"""Text in, text out: translations and summaries, whole or piece by piece as they are made."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import cast

from agent.clock import Clock
from agent.config.schema import Service
from agent.errors import LinkError, UsageError
from agent.events import Failure, Garbage, Pair, ServiceEvent, Text
from agent.link import exchange
from agent.link.http import HttpClient
from agent.link.refusal import refused
from agent.services.entry import Shape
from agent.services.locales import choose
from agent.services.provider import Provider
from agent.services.shapes import Nonce, TextProtocol
from agent.services.twetalk_text import LANGUAGES

TEXT_S = 300.0  # for an answer that is written as we wait

log = logging.getLogger(__name__)


def summarize(service: Service, text: str, http: HttpClient, clock: Clock) -> str:
    """A summary of ``text`` by ``service``; LinkError when there is no answer, Refused when
    the service says no, UsageError when there is nothing to summarise."""
    return TextService(service, http, clock).ask(text)


class TextService:
    """A service that works on text; UsageError where ``service`` is none, or does not
    take its languages."""

    def __init__(self, service: Service, http: HttpClient, clock: Clock) -> None:
        self._provider = Provider(service)
        self._http, self._clock = http, clock
        if self._provider.entry.shape is not Shape.TEXT:
            raise UsageError(f"{service.name} works on sound, not on text")
        self._pair = self._documented() if service.name == "twetalk-translate" else None

    def ask(self, text: str) -> str:
        """The whole answer; LinkError and Refused as :func:`summarize`."""
        protocol = self._protocol(text)
        request = protocol.request(text, False, self._nonce())
        events = protocol.answer(exchange.send(self._http, request, self._clock))
        answer = "".join(self._pieces(events))
        if not _ended(events):
            raise LinkError(f"{self._provider.name} sent no answer that can be read", "garbage")
        return answer

    def stream(self, text: str) -> Iterator[str]:
        """The answer in pieces as they come; LinkError also where it breaks off.

        What is no stream, such as a gateway's error page, says nothing in this way:
        then the whole answer is asked for, whose status tells what is wrong.
        """
        protocol = self._protocol(text)
        request = protocol.request(text, True, self._nonce())
        said = False
        for data in self._http.stream(request):
            for piece in self._pieces(protocol.feed(data)):
                said = True
                yield piece
        rest = protocol.finish()
        for piece in self._pieces(rest):
            said = True
            yield piece
        if not _ended(rest):
            yield from self._instead(said, text)

    def _instead(self, said: bool, text: str) -> Iterator[str]:
        if said:
            raise LinkError(f"{self._provider.name} broke off in its answer", "cut-short")
        yield self.ask(text)

    def _documented(self) -> Pair:
        pair, name = self._provider.pair, self._provider.name
        return Pair(
            choose(name, pair.source, LANGUAGES),
            choose(name, pair.target or pair.source, LANGUAGES),
        )

    def _protocol(self, text: str) -> TextProtocol:
        if not text.strip():
            raise UsageError("there is no text to work on")
        provider = self._provider
        pair = self._pair or provider.pair
        return cast(TextProtocol, provider.entry.make(provider.service, pair, "", False))

    def _nonce(self) -> Nonce:
        return exchange.nonce(self._clock, self._provider.new_id())

    def _pieces(self, events: Sequence[ServiceEvent]) -> Iterator[str]:
        for event in events:
            if isinstance(event, Text) and event.text:
                yield event.text
            elif isinstance(event, Failure):
                raise refused(self._provider.name, event)
            elif isinstance(event, Garbage):
                log.warning("%s sent something undocumented (%s)", self._provider.name, event.kind)


def _ended(events: Sequence[ServiceEvent]) -> bool:
    """Whether an answer, or a stream that is over, can be read and was complete."""
    return not any(isinstance(event, Garbage) and event.whole for event in events)
