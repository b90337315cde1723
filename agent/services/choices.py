"""What can be chosen on a device: languages, pairs and services the configuration allows.

Services list their codes each in its own way, and some list none.  So each code is put to
the service's own check, the one a command goes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from agent.config import loader
from agent.config.schema import Config
from agent.errors import UsageError
from agent.events import Pair
from agent.services.provider import Provider

COMMON = (
    "ar", "de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "ms",
    "nl", "pl", "pt", "ru", "th", "tr", "uk", "vi", "yue", "zh",
)  # fmt: skip


class Choices(Struct, frozen=True):
    """What a page or a home automation may offer at the moment; what is in use is among it.

    ``targets`` and ``pairs`` are empty where nothing is translated.  ``speaks``: whether the
    service in use can speak its translations.  ``has_name``: whether the device is called by one.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    pairs: tuple[Pair, ...]
    services: tuple[str, ...]
    speaks: bool
    has_name: bool = False


def choices(provider: Provider, config: Config) -> Choices:
    """What can be chosen while ``provider`` is in use on a device with ``config``."""
    now = provider.pair
    translates = "translation" in provider.entry.gives
    targets = _taken(provider, now.target, lambda code: Pair(now.source, code))
    return Choices(
        sources=_taken(provider, now.source, lambda code: Pair(code, now.target)),
        targets=targets if translates else (),
        pairs=tuple(_pairs(provider, config)) if translates else (),
        services=tuple(_services(provider, config)),
        speaks=provider.speaks,
        has_name=config.talk.mode == "wake",
    )


def _taken(provider: Provider, own: str | None, pair: Callable[[str], Pair]) -> tuple[str, ...]:
    codes = [code for code in COMMON if code != own and provider.takes(pair(code))]
    return tuple(sorted([*codes, own] if own else codes))


def _pairs(provider: Provider, config: Config) -> Iterator[Pair]:
    """The one in use, that of the configuration, those of the buttons; each the other way, too."""
    now, service = provider.pair, config.service
    wanted = [now, Pair(service.source, service.target)]
    wanted += [
        Pair(each.source or service.source, each.target or service.target)
        for each in config.talk.buttons
    ]
    both = [way for pair in wanted if pair.target for way in (pair, Pair(pair.target, pair.source))]
    for pair in sorted(set(both), key=lambda pair: (pair.source, pair.target or "")):
        if pair == now or provider.takes(pair):
            yield pair


def _services(provider: Provider, config: Config) -> Iterator[str]:
    """Those that have what they need in the configuration, in its order."""
    for name in dict.fromkeys((config.service.name, *config.services, provider.name)):
        if name == provider.name or _works(name, config):
            yield name


def _works(name: str, config: Config) -> bool:
    try:
        provider = Provider(loader.profile(config, name))
        provider.check_live()
    except UsageError:
        return False
    return config.audio.rate in provider.entry.limits.rates
