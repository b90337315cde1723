"""Builds the way to a service from its shape in the catalog."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.audio.decode import decode
from agent.audio.pcm import PACKET_MS
from agent.audio.segment import PAUSE, Segmenter
from agent.errors import UsageError
from agent.events import Pair, ServiceEvent
from agent.link import exchange, handshake
from agent.link.callback import CallbackServer
from agent.link.dial import Limits, tls_context
from agent.link.http import HttpClient
from agent.link.spool import Recording, Spool
from agent.link.uplink import Uplink
from agent.link.websocket import WebSocket
from agent.pipeline.answers import Answers
from agent.pipeline.chunks import Chunker, Chunks
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.receiver import Receiver
from agent.pipeline.recorder import Recorder
from agent.pipeline.sender import Sender
from agent.pipeline.session import Session
from agent.pipeline.uploader import Uploader
from agent.pipeline.utterances import Utterances
from agent.services.base import Endpoint
from agent.services.catalog import Shape
from agent.services.shapes import Clip
from agent.threads import Worker

LONGEST = 10 * 60 * 1000 // PACKET_MS  # packets of a clip where the provider sets no limit


def build(parts: Parts) -> Cloud:
    """The cloud for ``parts.provider``; UsageError where it cannot be used live."""
    parts.provider.check_live()
    pair = parts.provider.pair
    for button in (None, *parts.config.talk.buttons):
        source, target = (button.source, button.target) if button else (None, None)
        parts.provider.check(Pair(source or pair.source, target or pair.target))
    tls_context(parts.config.network.ca_file)  # an unreadable file is refused now
    _check_rate(parts)
    return _BUILDERS[parts.provider.entry.shape](parts)


def _check_rate(parts: Parts) -> None:
    rates, rate = parts.provider.entry.limits.rates, parts.config.audio.rate
    if rate not in rates:
        raise UsageError(
            f"audio.rate: {parts.provider.name} takes {' or '.join(map(str, rates))} Hz, not {rate}"
        )


def _stream(parts: Parts) -> Cloud:
    network = parts.config.network
    limits = Limits(silence=2 * network.ping_interval_s)

    def connect(endpoint: Endpoint, cancelled: Callable[[], bool]) -> WebSocket:
        return handshake.connect(endpoint, limits, parts.clock, network.ca_file, cancelled)

    uplink = Uplink(
        parts.ring,
        result_timeout_s=parts.config.talk.result_timeout_s,
        idle_close_s=network.idle_close_s,
        replay=network.replay == "sentence",
    )
    uplink.keep_warm(parts.clock.now())  # connected before the first press
    session = Session(uplink, Answers(parts), parts.provider.service.tts, parts.clock)
    session.workers = (
        Receiver(session, parts, connect),
        Sender(session, parts),
    )
    return session


def _chunks(parts: Parts) -> Cloud:
    http = HttpClient(parts.config.network.ca_file)
    uplink = Uplink(
        parts.ring,
        result_timeout_s=parts.config.talk.result_timeout_s,
        replay=parts.config.network.replay == "sentence",
        quiet=True,
    )
    cloud = Chunks(uplink, parts.provider.service.tts, parts.clock)
    cloud.workers = (
        Chunker(cloud, parts, Answers(parts), lambda request: exchange.send(http, request)),
    )
    return cloud


def _utterances(parts: Parts) -> Cloud:
    http = HttpClient(parts.config.network.ca_file)
    upload = exchange.Upload(parts.provider, http, parts.clock)
    return _recorded(parts, http, upload, ())


def _jobs(parts: Parts) -> Cloud:
    http = HttpClient(parts.config.network.ca_file)
    stopping = threading.Event()
    job = exchange.Job(parts.provider, http, parts.clock, stopping.is_set)
    port = parts.provider.service.callback_port or 0
    server = CallbackServer(port, job.deliver, parts.clock)
    return _recorded(parts, http, job, (server,), stopping.set)


def _recorded(
    parts: Parts,
    http: HttpClient,
    send: Callable[[Clip, Pair], Sequence[ServiceEvent]],
    servers: Sequence[Worker],
    on_stop: Callable[[], None] = lambda: None,
) -> Cloud:
    rate = parts.config.audio.rate
    seconds = parts.provider.entry.limits.seconds
    limit = seconds * 1000 // PACKET_MS if seconds is not None else LONGEST
    pause = PAUSE if parts.config.talk.mode == "open" else None
    spool = Spool(Path(parts.config.mqtt.outbox).parent / "recordings" / parts.provider.name)
    cloud = Utterances(parts, spool, Segmenter(limit, pause))

    def upload(recording: Recording) -> Sequence[ServiceEvent]:
        clip = Clip(recording.wav(), "wav", recording.duration_ms, rate, 1)
        return send(clip, recording.pair)

    def fetch(url: str) -> bytes:
        return decode(exchange.fetch(http, url), rate)

    uploader = Uploader(cloud, parts, Answers(parts), upload, fetch, on_stop)
    cloud.workers = (*servers, uploader, Recorder(cloud, parts, uploader.idle))
    return cloud


_BUILDERS: dict[Shape, Callable[[Parts], Cloud]] = {
    Shape.STREAM: _stream,
    Shape.CHUNK: _chunks,
    Shape.UTTERANCE: _utterances,
    Shape.JOB: _jobs,
}
