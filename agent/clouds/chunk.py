"""Chunks: requests over a connection that is kept alive, one thread."""

from __future__ import annotations

from agent.link import exchange
from agent.link.http import HttpClient
from agent.link.uplink import Uplink
from agent.pipeline.answers import Answers
from agent.pipeline.chunks import Chunker, Chunks
from agent.pipeline.cloud import Cloud, Parts

ANSWER_S = 4.0  # for one answer; the watchdog looks for progress every few seconds


def build(parts: Parts) -> Cloud:
    """The cloud of a chunk service."""
    http = HttpClient(parts.config.network.ca_file, timeout_s=ANSWER_S)
    uplink = Uplink(
        parts.ring,
        result_timeout_s=parts.config.talk.result_timeout_s,
        replay=parts.config.network.replay == "sentence",
        quiet=True,
    )
    cloud = Chunks(uplink, parts.provider.service.tts, parts.clock)
    cloud.workers = (
        Chunker(
            cloud, parts, Answers(parts), lambda request: exchange.send(http, request, parts.clock)
        ),
    )
    return cloud
