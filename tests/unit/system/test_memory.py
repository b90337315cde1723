"""Memory: one heap for all threads, locked only where that is granted."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from agent.system import memory
from tests.patience import HANG_S

THREADS = """
import threading
from agent.system.memory import one_heap
assert {call}
done = threading.Event()
threads = [threading.Thread(target=lambda: (bytearray(100_000), done.wait())) for _ in range(8)]
for thread in threads: thread.start()
arenas = [line for line in open("/proc/self/maps") if "---p 00000000 00:00 0" in line]
sizes = [int(b, 16) - int(a, 16) for a, b in (line.split()[0].split("-") for line in arenas)]
print(sum(1 for size in sizes if size > 32 * 2**20))
done.set()
"""


def heaps(call: str) -> int:
    """How many heaps of 64 MB eight threads reserve in a process of their own."""
    code = THREADS.format(call=call)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=HANG_S
    )
    return int(done.stdout)


def test_threads_share_one_heap() -> None:
    assert heaps("one_heap()") == 0
    assert heaps("True") > 0


@pytest.mark.parametrize(
    ("soft", "answer", "locked"),
    [(8 * 1024 * 1024, 0, None), (resource.RLIM_INFINITY, 0, 7), (resource.RLIM_INFINITY, -1, 7)],
)
def test_memory_is_locked_only_without_a_limit(
    monkeypatch: pytest.MonkeyPatch, soft: int, answer: int, locked: int | None
) -> None:
    flags: list[int] = []

    class Libc:
        def __init__(self, *_: object, **__: object) -> None: ...

        def mlockall(self, value: int) -> int:
            flags.append(value)
            return answer

    monkeypatch.setattr(
        resource, "getrlimit", lambda which: {resource.RLIMIT_MEMLOCK: (soft, soft)}[which]
    )
    monkeypatch.setattr("ctypes.CDLL", Libc)
    assert memory.lock_memory() is (locked is not None and answer == 0)
    assert flags == ([] if locked is None else [locked])
