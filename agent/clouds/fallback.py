"""Several services, in the order of ``service.fallback``."""

from __future__ import annotations

from agent import clouds
from agent.config import loader
from agent.config.schema import Config, Service
from agent.errors import UsageError
from agent.pipeline.cloud import Cloud, Parts
from agent.pipeline.fallback import Build, Fallback
from agent.pipeline.rung import fitting
from agent.services.provider import Provider


def build(parts: Parts, single: Build) -> Cloud:
    """The cloud of ``parts.provider`` and those that may stand in for it."""
    return Fallback(parts, services(parts.provider, parts.config), single)


def services(provider: Provider, config: Config) -> tuple[Service, ...]:
    """Those that may stand in for ``provider``, as they are configured."""
    return tuple(loader.profile(config, name) for name in provider.service.fallback)


def check(provider: Provider, config: Config) -> None:
    """UsageError where those that may stand in for ``provider`` could not, with a line each."""
    problems = []
    for place, service in enumerate(services(provider, config)):
        other = Provider(service)
        try:
            other.check_live()
            clouds.check_rate(other, config)
            for pair in clouds.wanted(provider, config):
                fitting(other, pair)
        except UsageError as error:
            problems.append(f"service.fallback.{place}: {error}")
    if problems:
        raise UsageError("\n".join(problems))


def untranslated(provider: Provider, config: Config) -> list[str]:
    """What those that may stand in for ``provider`` would only recognise, a line each."""
    return [
        f"{other.name} would only recognise {pair.source}, and not translate it to {pair.target}"
        for other in map(Provider, services(provider, config))
        for pair in clouds.wanted(provider, config)
        if pair.target is not None and not other.takes(pair)
    ]
