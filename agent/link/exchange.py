"""One upload and its answer, for recordings and for files: the shapes utterance and job."""

from __future__ import annotations

import queue
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

from agent.clock import Clock
from agent.errors import LinkError, Refused
from agent.events import Failure, Pair, ServiceEvent
from agent.link.http import MAX_SOUND, HttpClient
from agent.link.portal import portal, with_date
from agent.printable import one_line
from agent.services.entry import check
from agent.services.provider import Provider
from agent.services.shapes import Clip, Nonce, Request, Response

JOB_S = 1800.0  # a job of 15 minutes of sound is answered within this, or it is lost
TICKET_BYTES = 16  # of chance, in a job's address
CLOSED = 16  # jobs whose repeated delivery is still taken politely


def nonce(clock: Clock, id: str) -> Nonce:
    """What one request needs from outside."""
    return Nonce(clock.utc().timestamp(), id)


class Upload:
    """Uploads clips to an utterance service."""

    def __init__(self, provider: Provider, http: HttpClient, clock: Clock) -> None:
        self._provider, self._http, self._clock = provider, http, clock

    def __call__(self, clip: Clip, pair: Pair) -> Sequence[ServiceEvent]:
        """Send ``clip``; UsageError past a limit, LinkError when there is no answer."""
        check(self._provider.entry, clip)
        protocol = self._provider.utterance(pair)
        request = protocol.request(clip, nonce(self._clock, self._provider.new_id()))
        return protocol.answer(send(self._http, request, self._clock))


class Job:
    """Submits clips to a job service, one after the other, and waits for their delivery.

    Each is delivered to an address of its own, which only the service was told: the
    callback address with a ticket as its last part.
    """

    def __init__(
        self,
        provider: Provider,
        http: HttpClient,
        clock: Clock,
        stopping: Callable[[], bool] = lambda: False,
        waiting: Callable[[float], None] = lambda seconds: None,
        again: Callable[[], bool] = lambda: False,
    ) -> None:
        self._provider, self._http, self._clock = provider, http, clock
        self._stopping, self._waiting, self._again = stopping, waiting, again
        self._protocol = provider.job(provider.pair)
        self._open: dict[str, queue.SimpleQueue[Sequence[ServiceEvent]]] = {}  # by ticket
        self._closed: deque[str] = deque(maxlen=CLOSED)

    def deliver(self, ticket: str, body: Callable[[], bytes]) -> bytes | None:
        """The callback address was called; from the callback server's threads.

        ``body`` reads what was sent.  Returns the receipt; None where nobody has ``ticket``.
        """
        waiting = self._open.get(ticket)
        if waiting is None:
            return self._protocol.receipt(True) if ticket in self._closed else None
        task, events = self._protocol.delivered(body())
        failed = any(isinstance(event, Failure) for event in events)
        if task or failed:
            waiting.put(events)
        return self._protocol.receipt(bool(task) or failed)

    def __call__(self, clip: Clip, pair: Pair) -> Sequence[ServiceEvent]:
        """Submit ``clip`` and wait; LinkError when nothing is delivered in time.

        Whoever asks again has it submitted again; the first delivery counts, whichever of the
        submissions it is of.
        """
        check(self._provider.entry, clip)
        delivered: queue.SimpleQueue[Sequence[ServiceEvent]] = queue.SimpleQueue()
        tickets: list[str] = []
        try:
            while True:
                tickets.append(secrets.token_hex(TICKET_BYTES))
                self._open[tickets[-1]] = delivered
                outcome = self._submit(clip, tickets[-1])
                found = self._wait(delivered) if isinstance(outcome, str) else outcome
                if found is not None:
                    return found
        finally:
            for ticket in tickets:
                self._closed.append(ticket)  # the service may deliver the same again
                del self._open[ticket]

    def _submit(self, clip: Clip, ticket: str) -> str | Sequence[ServiceEvent]:
        address = _address(self._provider.service.callback_url or "", ticket)
        at = nonce(self._clock, self._provider.new_id())
        request = self._protocol.submit(clip, at, address)
        return self._protocol.submitted(send(self._http, request, self._clock))

    def _wait(
        self, delivered: queue.SimpleQueue[Sequence[ServiceEvent]]
    ) -> Sequence[ServiceEvent] | None:
        """What was delivered; None where somebody asks for it again."""
        begun = self._clock.now()
        while True:
            waited = self._clock.now() - begun
            if self._stopping():
                raise LinkError("stopped while waiting for the result", "cancelled")
            if waited > JOB_S:
                raise LinkError(f"no result was delivered within {JOB_S:g} s", "timeout")
            self._waiting(waited)
            if self._again():
                return None
            with suppress(queue.Empty):
                return delivered.get(timeout=0.2)


def _address(callback_url: str, ticket: str) -> str:
    """Where the result of the job with ``ticket`` is to be delivered."""
    parts = urlsplit(callback_url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{ticket}"))


def send(http: HttpClient, request: Request, clock: Clock) -> Response:
    """One request; LinkError where a portal or a gateway answers in place of the service."""
    return honest(http.send(request), clock)


def honest(response: Response, clock: Clock) -> Response:
    """``response``, with a date; LinkError where it is that of a portal or a gateway."""
    response = with_date(response, clock)
    trouble = portal(response)
    if trouble is not None:
        raise trouble
    return response


def fetch(http: HttpClient, url: str, provider: Provider) -> bytes:
    """The file at ``url``; Refused where the server does not give it, or it is not ``provider``'s.

    An answer may name any address.  The one the service itself is at is where it keeps its
    files; any other could be in the network of the device.
    """
    response = http.send(Request("GET", own_address(url, provider)), MAX_SOUND)
    if response.status != 200:
        raise Refused(f"the speech could not be fetched (HTTP {response.status})")
    return response.body


def own_address(url: str, provider: Provider) -> str:
    """``url``, with TLS where the service has it; Refused where it is somebody else's."""
    try:
        parts = urlsplit(url)
        place = (parts.hostname, parts.port)
    except ValueError:
        raise Refused("the address of the speech cannot be read") from None
    for home in map(urlsplit, (provider.service.url or "", provider.entry.host)):
        secure = home.scheme in ("https", "wss")
        ours = (home.hostname, home.port or (443 if secure else 80))
        standard = 443 if secure or parts.scheme == "https" else 80
        if home.hostname and (place[0], place[1] or standard) == ours and "@" not in parts.netloc:
            return urlunsplit(parts._replace(scheme="https" if secure else parts.scheme))
    raise Refused(f"the speech is at {one_line(str(place[0]))[:80]}, not at {provider.name}'s")
