"""The process's memory: one heap, nothing walked over in vain, no swap where that is granted."""

from __future__ import annotations

import atexit
import ctypes
import gc
import resource

# mman.h: lock what is there and what comes, but only pages that are used (Linux 4.4).
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4

M_ARENA_MAX = -8  # malloc.h


def one_heap() -> bool:
    """Have all threads allocate from one heap; false where the C library is not glibc.

    A heap for each thread is for speed where many allocate at once; here it costs a
    megabyte.  Call it before the first thread is made.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_ARENA_MAX, 1))


def settle() -> None:
    """Leave what was made so far out of all later garbage collections.

    Walking over it again and again found nothing and held all threads up for milliseconds.
    """
    gc.collect()
    gc.freeze()
    # What is frozen is not taken down at the end either: libraries that count what is left of
    # theirs (nanobind, under soxr) would print a page about it.
    atexit.register(gc.unfreeze)


def lock_memory() -> bool:
    """Keep the process out of swap; false where that is not granted (LimitMEMLOCK=infinity)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
