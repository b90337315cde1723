"""Real-time priority and locked memory for the audio threads, where the system grants them."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
from threading import get_native_id

log = logging.getLogger(__name__)

PRIORITY = 20  # of 1 to 99: above ordinary work, below the kernel's own threads

# mman.h: lock what is there and what comes, but only pages that are used (Linux 4.4).
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4


def real_time() -> bool:
    """Give the calling thread real-time priority; false where ``LimitRTPRIO=`` grants none.

    Root could take it without; a program on somebody's desk should not.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if soft != resource.RLIM_INFINITY and soft < PRIORITY:
        return False
    try:
        parameters = os.sched_param(PRIORITY)
        os.sched_setscheduler(get_native_id(), os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, parameters)
    except OSError as error:
        log.debug("no real-time priority: %s", error)
        return False
    return True


def lock_memory() -> bool:
    """Keep the process out of swap; false where that is not granted (LimitMEMLOCK=infinity)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
