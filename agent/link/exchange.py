"""One upload and its answer, for recordings and for files: the shapes utterance and job."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from agent.clock import Clock
from agent.errors import LinkError, Refused
from agent.events import Failure, Pair, ServiceEvent
from agent.link.http import MAX_SOUND, HttpClient, portal
from agent.services.entry import check
from agent.services.provider import Provider
from agent.services.shapes import Clip, Nonce, Request, Response

JOB_S = 1800.0  # a job of 15 minutes of sound is answered within this, or it is lost


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
        return protocol.answer(send(self._http, request))


class Job:
    """Submits clips to a job service and waits for their delivery."""

    def __init__(
        self,
        provider: Provider,
        http: HttpClient,
        clock: Clock,
        stopping: Callable[[], bool] = lambda: False,
        waiting: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._provider, self._http, self._clock = provider, http, clock
        self._stopping, self._waiting = stopping, waiting
        self._protocol = provider.job(provider.pair)
        self._delivered: queue.SimpleQueue[tuple[str, Sequence[ServiceEvent]]] = queue.SimpleQueue()
        self._early: dict[str, Sequence[ServiceEvent]] = {}

    def deliver(self, body: bytes) -> bytes:
        """The callback address was called; from the callback server's thread."""
        task, events = self._protocol.delivered(body)
        failed = any(isinstance(event, Failure) for event in events)
        if task or failed:
            self._delivered.put((task, events))
        return self._protocol.receipt(bool(task) or failed)

    def __call__(self, clip: Clip, pair: Pair) -> Sequence[ServiceEvent]:
        """Submit ``clip`` and wait; LinkError when nothing is delivered in time."""
        check(self._provider.entry, clip)
        request = self._protocol.submit(clip, nonce(self._clock, self._provider.new_id()))
        outcome = self._protocol.submitted(send(self._http, request))
        return self._wait_for(outcome) if isinstance(outcome, str) else outcome

    def _wait_for(self, task: str) -> Sequence[ServiceEvent]:
        begun = self._clock.now()
        while task not in self._early:
            waited = self._clock.now() - begun
            if self._stopping():
                raise LinkError("stopped while waiting for the result", "cancelled")
            if waited > JOB_S:
                raise LinkError(f"no result was delivered within {JOB_S:g} s", "timeout")
            self._waiting(waited)
            self._take_delivery(task)
        return self._early.pop(task)

    def _take_delivery(self, awaited: str) -> None:
        """One delivery; a failure that names no task is that of the one awaited."""
        try:
            task, events = self._delivered.get(timeout=0.2)
        except queue.Empty:
            return
        self._early[task or awaited] = events
        while len(self._early) > 100:  # of tasks nobody waits for: repeated deliveries
            self._early.pop(next(iter(self._early)))


def send(http: HttpClient, request: Request) -> Response:
    """One request; LinkError where a captive portal answers in place of the service."""
    response = http.send(request)
    trouble = portal(response)
    if trouble is not None:
        raise trouble
    return response


def fetch(http: HttpClient, url: str) -> bytes:
    """The file at ``url``; Refused where the server does not give it."""
    response = http.send(Request("GET", url), MAX_SOUND)
    if response.status != 200:
        raise Refused(f"the speech could not be fetched (HTTP {response.status})")
    return response.body
