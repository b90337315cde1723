"""A stream: a WebSocket, and the two threads that share it."""

from __future__ import annotations

from collections.abc import Callable

from agent.link import handshake
from agent.link.channel import Channel
from agent.link.dial import Dialer, Limits
from agent.link.uplink import Uplink
from agent.link.waiter import Cancelled
from agent.link.websocket import WebSocket
from agent.pipeline.answers import Answers
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.receiver import Receiver
from agent.pipeline.sender import Sender
from agent.pipeline.session import Session
from agent.services.base import Endpoint

Connect = Callable[[Endpoint, Cancelled], Channel]


def build(parts: Parts) -> Cloud:
    """The cloud of a stream service, over a WebSocket."""
    network = parts.config.network
    interval = network.ping_interval_s
    limits = Limits(connect=min(10.0, max(3.0, 2 * interval)), silence=2 * interval)

    dialer = Dialer(network, parts.clock)

    def connect(endpoint: Endpoint, cancelled: Cancelled) -> WebSocket:
        return handshake.connect(endpoint, limits, dialer, cancelled)

    return streamed(parts, connect, Answers(parts))


def streamed(parts: Parts, connect: Connect, answers: Answers) -> Session:
    """A stream over what ``connect`` makes, connected before the first press."""
    network = parts.config.network
    uplink = Uplink(
        parts.ring,
        result_timeout_s=parts.config.talk.result_timeout_s,
        idle_close_s=network.idle_close_s,
        replay=network.replay == "sentence",
        recorded=parts.config.audio.capture.ends,
    )
    uplink.keep_warm(parts.clock.now())  # connected before the first press
    session = Session(uplink, answers, parts.provider.service.tts, parts.clock)
    session.workers = (
        Receiver(session, parts, connect),
        Sender(session, parts),
    )
    return session
