"""Builds the way to a service from its shape in the catalog, loading only what that needs."""

from __future__ import annotations

from importlib import import_module

from agent.errors import UsageError
from agent.events import Pair
from agent.pipeline.cloud import Cloud, Parts


def build(parts: Parts) -> Cloud:
    """The cloud for ``parts.provider``; UsageError where it cannot be used live."""
    parts.provider.check_live()
    pair = parts.provider.pair
    for button in (None, *parts.config.talk.buttons):
        source, target = (button.source, button.target) if button else (None, None)
        parts.provider.check(Pair(source or pair.source, target or pair.target))
    _check_rate(parts)
    shape = parts.provider.entry.shape
    cloud: Cloud = import_module(f"agent.clouds.{shape.value}").build(parts)
    return cloud


def _check_rate(parts: Parts) -> None:
    rates, rate = parts.provider.entry.limits.rates, parts.config.audio.rate
    if rate not in rates:
        raise UsageError(
            f"audio.rate: {parts.provider.name} takes {' or '.join(map(str, rates))} Hz, not {rate}"
        )
