"""Becomes another program that may use little and outlives nobody; run as a file of its own.

    python -I -S cage.py PARENT CPU_SECONDS PROGRAM ARGUMENT…

What decodes strangers' files may be taken over by them or run wild.  It gets no file
it could write, no more memory and processor time than decoding needs, no privileges,
and dies with ``PARENT`` (a process id).
"""

import ctypes
import os
import resource
import signal
import sys

MEMORY = 192 * 1024 * 1024  # bytes of data; a decoder needs 20 MB
ADDRESSES = 2 * 1024 * 1024 * 1024  # bytes, with the libraries: 400 MB of them are mapped
FILES = 32
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # prctl(2)


def main(parent: int, cpu_s: int, command: list[str]) -> None:
    """Replace this process by ``command``; does not return."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it died before it could take us with it
        sys.exit(1)
    for what, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_AS, ADDRESSES),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    os.execve(command[0], command, {"LC_ALL": "C", "AV_LOG_FORCE_NOCOLOR": "1"})


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    except OSError as error:
        sys.exit(f"[error] {error}")
