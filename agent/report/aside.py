"""Messages no broker would take, kept beside the outbox: table ``aside`` of the same file.

They are tried again when the section ``mqtt`` of the configuration has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3

#: How much is kept, messages and bytes; the oldest go first.
LIMIT, BYTES = 1000, 16_000_000


class Aside(NamedTuple):
    """A message that was set aside, and why."""

    topic: str
    payload: bytes
    reason: str


def keep(database: sqlite3.Connection, found: Mapping[int, Aside]) -> None:
    """Move the rows ``found`` (by their ids in the file) to the table, inside a transaction.

    A row that is on the disk is moved as it is there: it may be damaged.
    """
    for row_id, one in found.items():
        moved = database.execute(
            "INSERT OR REPLACE INTO aside SELECT id, topic, payload, ? FROM outbox WHERE id = ?",
            (one.reason, row_id),
        )
        if not moved.rowcount:
            topic = one.topic.encode("utf-8", "replace").decode()
            values = (row_id, topic, one.payload, one.reason)
            database.execute("INSERT OR REPLACE INTO aside VALUES (?, ?, ?, ?)", values)
    if found:
        database.execute(
            "DELETE FROM aside WHERE id NOT IN (SELECT id FROM"
            " (SELECT id, sum(length(payload)) OVER (ORDER BY id DESC) AS size"
            "  FROM aside ORDER BY id DESC LIMIT ?) WHERE size <= ?)",
            (LIMIT, BYTES),
        )


def restore(database: sqlite3.Connection) -> int:
    """Put all of them back into the outbox, at their places; how many."""
    with database:
        database.execute("INSERT OR IGNORE INTO outbox SELECT id, topic, payload FROM aside")
        return database.execute("DELETE FROM aside").rowcount
