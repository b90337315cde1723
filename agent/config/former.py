"""Keys of older releases, read as what they are called today."""

from __future__ import annotations

from agent.config.leaves import BOOLEANS
from agent.config.mistakes import Mistakes
from agent.config.tree import Node, Scalar, Table, is_null

_SECTION, _OLD, _NEW = "audio", "echo_guard", "echo"
_VALUES = {True: "guard", False: "off"}


def renamed(root: Node, mistakes: Mistakes, *, over: bool = False) -> Node:
    """``root`` with ``audio.echo`` in the place of an ``audio.echo_guard``.

    ``over``: the old name was laid over what is there (``--set``), and replaces it.
    """
    section = root.entries.get(_SECTION) if isinstance(root, Table) else None
    if not isinstance(root, Table) or not isinstance(section, Table) or _OLD not in section.entries:
        return root
    entries = dict(section.entries)
    old = entries.pop(_OLD)
    path = (_SECTION, _OLD)
    value = BOOLEANS.get(old.text.lower()) if isinstance(old, Scalar) else None
    if _NEW in entries and not over:
        mistakes.add(path, f"{_NEW} is given too; expected only one of the two", old.place)
    elif value is not None:
        entries[_NEW] = Scalar(old.place, _VALUES[value])
    elif not is_null(old):
        words = "expected true or false, or better audio.echo: guard, cancel or off"
        mistakes.add(path, words, old.place)
    return Table(root.place, root.entries | {_SECTION: Table(section.place, entries)})
