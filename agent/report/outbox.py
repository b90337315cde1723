"""The outbox: messages that wait on the disk until the broker has acknowledged them.

A message that :meth:`Outbox.append` has given a row id survives ``kill -9`` and a power
cut.  While the disk is full, read-only or broken (at the start, too), messages wait in
memory instead (at most ``MEMORY_LIMIT`` and ``MEMORY_BYTES``), :attr:`Outbox.fault` says
why, and every later call tries to bring them to the disk.  No error of the disk leaves
this class.

The box is bounded by messages and by bytes.  Where it is full the oldest event goes; a
transcript goes only where there is no event left.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from agent.clock import Clock, SystemClock
from agent.errors import RunError
from agent.report import aside
from agent.report.aside import Aside
from agent.report.database import Damaged, is_damage, open_database, set_aside
from agent.report.topics import is_event

log = logging.getLogger(__name__)

#: What the disk may answer.
TROUBLE = (Damaged, RunError, sqlite3.Error, OSError)

#: How much waits in memory while the disk takes nothing.
MEMORY_LIMIT, MEMORY_BYTES = 1000, 16_000_000

#: Bytes of messages that are read ahead at most (one, where it is larger).
READ_BYTES = 512_000


class Row(NamedTuple):
    """A waiting message; ids ascend in the order of appending and are never used twice."""

    id: int
    topic: str
    payload: bytes


class Outbox:
    """Messages in order, at most ``limit`` of them; for one thread at a time.

    Args:
        path: the file; made with its folder.
        limit: messages, at most.
        most: bytes of payload, at most.

    Attributes:
        dropped: messages lost since the start because the box was full.
        dropped_finals: how many of them were no events.
        aside: what was set aside since somebody looked; take it out.
        recovered: where a damaged file was put, or None; its messages are not in this box.
        fault: why messages are not on the disk at the moment, or None.
    """

    def __init__(
        self, path: str | Path, limit: int, clock: Clock | None = None, *, most: int = 1 << 62
    ) -> None:
        self.limit, self.most = limit, most
        self.dropped = self.dropped_finals = 0
        self.aside: list[Aside] = []
        self.recovered: Path | None = None
        self.fault: str | None = None
        self._path = Path(path)
        self._clock = clock or SystemClock()
        self._database: sqlite3.Connection | None = None
        self._closed = False
        self._last_id = 0
        self._offset = 0  # an id in the file less ours: not 0 where the file was opened late
        self._sizes: dict[int, int] = {}  # bytes of what waits, by id, in order
        self._events: dict[int, None] = {}  # those of ``_sizes`` that may go first
        self._bytes = 0
        self._memory: dict[int, Row] = {}  # those that are not on the disk yet; the newest ones
        self._gone: set[int] = set()  # removed, but still on the disk
        self._unfit: dict[int, Aside] = {}  # set aside, but not on the disk yet
        self._notes: dict[str, str] = {}
        self._new_notes: dict[str, str] = {}
        try:
            self._write()
        except TROUBLE as error:
            self._failed(error)

    def append(self, topic: str, payload: bytes) -> int | None:
        """Add a message; its row id when it is on the disk, None while it is in memory only."""
        return self.append_many([(topic, payload)])[0]

    def append_many(self, messages: Iterable[tuple[str, bytes]]) -> list[int | None]:
        """Add messages in one commit (all on the disk or none); as :meth:`append`, for each."""
        return self.update(messages, ())

    def remove(self, row_ids: Iterable[int]) -> None:
        """Take acknowledged messages out; ids that are not there are ignored."""
        self.update((), row_ids)

    def update(
        self, messages: Iterable[tuple[str, bytes]], row_ids: Iterable[int]
    ) -> list[int | None]:
        """:meth:`remove` and :meth:`append_many` in one commit: each costs a write to the disk."""
        for row_id in row_ids:
            if row_id in self._sizes:
                self._take_out(row_id)
        rows = [self._add(topic, payload) for topic, payload in messages]
        self.retry()
        return [r.id if r.id in self._sizes and r.id not in self._memory else None for r in rows]

    def after(self, row_id: int, limit: int, without: Collection[str] = ()) -> list[Row]:
        """The oldest waiting messages with an id above ``row_id``, in order.

        At most ``limit`` and, but for the first, ``READ_BYTES``; none on the topics ``without``.
        """
        rows = self._read(row_id, limit, without)
        if sum(len(row.payload) for row in rows) >= READ_BYTES:
            return rows
        younger = (r for r in self._memory.values() if r.id > row_id and r.topic not in without)
        return rows + list(islice(younger, limit - len(rows)))

    def set_aside(self, row_id: int, found: Aside) -> None:
        """Keep a message beside the box, as the broker can never take it: see ``aside``.

        On the disk with the next write.
        """
        if row_id not in self._sizes:
            return
        self._take_out(row_id)
        self._unfit[row_id] = found
        for oldest in list(self._unfit)[: -aside.LIMIT]:  # only while the disk takes nothing
            del self._unfit[oldest]
        self.aside.append(found)

    def restore(self) -> int:
        """Put what was set aside back to its place; how many messages."""
        self.retry()
        if self._database is None:
            return 0
        try:
            found = aside.restore(self._database)
            self._learn(self._database)
        except sqlite3.Error as error:
            self._failed(error)
            return 0
        return found

    def note(self, key: str) -> str | None:
        """What :meth:`set_note` kept under ``key``, in an earlier run, too."""
        return {**self._notes, **self._new_notes}.get(key)

    def set_note(self, key: str, value: str) -> None:
        """Remember ``value`` over restarts, from the next write on."""
        if self.note(key) != value:
            self._new_notes[key] = value

    def count(self) -> int:
        """How many messages wait, on the disk and in memory."""
        return len(self._sizes)

    @property
    def due(self) -> bool:
        """Whether the disk is not up to date."""
        waiting = self._memory or self._gone or self._unfit or self._new_notes
        return bool(waiting or self.fault)

    def retry(self) -> None:
        """Bring the disk up to date when something is due; the outcome is in :attr:`fault`."""
        if self._closed:
            raise ValueError("the outbox is closed")
        while len(self._sizes) > self.limit or self._bytes > self.most:
            self._drop(self._events or self._sizes)
        if not self.due:
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
        try:
            self.retry()
        finally:  # whatever goes wrong with it, the file is let go of
            self._closed = True
            self._disconnect()

    # --- what waits --------------------------------------------------------------------------

    def _add(self, topic: str, payload: bytes) -> Row:
        self._last_id += 1
        row = Row(self._last_id, topic, payload)
        self._memory[row.id] = row
        self._count(row.id, len(payload), is_event(topic))
        return row

    def _count(self, row_id: int, size: int, event: bool) -> None:
        self._sizes[row_id] = size
        self._bytes += size
        if event:
            self._events[row_id] = None

    def _take_out(self, row_id: int) -> None:
        self._bytes -= self._sizes.pop(row_id)
        self._events.pop(row_id, None)
        if self._memory.pop(row_id, None) is None:
            self._gone.add(row_id)

    def _drop(self, among: Iterable[int]) -> None:
        """Lose the oldest of ``among``."""
        row_id = next(iter(among))
        self.dropped += 1
        self.dropped_finals += row_id not in self._events
        self._take_out(row_id)

    # --- the disk ----------------------------------------------------------------------------

    def _write(self) -> None:
        """One commit: what was removed goes, what is in memory comes.

        A commit that failed half way may be on the disk after all, hence ``OR REPLACE``.
        """
        database = self._database or self._connect()
        with database:
            aside.keep(database, {i + self._offset: a for i, a in self._unfit.items()})
            gone = [(row_id + self._offset,) for row_id in self._gone]
            database.executemany("DELETE FROM outbox WHERE id = ?", gone)
            rows = [(r.id + self._offset, r.topic, r.payload) for r in self._memory.values()]
            database.executemany("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?)", rows)
            notes = self._new_notes.items()
            database.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", notes)
        self._notes |= self._new_notes
        for done in (self._unfit, self._gone, self._memory, self._new_notes):
            done.clear()

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
        """Continue with the messages of the file, which are older than those in memory."""
        used = database.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()[0] or 0
        waiting = database.execute(
            "SELECT id, CAST(topic AS BLOB), length(CAST(payload AS BLOB)) FROM outbox ORDER BY id"
        ).fetchall()
        notes = database.execute("SELECT key, value FROM notes").fetchall()
        if self._last_id and self._database is None:
            self._offset = used
        else:
            self._last_id = max(self._last_id, used)
        self._sizes, self._events, self._bytes = {}, {}, 0
        for file_id, topic, size in waiting:
            self._count(file_id - self._offset, size, is_event(bytes(topic).decode("latin1")))
        for row in self._memory.values():
            self._count(row.id, len(row.payload), is_event(row.topic))
        self._notes = dict(notes)

    def _read(self, row_id: int, limit: int, without: Collection[str]) -> list[Row]:
        """From the disk; what no broker could take is set aside on the way."""
        if self._database is None:
            return []
        marks = ", ".join("?" * len(without))
        query = f"SELECT id, topic, payload FROM outbox WHERE id > ? AND topic NOT IN ({marks})"
        rows: list[Row] = []
        unfit: dict[int, Aside] = {}
        size = 0
        try:
            values = (row_id + self._offset, *without)
            with closing(self._database.execute(f"{query} ORDER BY id", values)) as found:
                for file_id, topic, payload in found:
                    row = Row(file_id - self._offset, topic, payload)
                    if row.id not in self._sizes:
                        continue
                    if not isinstance(topic, str) or not isinstance(payload, bytes):
                        unfit[row.id] = Aside(str(topic), b"", "it is damaged")
                        continue
                    rows.append(row)
                    size += len(payload)
                    if len(rows) == limit or size >= READ_BYTES:
                        break
        except sqlite3.Error as error:
            # Waiting for rows that cannot be read would keep all later ones waiting too.
            self._failed(Damaged(str(error)))
            return []
        for unfit_id, damaged in unfit.items():
            self.set_aside(unfit_id, damaged)
        return rows

    def _failed(self, error: Exception) -> None:
        """Go on with a new file when this one is damaged, else in memory."""
        if is_damage(error):
            try:
                self._start_anew(error)
                return
            except TROUBLE as again:
                error = again
        self.fault = f"the outbox {self._path} takes no messages: {error}"
        while len(self._memory) > MEMORY_LIMIT or self._memory_bytes() > MEMORY_BYTES:
            self._drop([i for i in self._events if i in self._memory] or self._memory)

    def _memory_bytes(self) -> int:
        return sum(len(row.payload) for row in self._memory.values())

    def _start_anew(self, why: Exception) -> None:
        self._disconnect()
        stamp = self._clock.utc().strftime("%Y%m%dT%H%M%SZ")
        self.recovered = set_aside(self._path, stamp)
        log.error("%s is damaged (%s): kept as %s", self._path, why, self.recovered.name)
        for row_id in self._sizes.keys() - self._memory.keys():
            self._take_out(row_id)
        self._gone.clear()
        self._new_notes = self._notes | self._new_notes
        self._write()
        self.fault = None

    def _disconnect(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):  # what is committed stays in the log
                self._database.close()
            self._database = None
