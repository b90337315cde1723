"""Real-time priority for the audio threads, where the system grants it."""

from __future__ import annotations

import logging
import os
import resource
from threading import get_native_id

log = logging.getLogger(__name__)

PRIORITY = 20  # of 1 to 99: above ordinary work, below the kernel's own threads


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
