"""Logging to journald in its own protocol, so that fields can be searched for.

``journalctl -u dragoman DRAGOMAN_THREAD=capture`` or ``… PRIORITY=4``.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from contextlib import suppress

SOCKET = "/run/systemd/journal/socket"

_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


def is_stderr() -> bool:
    """Whether what is written to standard error goes to the journal (systemd.exec(5))."""
    try:
        status = os.fstat(2)
    except OSError:  # closed
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class JournalHandler(logging.Handler):
    """Sends each record as one datagram; OSError at once where no journal listens."""

    def __init__(self, path: str = SOCKET) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def emit(self, record: logging.LogRecord) -> None:
        """Send ``record``; a journal that is gone must not take the daemon with it."""
        fields = {
            "MESSAGE": self.format(record),
            "PRIORITY": str(_PRIORITY.get(record.levelno, 6)),
            "SYSLOG_IDENTIFIER": "dragoman",
            "DRAGOMAN_THREAD": record.threadName or "",
            "DRAGOMAN_LOGGER": record.name,
        }
        with suppress(OSError):
            self._socket.sendall(b"".join(field(*item) for item in fields.items()))

    def close(self) -> None:
        self._socket.close()
        super().close()


def field(name: str, value: str) -> bytes:
    """One field as the journal's native protocol has it; line breaks need the long form."""
    data = value.encode(errors="replace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
