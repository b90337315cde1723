"""What systemd is told: ready, alive, stopping, and a status a person understands.

The protocol is that of sd_notify(3): datagrams to the socket named by
``NOTIFY_SOCKET``.  Outside systemd nothing happens.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class Notifier:
    """Talks to the service manager; does nothing where there is none.

    One that does not listen holds nothing up: what it has no room for is told later, or not.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        env = os.environ if env is None else env
        self._address = env.get("NOTIFY_SOCKET", "")
        self._status = self._told_status = ""
        self._told_ready = True  # or it is still to be told
        self.watchdog_s = _watchdog(env)  #: feed at least this often; None: no watchdog

    def ready(self) -> None:
        """The daemon does its work."""
        self._told_ready = self._send("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        if not self._told_ready:
            self.ready()
        self._tell_status()
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The daemon is on its way down."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``; sent when it changed."""
        self._status = text.replace("\n", " ")
        self._tell_status()

    def _tell_status(self) -> None:
        if self._status != self._told_status and self._send(f"STATUS={self._status}"):
            self._told_status = self._status

    def _send(self, message: str) -> bool:
        """Whether it needs not be told again."""
        if not self._address:
            return True
        # "@" stands for the zero byte of an abstract address.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                sock.connect(address)
                sock.send(message.encode())
        except BlockingIOError:
            return False
        except OSError:  # nobody is there
            return True
        return True


def runtime_directory(env: Mapping[str, str] | None = None) -> Path | None:
    """``RuntimeDirectory=``: memory that outlives the process, but no orderly stop."""
    env = os.environ if env is None else env
    first = env.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(first) if first else None


def _watchdog(env: Mapping[str, str]) -> float | None:
    """Half of ``WatchdogSec=``, if it is meant for this process."""
    if env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    with suppress(ValueError):
        microseconds = int(env.get("WATCHDOG_USEC", ""))
        return microseconds / 2e6 if microseconds > 0 else None
    return None
