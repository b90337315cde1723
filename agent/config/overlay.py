"""``--set KEY.PATH=VALUE``: single keys from the command line, laid over the file."""

from __future__ import annotations

from pathlib import Path

from agent.config.mistakes import KeyPath, Mistakes, Place, dotted
from agent.config.tree import Items, Node, Scalar, Table, is_null, parse


def overlay(root: Node, setting: str, mistakes: Mistakes) -> Node:
    """``root`` with one ``--set``; VALUE is YAML, list entries are numbers from 0.

    Sections that do not exist are made; the entry after the last of a list is added to
    it.  ``x`` replaces an ``x_file`` of the same section and the other way round;
    ``x=@PATH`` is the ``x_file`` at PATH, from the folder one is in.
    """
    name, equals, text = setting.partition("=")
    path = tuple(name.strip().split("."))
    if not equals or not all(path):
        place = Place(f"--set {dotted(path)}" if all(path) else "--set")
        words = "no value; expected KEY.PATH=VALUE, for example audio.playback.volume=60"
        mistakes.add(path if all(path) else (), words, place)
        return root
    place = Place(f"--set {dotted(path)}=…")
    if text.startswith("@"):  # as with curl: the value stands in a file
        path = (*path[:-1], f"{path[-1]}_file")
        return put(root, path, Scalar(place, str(Path(text[1:]).absolute())), mistakes)
    value = parse(text, lambda line: place, path, mistakes)
    return root if value is None else put(root, path, value, mistakes)


def put(root: Node, path: KeyPath, value: Node, mistakes: Mistakes) -> Node:
    """``root`` with ``value`` at ``path``; as it is where it is no mapping, which is told
    elsewhere."""
    if not (isinstance(root, Table) or is_null(root)):
        return root
    return _put(root, path, value, 0, mistakes)


def _put(node: Node | None, path: KeyPath, value: Node, done: int, mistakes: Mistakes) -> Node:
    if done == len(path):
        return value
    if isinstance(node, Scalar) and not node.null:
        words = f"{dotted(path[:done])} is a single value; expected a key of a section"
        mistakes.add(path, words, value.place)
        return node
    if isinstance(node, Items) or (path[done].isdecimal() and not isinstance(node, Table)):
        items = node if isinstance(node, Items) else Items(value.place)
        return _put_item(items, path, value, done, mistakes)
    entries = dict(node.entries) if isinstance(node, Table) else {}
    if done == len(path) - 1:
        entries.pop(_twin(path[done]), None)
    entries[path[done]] = _put(entries.get(path[done]), path, value, done + 1, mistakes)
    return Table(node.place if node else value.place, entries)


def _put_item(items: Items, path: KeyPath, value: Node, done: int, mistakes: Mistakes) -> Node:
    nodes = list(items.nodes)
    # Four digits are plenty, and int() refuses texts of thousands.
    index = int(path[done]) if path[done].isdecimal() and len(path[done]) < 5 else -1
    if not 0 <= index <= len(nodes):
        words = f"no such entry; expected a number from 0 to {len(nodes)}"
        mistakes.add(path[: done + 1], words, value.place)
        return items
    old = nodes[index] if index < len(nodes) else None
    nodes[index : index + 1] = [_put(old, path, value, done + 1, mistakes)]
    return Items(items.place, tuple(nodes))


def _twin(key: str) -> str:
    return key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"
