"""A control group for each system: two systemds in one would take each other for their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.fresh import host

_MOUNT = Path("/sys/fs/cgroup")


def join(name: str) -> None:
    """Put this process into the group; nothing to do where the machine's systemd does it."""
    for folder in _folders(name):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.procs").write_text(str(os.getpid()))


def end(name: str) -> None:
    """Kill what is left in the group and remove it."""
    for top in _folders(name):
        for _ in range(100):
            inner = [Path(path) for path, _, _ in os.walk(top, topdown=False)]
            for folder in inner:
                _kill(folder)
                with suppress(OSError):
                    folder.rmdir()
            if not top.exists():
                break
            time.sleep(0.1)


def _kill(folder: Path) -> None:
    with suppress(OSError):
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _folders(name: str) -> Iterator[Path]:
    if host.booted():
        return
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "name=systemd":
            yield _MOUNT / "systemd" / path.lstrip("/") / name
        elif not controllers:
            unified = _MOUNT / "unified"
            yield (unified if unified.is_dir() else _MOUNT) / path.lstrip("/") / name
