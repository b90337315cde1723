"""The file a crash leaves: one process's at a time, and only what is whole is let in.

It lies in the runtime directory, mode 0600, and is mapped: what was written is there when the
process dies, without a system call.  Little endian::

    0      magic, layout version (u32), rate in Hz (u32), bytes of a packet (u32),
           packets the ring holds (u32), start of the machine (16 bytes), CRC-32 of these
    4096   the record of what is unanswered, twice (``record``)
    69632  the ring (``agent.audio.ring``)

The header is written once, when all else is zero.  Whatever is in the way under the file's
name and is not exactly this is renamed to ``<name>.aside``; only the newest such is kept.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import mmap
import os
import stat
import struct
from binascii import crc32
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.audio.ring import ring_bytes
from agent.errors import RunError

log = logging.getLogger(__name__)

MAGIC = b"dragoman"
VERSION = 1
RECORD_AT, RING_AT = 4096, 4096 + 65536
SHARE = 2  # of what is free in the runtime directory at most one part in so many is taken

_FIELDS = struct.Struct("<8s4I16s")
_CHECK = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Layout:
    """What two processes must agree on: ``boot`` tells this start of the machine."""

    rate: int
    packet_bytes: int
    capacity: int
    boot: str

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return RING_AT + ring_bytes(self.packet_bytes, self.capacity)

    @property
    def header(self) -> bytes:
        measures = (VERSION, self.rate, self.packet_bytes, self.capacity)
        fields = _FIELDS.pack(MAGIC, *measures, self.boot.encode()[:16])
        return fields + _CHECK.pack(crc32(fields))

    def objection(self, found: bytes, size: int) -> str | None:
        """Why a file that begins with ``found`` and has ``size`` bytes is not this one's."""
        head = found[: _FIELDS.size]
        whole = len(head) == _FIELDS.size and _CHECK.pack(crc32(head)) == found[_FIELDS.size :]
        if not whole or not head.startswith(MAGIC):
            return "it is damaged or no memory of dragoman's"
        _, version, rate, packet_bytes, capacity, boot = _FIELDS.unpack(head)
        if version != VERSION:
            return f"it is of layout {version}, not {VERSION}"
        if boot.rstrip(b"\0") != self.boot.encode()[:16]:
            return "it is older than the start of this machine"
        if (rate, packet_bytes) != (self.rate, self.packet_bytes):
            return f"its sound has {rate} Hz, audio.rate is {self.rate}"
        if capacity != self.capacity:
            return "network.memory_s is another"
        return None if size == self.size else "it is cut off"


class MemoryFile:
    """The file at ``path``, locked and mapped.

    Attributes:
        found: whether another process left it.

    Raises:
        RunError: another process uses it, or there is no room for it, or it cannot be made.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path, self._layout = path, layout
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd, self.found = self._take(path)
            shared = mmap.mmap(self._fd, layout.size, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        except OSError as error:
            raise RunError(f"{path}: {error.strerror or error}") from error
        self.record = memoryview(shared)[RECORD_AT:RING_AT]
        self.ring = memoryview(shared)[RING_AT:]

    def put_aside(self, why: str) -> None:
        """What it holds is no good after all."""
        self.close()
        put_aside(self._path, why)

    def wipe(self) -> None:
        """Leave nothing behind; who still uses its bytes may go on."""
        with suppress(OSError):
            self._path.unlink()
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        if self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)  # the mapping keeps a descriptor of its own
            os.close(self._fd)
            self._fd = -1

    def _take(self, path: Path) -> tuple[int, bool]:
        """A locked descriptor of the file, and whether it was there and is good."""
        while True:
            fd = _open(path)
            try:
                found = self._look(fd, path)
                if found is not None:
                    return fd, found
            except BaseException:  # whatever ends this, nothing half made stays open
                os.close(fd)
                raise
            os.close(fd)

    def _look(self, fd: int, path: Path) -> bool | None:
        """Whether the open file is good (false: it was made now); None: look again."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{path}: another process uses it") from None
        status = os.fstat(fd)
        if not _is_still(status, path):  # its owner has just wiped it
            return None
        if status.st_size == 0 and _is_ours(status):
            self._make(fd, path)
            return False
        why = self._objection(fd, status)
        if why is None:
            return True
        put_aside(path, why)
        return None

    def _objection(self, fd: int, status: os.stat_result) -> str | None:
        if not _is_ours(status):
            return "it is not ours alone"
        header = os.pread(fd, len(self._layout.header), 0)
        return self._layout.objection(header, status.st_size)

    def _make(self, fd: int, path: Path) -> None:
        size, room = self._layout.size, os.fstatvfs(fd)
        if size > room.f_bavail * room.f_frsize // SHARE:
            path.unlink()
            raise OSError(errno.ENOSPC, f"no room for {size >> 20} MB; lower network.memory_s")
        os.posix_fallocate(fd, 0, size)  # a mapped page that cannot be had would end the process
        os.pwrite(fd, self._layout.header, 0)


def put_aside(path: Path, why: str) -> None:
    """Rename what lies at ``path``, in the place of what was put aside before."""
    aside = path.with_name(f"{path.name}.aside")
    log.warning("%s: %s; set aside as %s, the speech in it is lost", path, why, aside.name)
    path.rename(aside)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise
        put_aside(path, "it is no file")
        return os.open(path, flags | os.O_EXCL, 0o600)


def _is_ours(status: os.stat_result) -> bool:
    """Whether nobody else can have written it, or read it."""
    private = stat.S_ISREG(status.st_mode) and not status.st_mode & 0o077
    return private and status.st_uid == os.geteuid() and status.st_nlink == 1


def _is_still(status: os.stat_result, path: Path) -> bool:
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (status.st_dev, status.st_ino)
