"""YAML as a tree that knows the place of every value; the only file that imports yaml.

Scalars keep their text as written: what ``no``, ``007`` or ``1:30`` means is for the
schema to decide, not for YAML.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

from agent.config.mistakes import KeyPath, Mistakes, Place
from agent.config.syntax import TOO_DEEP, TOO_MANY, explain

MAX_DEPTH = 40
MAX_NODES = 2_000

_TAG = "tag:yaml.org,2002:"
_TAGS = frozenset(
    _TAG + name
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single value; ``null`` when it is ``null``, ``~`` or nothing, without quotes."""

    place: Place
    text: str
    null: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A list."""

    place: Place
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A mapping; the place of an entry is the line of its key."""

    place: Place
    entries: dict[str, Node] = dataclasses.field(default_factory=dict)


Node = Scalar | Items | Table


def is_null(node: Node) -> bool:
    """Whether ``node`` is ``null``, ``~`` or nothing at all."""
    return isinstance(node, Scalar) and node.null


def parse(
    text: str, where: Callable[[int], Place], path: KeyPath, mistakes: Mistakes
) -> Node | None:
    """The tree of a YAML document that stands at ``path``; an empty one is a null.

    ``where`` turns a line number (from 1) into a place.  Mistakes are collected; there
    is no tree for a document that is not YAML.
    """
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML lets chr() and int() fail on escapes and directives with absurd numbers.
        line, words = explain(error, text)
        mistakes.add(path, f"YAML: {words}", where(line))
        return None
    if root is None:
        return Scalar(where(1), "", null=True)
    return _Converter(where, mistakes).convert(root, path, where(root.start_mark.line + 1))


class _Loader(yaml.SafeLoader):
    """A loader with an end: composing is recursive, so depth and size are bounded."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        self._nodes += 1
        if self._depth > MAX_DEPTH or self._nodes > MAX_NODES:
            problem = TOO_DEEP if self._depth > MAX_DEPTH else TOO_MANY
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Converter:
    """Turns PyYAML's nodes into ours, each node once however often it is aliased."""

    def __init__(self, where: Callable[[int], Place], mistakes: Mistakes) -> None:
        self._where, self._mistakes = where, mistakes
        self._done: dict[int, Node] = {}
        self._open: set[int] = set()

    def convert(self, node: yaml.Node, path: KeyPath, place: Place) -> Node:
        """Our node for ``node``, which is used at ``place`` (an alias has two places)."""
        if id(node) in self._open:
            self._mistakes.add(path, "an alias that contains itself; expected a value", place)
            return Scalar(place, "", null=True)
        if id(node) not in self._done:
            self._open.add(id(node))
            self._done[id(node)] = self._fresh(node, path, place)
            self._open.discard(id(node))
        return dataclasses.replace(self._done[id(node)], place=place)

    def _fresh(self, node: yaml.Node, path: KeyPath, place: Place) -> Node:
        if node.tag not in _TAGS:
            # The tag is not shown: an unquoted password may begin with "!".
            words = "a YAML tag; expected quotes around a text that begins with '!'"
            self._mistakes.add(path, words, place)
        if isinstance(node, yaml.MappingNode):
            return Table(place, self._entries(node, path))
        if isinstance(node, yaml.SequenceNode):
            parts = enumerate(node.value)
            return Items(
                place,
                tuple(self.convert(n, (*path, str(i)), self._line(n)) for i, n in parts),
            )
        return Scalar(place, node.value, node.tag == _TAG + "null")

    def _line(self, node: yaml.Node) -> Place:
        return self._where(node.start_mark.line + 1)

    def _entries(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                for entries in self._merge(value, path, self._line(key)):
                    merged = entries | merged
            elif not isinstance(key, yaml.ScalarNode):
                words = "a key that is a list or a mapping; expected a name"
                self._mistakes.add(path, words, self._line(key))
            else:
                self._own(own, key, value, path)
        return merged | own

    def _own(
        self, own: dict[str, Node], key: yaml.ScalarNode, value: yaml.Node, path: KeyPath
    ) -> None:
        here, place = (*path, key.value), self._line(key)
        if key.value in own:
            first = own[key.value].place
            words = f"duplicate key, first given at {first}; expected it once"
            self._mistakes.add(here, words, place)
        own[key.value] = self.convert(value, here, place)

    def _merge(self, value: yaml.Node, path: KeyPath, place: Place) -> Iterator[dict[str, Node]]:
        """What ``<<`` brings in, strongest first."""
        node = self.convert(value, path, place)
        for part in node.nodes if isinstance(node, Items) else (node,):
            if isinstance(part, Table):
                yield part.entries
            elif not is_null(part):
                words = "'<<' cannot merge this; expected an alias of a mapping, or a list of them"
                self._mistakes.add(path, words, place)
