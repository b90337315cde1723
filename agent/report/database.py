"""The SQLite file under the outbox: opened so that a commit is on the disk when it returns.

In WAL mode ``synchronous=FULL`` syncs the log at every commit, and SQLite syncs the
folder when it makes the log; ``NORMAL`` would lose the newest commits in a power cut.
The exclusive lock keeps a second daemon away from the same outbox, and the index of
the log in memory instead of a third file.  SQLite gives the log the mode of the file.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path

from agent.errors import RunError

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL,
        payload BLOB NOT NULL
    )
    """,
    # What no broker takes, with the reason.
    "CREATE TABLE IF NOT EXISTS aside (id INTEGER PRIMARY KEY, topic, payload, reason TEXT)",
    # What the reports remember over restarts.
    "CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT)",
)

#: How many damaged files are kept for inspection beside the outbox.
KEEP_DAMAGED = 3


class Damaged(Exception):
    """The file is not, or not any more, an outbox that can be read."""


def open_database(path: Path) -> sqlite3.Connection:
    """The outbox at ``path``, made with its folder when it is missing, mode 0600.

    Raises:
        Damaged: the file or its log is corrupt or something else.
        RunError: it cannot be used at all (permissions, a folder, used by another process).
        OSError, sqlite3.Error: the disk is full or broken; trying again later may help.
    """
    try:
        _prepare(path)
        if _log_is_damaged(_log_of(path)):
            raise Damaged("the write-ahead log is not one")
        return _connect(path)
    except sqlite3.DatabaseError as error:
        raise _translated(error, path) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        raise _unusable(path, error.strerror or str(error)) from error


def set_aside(path: Path, stamp: str) -> Path:
    """Rename the damaged ``path`` and its log to ``<path>.corrupt-<stamp>``; gives the new name.

    The log goes first: left alone it would be replayed into the file made next.
    """
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    with suppress(FileNotFoundError):
        _log_of(path).rename(_log_of(aside))
    with suppress(FileNotFoundError):
        path.rename(aside)
    _remove_old(path)
    return aside


def is_damage(error: Exception) -> bool:
    """Whether ``error`` says that the file is corrupt, as opposed to a full or broken disk."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, Damaged) or primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _prepare(path: Path) -> None:
    _make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _connect(path: Path) -> sqlite3.Connection:
    # Used by one thread at a time, but not always the same.
    database = sqlite3.connect(path, timeout=0, check_same_thread=False)
    # A flipped bit in one topic is that message's trouble alone.
    database.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA journal_size_limit=1048576")
        _check(database)
        with database:
            for statement in SCHEMA:
                database.execute(statement)
    except BaseException:  # whatever ends this, nothing half made stays open
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection) -> None:
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(verdict)
    columns = [name for _, name, *_ in database.execute("PRAGMA table_info(outbox)")]
    if columns not in ([], ["id", "topic", "payload"]):
        raise Damaged("the table has other columns")


def _translated(error: sqlite3.DatabaseError, path: Path) -> Exception:
    if is_damage(error):
        return Damaged(str(error))
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _unusable(path, "another process uses it")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return _unusable(path, str(error))
    return error


def _unusable(path: Path, why: str) -> RunError:
    return RunError(f"cannot open the outbox {path}: {why}; see mqtt.outbox")


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _log_is_damaged(log: Path) -> bool:
    """Whether the log's header fails its checksum; SQLite would drop such a log without a word.

    A short or zeroed header is what a power cut before the first commit leaves.
    """
    try:
        with log.open("rb") as stream:
            header = stream.read(32)
    except FileNotFoundError:
        return False
    if len(header) < 32 or not header.strip(b"\0"):
        return False
    return _checksum(header[:24]) != struct.unpack(">2I", header[24:])


def _checksum(header: bytes) -> tuple[int, int]:
    """The log's own checksum, of words in the byte order its magic number names."""
    order = ">" if header[3] & 1 else "<"
    first = second = 0
    for one, two in struct.iter_unpack(f"{order}2I", header):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_old(path: Path) -> None:
    """A failing card must not fill up with its own wrecks."""
    wrecks = sorted(
        file for file in path.parent.glob(f"{path.name}.corrupt-*") if not file.match("*-wal")
    )
    for wreck in wrecks[:-KEEP_DAMAGED]:
        wreck.unlink(missing_ok=True)
        _log_of(wreck).unlink(missing_ok=True)
