"""Builds the way to a service from its shape in the catalog, loading only what that needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.config.schema import Config
from agent.errors import UsageError
from agent.events import Pair, ServiceEvent
from agent.pipeline.cloud import Cloud, Parts
from agent.services.provider import Provider
from agent.services.shapes import Clip

if TYPE_CHECKING:
    from agent.link.http import HttpClient

Send = Callable[[Clip, Pair], Sequence[ServiceEvent]]


def build(parts: Parts) -> Cloud:
    """The cloud for ``parts.provider``; UsageError where it cannot be used live."""
    check(parts.provider, parts.config)
    if not parts.provider.service.fallback:
        return single(parts)
    from agent.clouds import fallback

    return fallback.build(parts, single)


def check(provider: Provider, config: Config) -> None:
    """UsageError where ``provider``, or one that may stand in for it, cannot do what ``config``
    wants of it: pairs and rate."""
    provider.check_live()
    for pair in wanted(provider, config):
        provider.check(pair)
    check_rate(provider, config)
    if provider.service.fallback:
        from agent.clouds import fallback

        fallback.check(provider, config)


def single(parts: Parts) -> Cloud:
    """The cloud for ``parts.provider`` alone, as its shape says."""
    entry = parts.provider.entry
    kind = "own" if entry.composed else entry.shape.value
    cloud: Cloud = import_module(f"agent.clouds.{kind}").build(parts)
    return cloud


def wanted(provider: Provider, config: Config) -> Iterator[Pair]:
    """The pairs ``config`` has for ``provider``: its own, and those of the buttons."""
    pair = provider.pair
    yield pair
    for button in config.talk.buttons:
        yield Pair(button.source or pair.source, button.target or pair.target)


def upload(provider: Provider, config: Config, http: HttpClient, clock: Clock) -> Send:
    """What sends one clip of a file and gives what came back; see :mod:`agent.link.exchange`."""
    if not provider.entry.composed:
        from agent.link import exchange

        return exchange.Upload(provider, http, clock)
    send: Send = import_module("agent.clouds.own").upload(provider, config, clock)
    return send


def check_rate(provider: Provider, config: Config) -> None:
    """UsageError where ``provider`` does not take sound as the device records it."""
    rates, rate = provider.entry.limits.rates, config.audio.rate
    if rate not in rates:
        raise UsageError(
            f"audio.rate: {provider.name} takes {' or '.join(map(str, rates))} Hz, not {rate}"
        )
