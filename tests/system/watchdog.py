"""The daemon as systemd runs it: a process that must feed a watchdog, and how well it does."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.clock import SystemClock

WATCHDOG_S = 15  # as in systemd/dragoman.service


class Watchdog:
    """Listens as systemd does, and never bites: it says how long it was not fed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._clock = SystemClock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._fed: list[float] = []
        self.statuses: list[str] = []
        threading.Thread(target=self._listen, name="watchdog", daemon=True).start()

    def _listen(self) -> None:
        while True:
            told = self._socket.recv(4096).decode()
            if told.startswith("WATCHDOG=1"):
                self._fed.append(self._clock.now())
            elif told.startswith("STATUS="):
                self.statuses.append(told.removeprefix("STATUS="))

    @property
    def fed(self) -> int:
        """How often it was fed."""
        return len(self._fed)

    @property
    def longest_s(self) -> float:
        """The longest it was not fed, up to now."""
        times = [*self._fed, self._clock.now()]
        return max(b - a for a, b in itertools.pairwise(times)) if self._fed else 0.0


@contextmanager
def watched(folder: Path, config: Path, before: str = "") -> Iterator[Watchdog]:
    """`dragoman run`, fed and watched; ``before`` is Python that runs in it first."""
    dog = Watchdog(folder / "notify")
    code = f"{before}\nimport sys\nfrom agent.cli import main\nsys.exit(main())"
    command = [sys.executable, "-c", code, "run", "--config", str(config)]
    env = os.environ | {"NOTIFY_SOCKET": str(dog.path), "WATCHDOG_USEC": str(WATCHDOG_S * 10**6)}
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            yield dog
        finally:
            process.kill()
