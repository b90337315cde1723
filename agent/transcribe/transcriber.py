"""The way from files to transcripts, by the shape of the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent import clouds
from agent.clock import Clock
from agent.config.schema import Config
from agent.errors import UsageError
from agent.link import exchange
from agent.link.callback import CallbackServer
from agent.link.dial import Dialer
from agent.link.http import HttpClient
from agent.services.entry import Shape
from agent.services.provider import Provider
from agent.transcribe.record import Progress, Record
from agent.transcribe.streams import Streams
from agent.transcribe.uploads import Uploads

#: Transcribes one file into a record.
Work = Callable[[Path, Record, Progress], None]


@contextmanager
def transcriber(config: Config, clock: Clock) -> Iterator[Work]:
    """What transcribes files with ``config.service``, one at a time.

    Raises UsageError for a service that does not listen, and for languages it does not
    speak; RunError where a callback address is needed and cannot be listened on.  The
    work raises UsageError for a file that cannot be sent, LinkError and Refused.
    """
    provider = Provider(config.service)
    provider.check(provider.pair)
    shape = provider.entry.shape
    if shape is Shape.TEXT:
        raise UsageError(f"{provider.name} works on text, not on sound")
    if shape in (Shape.STREAM, Shape.CHUNK):
        yield Streams(config, provider, clock)
        return
    http = HttpClient(Dialer(config.network, clock))
    try:
        if shape is Shape.UTTERANCE:
            yield Uploads(provider, clouds.upload(provider, config, http, clock), clock)
        else:
            with _called_back(provider, http, clock) as job:
                yield Uploads(provider, job, clock)
    finally:
        http.close()


@contextmanager
def _called_back(provider: Provider, http: HttpClient, clock: Clock) -> Iterator[exchange.Job]:
    """A job service, and the server its results are delivered to."""
    job = exchange.Job(provider, http, clock)
    server = CallbackServer(provider.service.callback_port or 0, job.deliver, clock)
    server.start()
    try:
        yield job
    finally:
        server.stop()
        server.join(1.0)
