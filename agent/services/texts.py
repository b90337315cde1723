"""Which service of a configuration works on texts: translates them, or summarises them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from agent.config.credentials import CREDENTIALS
from agent.config.schema import Config, Service
from agent.errors import UsageError
from agent.services.catalog import configured

Task = Literal["translates", "summarizes"]

USUAL = {"translates": "twetalk-translate", "summarizes": "twetalk-summary"}


def serving(config: Config, task: Task) -> str:
    """The name of the service for ``task``: the one in use if it can, the usual one if it has
    its credentials, else the first profile that can."""
    usual = USUAL[task]
    for name, service in _candidates(config, usual):
        if _can(service, task) and all(getattr(service, key) for key in CREDENTIALS[service.name]):
            return name
    return usual


def _candidates(config: Config, usual: str) -> Iterator[tuple[str, Service]]:
    yield config.service.name, config.service
    if usual in config.services:
        yield usual, config.services[usual]
    elif config.service.token and config.service.name.startswith("twetalk"):
        return  # its token is the usual one's too
    yield from config.services.items()


def _can(service: Service, task: Task) -> bool:
    try:
        return getattr(configured(service), task) is not None
    except UsageError:
        return False
