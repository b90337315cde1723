"""Servers of one's own: ears of either shape, and an interpreter behind them.

The one place that puts the three roles together.  It knows no protocol: what hears is a stream or
takes uploads, what translates and speaks is a call (:mod:`agent.link.roles`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from msgspec import structs

from agent.audio.vad import Vad
from agent.clock import Clock
from agent.clouds.stream import streamed
from agent.clouds.utterance import recorded
from agent.config.schema import Config
from agent.events import Pair, Result, ServiceEvent
from agent.link import exchange
from agent.link.cutter import Cutter
from agent.link.dial import Dialer
from agent.link.ears import ANSWER_S, Ears
from agent.link.http import HttpClient
from agent.link.roles import Watch, translator, voice
from agent.link.waiter import Cancelled, never
from agent.link.wyoming import Servers
from agent.pipeline.answers import Answers
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.interpreter import Heard, Interpreter, News
from agent.pipeline.roles import Roles
from agent.pipeline.session import Session
from agent.pipeline.utterances import Utterances
from agent.services.base import Endpoint
from agent.services.entry import Shape
from agent.services.provider import Provider
from agent.services.shapes import Clip

CLIP_S = 900.0  # for a piece of a file: a small machine works on two minutes of sound for ten


def build(parts: Parts) -> Cloud:
    """The cloud of one's own servers."""
    news = News(parts.post, parts.clock)
    roles = _roles(parts.provider, parts.config, parts.clock, news, lambda: interpreter.stopping)
    interpreter = Interpreter(parts, roles, lambda: cloud.tts)
    answers = Heard(parts, interpreter, translates=roles.translates)
    heard = replace(parts, post=interpreter.post)  # all is answered when it is translated
    by_stream = parts.provider.entry.shape is Shape.STREAM
    cloud = (_listening if by_stream else _uploading)(heard, answers, news)
    cloud.workers = (interpreter, *cloud.workers)
    return cloud


def _roles(
    provider: Provider, config: Config, clock: Clock, news: News, stopping: Cancelled
) -> Roles:
    """The roles after hearing, each with waits of its own."""
    network, rate, service = config.network, config.audio.rate, provider.service
    translating = Watch(clock, stopping, lambda: news.loading("translate"))
    speaking = Watch(clock, stopping, lambda: news.loading("speak"))
    return Roles(
        translator(service, network, clock, translating),
        voice(service, network, rate, clock, speaking),
        news.missing,
        clock.now,
    )


def _listening(parts: Parts, answers: Answers, news: News) -> Session:
    """Ears that listen while somebody speaks."""
    rate, clock = parts.config.audio.rate, parts.clock
    servers, vad = Servers(parts.config.network, clock), Vad(rate)
    pauses = parts.config.talk.mode == "open"

    def connect(endpoint: Endpoint, cancelled: Cancelled) -> Ears:
        cutter = Cutter(vad, pauses=pauses)
        return Ears(
            lambda ends: servers.dial(endpoint.url, lambda: ends() or cancelled()),
            cutter,
            rate,
            clock,
            lambda: session.uplink.played,
            lambda: news.loading("hear"),
        )

    session = streamed(parts, connect, answers)
    return session


def _uploading(parts: Parts, answers: Answers, news: News) -> Utterances:
    """Ears that take what was said when it is over."""
    stopping = threading.Event()
    watch = Watch(parts.clock, stopping.is_set, lambda: news.loading("hear"), ANSWER_S)
    http = HttpClient(Dialer(parts.config.network, parts.clock), ANSWER_S, ANSWER_S, watch)
    upload = exchange.Upload(parts.provider, http, parts.clock)

    def send(clip: Clip, pair: Pair) -> Sequence[ServiceEvent]:
        with watch.asking():
            return upload(clip, pair)

    talk = parts.config.talk
    patient = structs.replace(talk, result_timeout_s=max(talk.result_timeout_s, ANSWER_S))
    slow = replace(parts, config=structs.replace(parts.config, talk=patient))
    return recorded(slow, http, send, (), stopping.set, answers)


# --- files -----------------------------------------------------------------------------------


def upload(
    provider: Provider, config: Config, clock: Clock
) -> Callable[[Clip, Pair], Sequence[ServiceEvent]]:
    """Sends a clip of a file: heard, and translated sentence by sentence."""
    news = News(lambda event: None, clock)
    roles = _roles(provider, config, clock, news, never)
    http = HttpClient(Dialer(config.network, clock), CLIP_S, CLIP_S)
    send = exchange.Upload(provider, http, clock)

    def heard(clip: Clip, pair: Pair) -> Sequence[ServiceEvent]:
        return [
            roles.translated(event, pair) if isinstance(event, Result) else event
            for event in send(clip, pair)
        ]

    return heard
