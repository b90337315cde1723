"""The languages a page offers: of those people ask for, the ones the service in use takes.

Services list their codes each in its own way, and some list none.  So each code is put to
the service's own check, the one a command goes through.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import UsageError
from agent.events import Pair
from agent.services.provider import Provider

COMMON = (
    "ar", "de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "ms",
    "nl", "pl", "pt", "ru", "th", "tr", "uk", "vi", "yue", "zh",
)  # fmt: skip


def offered(provider: Provider) -> dict[str, list[str]]:
    """``source`` and ``target`` codes, those in use among them; no targets where nothing
    is translated."""
    now = provider.pair
    sources = _taken(provider, now.source, lambda code: Pair(code, now.target))
    if "translation" not in provider.entry.gives:
        return {"source": sources, "target": []}
    targets = _taken(provider, now.target, lambda code: Pair(now.source, code))
    return {"source": sources, "target": targets}


def _taken(provider: Provider, own: str | None, pair: Callable[[str], Pair]) -> list[str]:
    codes = [code for code in COMMON if code != own and _takes(provider, pair(code))]
    return sorted([*codes, own] if own else codes)


def _takes(provider: Provider, pair: Pair) -> bool:
    try:
        provider.check(pair)
    except UsageError:
        return False
    return True
