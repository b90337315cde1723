"""What the schema expects, in words; and what somebody probably meant."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec.inspect as mi
from msgspec import Struct
from msgspec.structs import fields

from agent.config.mistakes import KeyPath, shown

_PLAIN = {
    mi.BoolType: "true or false",
    mi.StrType: "text",
    mi.CustomType: "text",
    mi.NoneType: "null",
    mi.VarTupleType: "a list",
    mi.DictType: "a mapping (lines of 'key: value')",
    mi.StructType: "a mapping (lines of 'key: value')",
}


def expected(kind: Any) -> str:
    """The values a type of the schema takes: ``a whole number from 1 to 65535``."""
    return _words(mi.type_info(kind))


def _words(info: mi.Type) -> str:
    match info:
        case mi.Metadata(type=inner, extra_json_schema=extra):
            return str((extra or {}).get("description") or _words(inner))
        case mi.UnionType(types=types):
            return " or ".join(_words(part) for part in types)
        case mi.LiteralType(values=values):
            *most, last = map(str, values)
            return f"{', '.join(most)} or {last}" if most else last
        case mi.IntType():
            return "a whole number" + _limits(info)
        case mi.FloatType():
            return "a number" + _limits(info)
    return _PLAIN[type(info)]


def _limits(info: mi.IntType | mi.FloatType) -> str:
    if info.gt is not None:
        return f" above {info.gt}" + ("" if info.le is None else f", at most {info.le}")
    return f" of {info.ge} or more" if info.le is None else f" from {info.ge} to {info.le}"


def choices(kind: Any) -> list[str]:
    """The words a type of the schema takes, if it takes words from a list."""
    literals = (part for part in _parts(kind) if isinstance(part, mi.LiteralType))
    return [word for part in literals for word in part.values if isinstance(word, str)]


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the name nearest to ``word``, or nothing."""
    near = difflib.get_close_matches(_plain(word), names, 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def unknown_key(key: str, names: list[str], files: list[str], root: type[Struct]) -> str:
    """What to say about ``key`` in a section that has ``names`` (and ``files`` keys)."""
    text = f"unknown key; expected {', '.join(names)}"
    head = shown(key).rstrip("…")
    if head in names:
        return f"{text}; a space is missing after '{head}:'"
    homes = [_under(path) for path, name in keys(root) if name == _plain(key)]
    if homes:
        return f"{text}; '{_plain(key)}' belongs {' or '.join(homes)}"
    return text + (did_you_mean(key, names + files) or _elsewhere(key, root))


@functools.cache
def keys(cls: type[Struct]) -> tuple[tuple[KeyPath, str], ...]:
    """Every key of the schema: the section it stands in (profiles left out), its name."""
    return tuple(_keys(cls, ()))


def _keys(cls: type[Struct], path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    for field in fields(cls):
        yield path, field.name
        for part in _parts(field.type):
            inner = part.item_type if isinstance(part, mi.VarTupleType) else part
            if isinstance(inner, mi.StructType):
                yield from _keys(inner.cls, (*path, field.name))


def _parts(kind: Any) -> tuple[mi.Type, ...]:
    info = mi.type_info(kind)
    return info.types if isinstance(info, mi.UnionType) else (info,)


def _elsewhere(key: str, root: type[Struct]) -> str:
    return did_you_mean(key, [".".join((*path, name)) for path, name in keys(root) if path])


def _plain(key: str) -> str:
    return key.strip().lower().replace("-", "_")


def _under(path: KeyPath) -> str:
    return f"under {'.'.join(path)}" if path else "at the top level"
