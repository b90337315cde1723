"""Chunks: requests over a connection that is kept alive, one thread."""

from __future__ import annotations

from agent.link import exchange
from agent.link.dial import Dialer
from agent.link.http import HttpClient
from agent.link.uplink import Uplink
from agent.pipeline.answers import Answers
from agent.pipeline.chunks import Chunker, Chunks
from agent.pipeline.cloud import Cloud, Parts

ANSWER_S = 4.0  # of silence before a chunk is sent again
TOTAL_S = 8.0  # for a chunk and its answer, however slowly it comes


def build(parts: Parts) -> Cloud:
    """The cloud of a chunk service."""
    uplink = Uplink(
        parts.ring,
        result_timeout_s=parts.config.talk.result_timeout_s,
        replay=parts.config.network.replay == "sentence",
        quiet=True,
    )
    cloud = Chunks(uplink, Answers(parts), parts.clock)
    dialer = Dialer(parts.config.network, parts.clock)
    http = HttpClient(dialer, ANSWER_S, TOTAL_S, cancelled=lambda: chunker.waits())
    chunker = Chunker(cloud, parts, lambda request: exchange.send(http, request, parts.clock))
    cloud.workers = (chunker,)
    return cloud
