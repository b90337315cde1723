"""Logging to standard error: plain lines or JSON, never with a secret in them."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime

from agent.clock import rfc3339
from agent.printable import printable
from agent.redact import hide
from agent.system.journal import JournalHandler

#: journald reads the level from this prefix (sd-daemon(3)).
_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


class _Redacting(logging.Formatter):
    """Replaces every secret in a finished line, wherever it came from."""

    def __init__(self, prefix: bool) -> None:
        super().__init__("%(levelname)s %(message)s")
        self._prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        line = printable(self.render(record).replace("\n", " | "))  # a server may have worded it
        return f"<{_SYSLOG.get(record.levelno, 6)}>{line}" if self._prefix else line

    def render(self, record: logging.LogRecord) -> str:
        return super().format(record)


class _Plain(_Redacting):
    def render(self, record: logging.LogRecord) -> str:
        if record.levelno >= logging.WARNING:
            return f"{record.levelname.lower()}: {hide(record.getMessage())}"
        return hide(record.getMessage())


class _Json(_Redacting):
    def render(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
                "level": record.levelname.lower(),
                "thread": record.threadName,
                "logger": record.name,
                "message": hide(record.getMessage()),
            },
            ensure_ascii=False,
        )


def setup(level: str, form: str, *, journal: bool = False) -> None:
    """Log to standard error from now on.

    ``form`` is ``plain`` or ``json``.  With ``journal`` plain lines go to journald with
    their fields, or where that cannot be, with the level prefix journald reads.
    """
    handler, prefix = _handler(journal and form == "plain")
    formatter = _Json if form == "json" else _Plain
    handler.setFormatter(formatter(prefix))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The libraries' own debug output would drown ours, and may hold what we redact.
    for name in ("websockets", "paho", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Warns of each odd header with the whole address, and the signature in it.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _handler(journal: bool) -> tuple[logging.Handler, bool]:
    if journal:
        with suppress(OSError):
            return JournalHandler(), False
    return logging.StreamHandler(sys.stderr), journal
