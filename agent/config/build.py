"""From a tree to the schema's structs: every key checked, every mistake collected."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from msgspec.structs import FieldInfo, fields

from agent.config.leaves import Leaves, shape
from agent.config.mistakes import KeyPath, Mistakes
from agent.config.schema import Config, Section
from agent.config.secret import DEMO, Secret
from agent.config.sources import Wrong
from agent.config.tree import Items, Node, Scalar, Table, is_null
from agent.config.words import expected, unknown_key

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Section)

_WRONG = object()
_ABSENT = object()


class Builder:
    """Builds sections from tables; a mistake is collected and the default used instead."""

    def __init__(self, mistakes: Mistakes, leaves: Leaves) -> None:
        self._mistakes, self._leaves = mistakes, leaves

    def section(self, cls: type[S], node: Node, path: KeyPath = ()) -> S:
        """A struct of the schema from the table at ``path``; a null is an empty table."""
        if not isinstance(node, Table) and not is_null(node):
            self._unexpected(cls, node, path)
            return cls(**{field.name: None for field in fields(cls) if field.required})
        entries = self._note(node, path)
        self._unknown_keys(cls, entries, path)
        values = {field.name: self._field(field, entries, path) for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if value is not _ABSENT})

    def _note(self, node: Node, path: KeyPath) -> Mapping[str, Node]:
        entries = node.entries if isinstance(node, Table) else {}
        for name, entry in entries.items():
            self._mistakes.note((*path, name), entry.place)
        return entries

    def _unknown_keys(self, cls: type[S], entries: Mapping[str, Node], path: KeyPath) -> None:
        names = [field.name for field in fields(cls)]
        files = [f"{field.name}_file" for field in fields(cls) if has_file(field)]
        for key in entries:
            if key not in names and key not in files:
                self._mistakes.add((*path, key), unknown_key(key, names, files, Config))

    def _field(self, field: FieldInfo, entries: Mapping[str, Node], path: KeyPath) -> object:
        here = (*path, field.name)
        value = _ABSENT
        if has_file(field):
            value = self._credential(field, entries, path)
        elif field.name in entries:
            value = self._value(field.type, entries[field.name], here)
        elif field.required:
            self._mistakes.add(here, f"is missing; expected {expected(field.type)}")
            value = _WRONG
        if value is _WRONG:
            return None if field.required else _ABSENT
        return value

    def _value(self, kind: Any, node: Node, path: KeyPath) -> object:
        if is_null(node) and NoneType in get_args(kind):
            return None
        for option in _options(kind):
            origin = get_origin(option) or option
            if origin is tuple:
                return self._list(option, node, path)
            if origin is dict:
                return self._mapping(option, node, path)
            if isinstance(origin, type) and issubclass(origin, Section):
                return self.section(origin, node, path)
        try:
            return self._leaves.value(kind, node)
        except Wrong as wrong:
            return self._wrong(path, str(wrong))

    def _list(self, kind: Any, node: Node, path: KeyPath) -> object:
        if not isinstance(node, Items):
            return () if is_null(node) else self._unexpected(kind, node, path)
        found = []
        for index, item in enumerate(node.nodes):
            here = (*path, str(index))
            self._mistakes.note(here, item.place)
            found.append(self._value(get_args(kind)[0], item, here))
        return tuple(value for value in found if value is not _WRONG)

    def _mapping(self, kind: Any, node: Node, path: KeyPath) -> object:
        if not isinstance(node, Table) and not is_null(node):
            return self._unexpected(kind, node, path)
        entries = self._note(node, path)
        item = get_args(kind)[1]
        return {name: self._value(item, node, (*path, name)) for name, node in entries.items()}

    def _credential(self, field: FieldInfo, entries: Mapping[str, Node], path: KeyPath) -> object:
        """A text no message may show: given itself, or as the path of the file that holds it."""
        file = f"{field.name}_file"
        keys = [key for key in (field.name, file) if key in entries]
        given = [key for key in keys if not is_null(entries[key])]
        if len(given) > 1:
            words = f"{field.name} is given too; expected only one of the two"
            return self._wrong((*path, file), words)
        if not given:
            return _ABSENT
        here, node = (*path, given[0]), entries[given[0]]
        try:
            if given[0] == file:
                label = f"{node.place}: {'.'.join(here)}"
                return self._leaves.credential_file(field.type, node, label)
            if Secret in get_args(field.type):
                self._warn(node, ".".join(here))
            return self._leaves.credential(field.type, node)
        except Wrong as wrong:
            return self._wrong(here, str(wrong))

    def _warn(self, node: Node, key: str) -> None:
        """A secret on the command line is seen by whoever lists the processes."""
        if not isinstance(node, Scalar) or not node.place.source.startswith("--set"):
            return
        if node.text != DEMO and "${" not in node.text:
            words = "every user of this machine can read it while this runs; better: --set %s=@FILE"
            log.warning(f"--set %s: {words}", key, key)

    def _unexpected(self, kind: Any, node: Node, path: KeyPath) -> object:
        return self._wrong(path, f"got {shape(node)}; expected {expected(kind)}")

    def _wrong(self, path: KeyPath, words: str) -> object:
        self._mistakes.add(path, words)
        return _WRONG


def has_file(field: FieldInfo) -> bool:
    """Whether ``<key>_file`` may stand for a key: secrets, and ``app_id`` that comes with them."""
    return Secret in get_args(field.type) or field.name == "app_id"


def _options(kind: Any) -> tuple[Any, ...]:
    """The members of a union (or the type alone), without their annotations."""
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return tuple(get_args(p)[0] if get_origin(p) is Annotated else p for p in parts)
