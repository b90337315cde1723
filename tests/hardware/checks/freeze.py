"""Makes one thread of another process stand still, as a driver that never answers would."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import threading
import time
from pathlib import Path

CAPTURE_POLL_MS = 100  # the capture thread waits for the card so long; no other thread does
_POLL = {"x86_64": "7"}  # its number among the processor's system calls, where it is one
_PPOLL = {"x86_64": "271", "aarch64": "73"}
_SEIZE, _INTERRUPT = 0x4206, 0x4207  # ptrace(2)
_WALL = 0x40000000  # waitpid(2): for threads too


def thread_in_poll(pid: int, timeout_ms: int, patience_s: float = 10) -> int:
    """Freeze the thread of ``pid`` that waits in poll(2) with this timeout; its id."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        for task in Path(f"/proc/{pid}/task").iterdir():
            call = (task / "syscall").read_text().split()
            if _polls(pid, call, timeout_ms):
                _freeze(int(task.name))
                return int(task.name)
        time.sleep(0.005)
    raise RuntimeError(f"no thread of {pid} polls for {timeout_ms} ms")


def _polls(pid: int, call: list[str], timeout_ms: int) -> bool:
    """Whether this is poll(2), by name or as the C library makes it, with that timeout."""
    machine = platform.machine()
    if call[0] == _POLL.get(machine):
        return int(call[3], 16) == timeout_ms
    if call[0] != _PPOLL[machine] or not int(call[3], 16):
        return False
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        memory.seek(int(call[3], 16))
        seconds, nanoseconds = struct.unpack("=qq", memory.read(16))
    return bool(1000 * seconds + nanoseconds / 1e6 == timeout_ms)


def _freeze(thread: int) -> None:
    """Until it is killed, which only its tracer may then notice: hence a thread of ours."""
    done = threading.Event()
    failures: list[OSError] = []

    def trace() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        for request in (_SEIZE, _INTERRUPT):
            if libc.ptrace(request, thread, None, None):
                failures.append(OSError(ctypes.get_errno(), f"ptrace of {thread}"))
        done.set()
        while not failures:
            try:
                _, status = os.waitpid(thread, _WALL)
            except ChildProcessError:
                return
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                return

    threading.Thread(target=trace, daemon=True).start()
    done.wait()
    if failures:
        raise failures[0]
