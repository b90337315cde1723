"""The outbox: messages that wait on the disk until the broker has acknowledged them.

A message that :meth:`Outbox.append` has given a row id survives ``kill -9`` and a power
cut.  While the disk is full or broken, messages wait in memory instead (at most
``MEMORY_LIMIT``), :attr:`Outbox.fault` says why, and every later call tries to bring them
to the disk.  No sqlite3 error leaves this class.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from agent.clock import Clock, SystemClock
from agent.errors import RunError
from agent.report.database import Damaged, is_damage, open_database, set_aside

log = logging.getLogger(__name__)

#: What the disk may answer; at the start a RunError is for the user instead.
TROUBLE = (Damaged, RunError, sqlite3.Error, OSError)

#: How many messages wait in memory while the disk takes none.
MEMORY_LIMIT = 1000


class Row(NamedTuple):
    """A waiting message; ids ascend in the order of appending and are never used twice."""

    id: int
    topic: str
    payload: bytes


class Outbox:
    """Messages in order, at most ``limit`` of them; for one thread, the one that made it.

    Attributes:
        dropped: messages lost since the start because the box was full (the oldest go first).
        recovered: where a damaged file was put, or None; its messages are not in this box.
        fault: why messages are not on the disk at the moment, or None.

    Raises:
        RunError: the file cannot be used (permissions, a folder, used by another process).
    """

    def __init__(self, path: str | Path, limit: int, clock: Clock | None = None) -> None:
        self.limit = limit
        self.dropped = 0
        self.recovered: Path | None = None
        self.fault: str | None = None
        self._path = Path(path)
        self._clock = clock or SystemClock()
        self._database: sqlite3.Connection | None = None
        self._closed = False
        self._last_id = 0
        self._stored: dict[int, None] = {}  # ids on the disk, in order, without ``_gone``
        self._gone: set[int] = set()  # removed, but still on the disk
        self._memory: deque[Row] = deque()  # not on the disk yet; newer than all of ``_stored``
        try:
            self._write()
        except (Damaged, sqlite3.Error, OSError) as error:
            self._failed(error)

    def append(self, topic: str, payload: bytes) -> int | None:
        """Add a message; its row id when it is on the disk, None while it is in memory only."""
        return self.append_many([(topic, payload)])[0]

    def append_many(self, messages: Iterable[tuple[str, bytes]]) -> list[int | None]:
        """Add messages in one commit (all on the disk or none); as :meth:`append`, for each."""
        rows = [self._row(topic, payload) for topic, payload in messages]
        self._memory.extend(rows)
        self.retry()
        return [row.id if row.id in self._stored else None for row in rows]

    def after(self, row_id: int, limit: int) -> list[Row]:
        """The oldest waiting messages with an id above ``row_id``, at most ``limit``, in order."""
        rows = self._read(row_id, limit)
        younger = (row for row in self._memory if row.id > row_id)
        return rows + list(islice(younger, limit - len(rows)))

    def remove(self, row_ids: Iterable[int]) -> None:
        """Take acknowledged messages out; ids that are not there are ignored."""
        ids = set(row_ids)
        self._forget(ids & self._stored.keys())
        if any(row.id in ids for row in self._memory):
            self._memory = deque(row for row in self._memory if row.id not in ids)
        self.retry()

    def count(self) -> int:
        """How many messages wait, on the disk and in memory."""
        return len(self._stored) + len(self._memory)

    def retry(self) -> None:
        """Bring the disk up to date when something is due; the outcome is in :attr:`fault`."""
        if self._closed:
            raise ValueError("the outbox is closed")
        self._trim()
        if not (self._memory or self._gone or self.fault):
            return
        try:
            self._write()
        except TROUBLE as error:
            self._failed(error)
        else:
            self.fault = None

    def close(self) -> None:
        """Bring everything to the disk and let go of the file; idempotent."""
        if self._closed:
            return
        self.retry()
        self._closed = True
        self._disconnect()

    def _row(self, topic: str, payload: bytes) -> Row:
        self._last_id += 1
        return Row(self._last_id, topic, payload)

    def _trim(self) -> None:
        while self.count() > self.limit:
            if self._stored:
                self._forget([next(iter(self._stored))])
            else:
                self._memory.popleft()
            self.dropped += 1

    def _forget(self, stored: Iterable[int]) -> None:
        for row_id in stored:
            del self._stored[row_id]
            self._gone.add(row_id)

    def _write(self) -> None:
        """One commit: what was removed goes, what is in memory comes.

        A commit that failed half way may be on the disk after all, hence ``OR REPLACE``.
        """
        database = self._database or self._connect()
        with database:
            database.executemany("DELETE FROM outbox WHERE id = ?", [(i,) for i in self._gone])
            database.executemany("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?)", self._memory)
        self._stored.update((row.id, None) for row in self._memory)
        self._gone.clear()
        self._memory.clear()

    def _connect(self) -> sqlite3.Connection:
        database = open_database(self._path)
        try:
            self._learn(database)
        except (Damaged, sqlite3.Error):
            database.close()
            raise
        self._database = database
        return database

    def _learn(self, database: sqlite3.Connection) -> None:
        """Continue with the ids and the messages of the file."""
        (used,) = database.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()
        if self._memory and self._memory[0].id <= (used or 0):
            raise Damaged("it could be opened only after its ids were given away")
        ids = database.execute("SELECT id FROM outbox ORDER BY id").fetchall()
        self._stored = {row_id: None for (row_id,) in ids}
        self._last_id = max(self._last_id, used or 0)

    def _read(self, row_id: int, limit: int) -> list[Row]:
        if self._database is None:
            return []
        try:
            rows = self._database.execute(
                "SELECT id, topic, payload FROM outbox WHERE id > ? ORDER BY id LIMIT ?",
                (row_id, limit + len(self._gone)),
            ).fetchall()
        except sqlite3.Error as error:
            # Waiting for rows that cannot be read would keep all later ones waiting too.
            self._failed(Damaged(str(error)))
            return []
        return [Row(*row) for row in rows if row[0] in self._stored][:limit]

    def _failed(self, error: Exception) -> None:
        """Go on with a new file when this one is damaged, else in memory."""
        if is_damage(error):
            try:
                self._start_anew(error)
                return
            except TROUBLE as again:
                error = again
        self.fault = f"the outbox {self._path} takes no messages: {error}"
        while len(self._memory) > MEMORY_LIMIT:
            self._memory.popleft()
            self.dropped += 1

    def _start_anew(self, why: Exception) -> None:
        self._disconnect()
        stamp = self._clock.utc().strftime("%Y%m%dT%H%M%SZ")
        self.recovered = set_aside(self._path, stamp)
        log.error("%s is damaged (%s): kept as %s", self._path, why, self.recovered.name)
        self._stored.clear()
        self._gone.clear()
        self._write()
        self.fault = None

    def _disconnect(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):  # what is committed stays in the log
                self._database.close()
            self._database = None
