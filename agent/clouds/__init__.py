"""Builds the way to a service from its shape in the catalog, loading only what that needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from agent.clock import Clock
from agent.config.schema import Config
from agent.errors import UsageError
from agent.events import Pair, ServiceEvent
from agent.link import exchange
from agent.link.http import HttpClient
from agent.pipeline.cloud import Cloud, Parts
from agent.services.provider import Provider
from agent.services.shapes import Clip

Send = Callable[[Clip, Pair], Sequence[ServiceEvent]]


def build(parts: Parts) -> Cloud:
    """The cloud for ``parts.provider``; UsageError where it cannot be used live."""
    parts.provider.check_live()
    pair = parts.provider.pair
    for button in (None, *parts.config.talk.buttons):
        source, target = (button.source, button.target) if button else (None, None)
        parts.provider.check(Pair(source or pair.source, target or pair.target))
    _check_rate(parts)
    entry = parts.provider.entry
    kind = "own" if entry.composed else entry.shape.value
    cloud: Cloud = import_module(f"agent.clouds.{kind}").build(parts)
    return cloud


def upload(provider: Provider, config: Config, http: HttpClient, clock: Clock) -> Send:
    """What sends one clip of a file and gives what came back; see :mod:`agent.link.exchange`."""
    if not provider.entry.composed:
        return exchange.Upload(provider, http, clock)
    send: Send = import_module("agent.clouds.own").upload(provider, config, http, clock)
    return send


def _check_rate(parts: Parts) -> None:
    rates, rate = parts.provider.entry.limits.rates, parts.config.audio.rate
    if rate not in rates:
        raise UsageError(
            f"audio.rate: {parts.provider.name} takes {' or '.join(map(str, rates))} Hz, not {rate}"
        )
