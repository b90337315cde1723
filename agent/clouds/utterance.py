"""Utterances: a recorder, a spool on disk, an uploader."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.audio.decode import decode_speech
from agent.audio.pcm import PACKET_MS, packet_bytes
from agent.audio.segment import PAUSE, Segmenter
from agent.audio.wav import HEADER_BYTES
from agent.events import Pair, ServiceEvent
from agent.link import exchange
from agent.link.dial import Dialer
from agent.link.http import HttpClient
from agent.link.spool import Recording, Spool
from agent.pipeline.answers import Answers
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.recorder import Recorder
from agent.pipeline.uploader import Uploader
from agent.pipeline.utterances import Utterances
from agent.services.entry import Limits
from agent.services.shapes import Clip
from agent.threads import Worker

LONGEST = 10 * 60 * 1000 // PACKET_MS  # packets of a clip where the provider sets no limit


def build(parts: Parts) -> Cloud:
    """The cloud of an upload service."""
    stopping = threading.Event()
    dialer = Dialer(parts.config.network, parts.clock)
    http = HttpClient(dialer, cancelled=stopping.is_set)
    upload = exchange.Upload(parts.provider, http, parts.clock)
    return recorded(parts, http, upload, (), stopping.set)


def recorded(
    parts: Parts,
    http: HttpClient,
    send: Callable[[Clip, Pair], Sequence[ServiceEvent]],
    servers: Sequence[Worker],
    on_stop: Callable[[], None],
    answers: Answers | None = None,
) -> Utterances:
    """A cloud whose clips go through ``send``, what comes back through ``answers``; ``servers``
    are started with it."""
    rate = parts.config.audio.rate
    limit = _longest(parts.provider.entry.limits, rate)
    pause = PAUSE if parts.config.talk.mode == "open" else None
    folder = Path(parts.config.mqtt.outbox).parent / "recordings" / parts.provider.name
    spool = Spool(folder, parts.config.network.recordings_max_mb * 1024 * 1024)
    cloud = Utterances(parts, spool, Segmenter(limit, pause))

    def upload(recording: Recording) -> Sequence[ServiceEvent]:
        clip = Clip(recording.wav(), "wav", recording.duration_ms, recording.rate, 1)
        return send(clip, recording.pair)

    def fetch(url: str) -> bytes:
        return decode_speech(exchange.fetch(http, url, parts.provider), rate)

    uploader = Uploader(cloud, parts, answers or Answers(parts), upload, fetch, on_stop)
    cloud.workers = (*servers, uploader, Recorder(cloud, parts))
    return cloud


def _longest(limits: Limits, rate: int) -> int:
    """Packets of the longest clip the provider takes."""
    most = LONGEST if limits.seconds is None else limits.seconds * 1000 // PACKET_MS
    if limits.bytes is not None:
        size = limits.bytes // 4 * 3 if limits.encoded else limits.bytes
        most = min(most, (size - HEADER_BYTES) // packet_bytes(rate))
    return most
