"""What is different between two configurations, by key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from agent.config.mistakes import KeyPath, dotted


def changed(old: Struct, new: Struct) -> list[str]:
    """The keys whose values differ, such as ``audio.playback.volume``, in their order.

    Lists and mappings count as one value.
    """
    return [dotted(path) for path in _changed(old, new, ())]


def _changed(old: Any, new: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(old, Struct) and type(old) is type(new):
        for name in old.__struct_fields__:
            yield from _changed(getattr(old, name), getattr(new, name), (*path, name))
    elif old != new:
        yield path
