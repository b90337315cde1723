"""This machine: whether a cluster can be tried here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

#: program: Debian package
NEEDED = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2",
          "epmd": "erlang-base"}  # fmt: skip

_FOUND = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))

#: RabbitMQ's own start scripts; those in /usr/sbin insist on the system's folders and user.
SBIN = _FOUND[-1] if _FOUND else Path("/nowhere")

#: A network, a process table and mounts of our own; all in it is killed when it ends.
_ALONE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def obstacle() -> str:
    """Why no cluster can be run here; empty when nothing is in the way."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    missing += [] if _FOUND else ["rabbitmq-server"]
    if missing:
        return f"these are missing: {', '.join(missing)} (scripts/test-fleet installs them)"
    try_it = "ip link add hub type bridge && ip link add v0 type veth peer name v1"
    tried = subprocess.run(
        [*_ALONE, "sh", "-c", try_it],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if tried.returncode:
        words = tried.stderr.strip().splitlines() or ["no reason given"]
        return f"needs root and network namespaces with a bridge ({words[-1]})"
    return ""


def alone(arguments: Sequence[str]) -> list[str]:
    """The command that runs the suite by itself, cut off from everything else."""
    return [*_ALONE, sys.executable, "-m", "tests.fleet.suite", "--inside", *arguments]
