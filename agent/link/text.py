"""Text in, text out: translations and summaries, whole or piece by piece as they are made."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence

from agent.clock import Clock
from agent.config.schema import Service
from agent.errors import LinkError, UsageError
from agent.events import Failure, Garbage, ServiceEvent, Text
from agent.link import exchange
from agent.link.http import HttpClient
from agent.link.refusal import refused
from agent.services.provider import Provider
from agent.services.shapes import Nonce, TextProtocol

TEXT_S = 300.0  # for an answer that is written as we wait

log = logging.getLogger(__name__)


def translation(service: Service, http: HttpClient, clock: Clock) -> TextService:
    """What translates with ``service``; UsageError where it does not, or not these languages."""
    provider = Provider(service)
    make = provider.entry.translates
    if make is None:
        raise UsageError(f"{provider.name} does not translate texts")
    make(provider.service, provider.pair)  # languages it does not take are refused now
    return TextService(provider.name, lambda: make(provider.service, provider.pair), http, clock)


def summary(service: Service, http: HttpClient, clock: Clock) -> TextService:
    """What summarises with ``service``; UsageError where it does not."""
    provider = Provider(service)
    make = provider.entry.summarizes
    if make is None:
        raise UsageError(f"{provider.name} does not summarise texts")
    return TextService(provider.name, lambda: make(provider.service), http, clock)


class TextService:
    """A service that works on text: ``make`` gives a protocol for each, ``name`` is whose."""

    def __init__(
        self, name: str, make: Callable[[], TextProtocol], http: HttpClient, clock: Clock
    ) -> None:
        self.name, self._make = name, make
        self._http, self._clock = http, clock

    def ask(self, text: str) -> str:
        """The whole answer; LinkError when there is none, Refused when the service says
        no, UsageError where there is nothing to work on."""
        protocol = self._protocol(text)
        request = protocol.request(text, False, self._nonce())
        events = protocol.answer(exchange.send(self._http, request, self._clock))
        answer = "".join(self._pieces(events))
        if not _ended(events):
            raise LinkError(f"{self.name} sent no answer that can be read", "garbage")
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
            raise LinkError(f"{self.name} broke off in its answer", "cut-short")
        yield self.ask(text)

    def _protocol(self, text: str) -> TextProtocol:
        if not text.strip():
            raise UsageError("there is no text to work on")
        return self._make()

    def _nonce(self) -> Nonce:
        return exchange.nonce(self._clock, str(uuid.uuid4()))

    def _pieces(self, events: Sequence[ServiceEvent]) -> Iterator[str]:
        for event in events:
            if isinstance(event, Text) and event.text:
                yield event.text
            elif isinstance(event, Failure):
                raise refused(self.name, event)
            elif isinstance(event, Garbage):
                log.warning("%s sent something undocumented (%s)", self.name, event.kind)


def _ended(events: Sequence[ServiceEvent]) -> bool:
    """Whether an answer, or a stream that is over, can be read and was complete."""
    return not any(isinstance(event, Garbage) and event.whole for event in events)
