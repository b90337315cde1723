"""Waits on the network: bounded, cancelled at once, and never out of their thread's sight."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.clock import Clock
from agent.errors import LinkError

SLICE_S = 0.1

#: Asked ten times a second by every wait on the network; true ends it.  A thread that the
#: watchdog looks after says in it that it is alive (:meth:`agent.threads.Worker.waits`).
Cancelled = Callable[[], bool]


#: TLS has to be waited for.  By name: it is loaded only where it is used (5 MB).
_WANTS = ("SSLWantReadError", "SSLWantWriteError")


def blocked(error: OSError) -> bool:
    """Whether what a non-blocking socket raised only means that it has to be waited for."""
    return isinstance(error, BlockingIOError) or type(error).__name__ in _WANTS


def never() -> bool:
    """Nobody ends this wait."""
    return False


@dataclass(frozen=True, slots=True)
class Waiter:
    """Waits for what concerns ``where`` until ``deadline`` (s)."""

    where: str
    clock: Clock
    deadline: float
    cancelled: Cancelled = never

    def by(self, deadline: float) -> Waiter:
        """The same, until ``deadline`` at most."""
        return replace(self, deadline=min(deadline, self.deadline))

    def slice(self) -> float:
        """How long to wait before asking again (s); LinkError ``timeout`` or ``cancelled``."""
        if self.cancelled():
            raise LinkError("the attempt was cancelled", "cancelled")
        left = self.deadline - self.clock.now()
        if left <= 0:
            raise LinkError(f"{self.where} did not answer in time", "timeout")
        return min(left, SLICE_S)

    def until_ready(self, sock: socket.socket, *, write: bool) -> None:
        """Wait for ``sock``; LinkError ``timeout`` or ``cancelled``."""
        while not _select([] if write else [sock], [sock] if write else [], self.slice()):
            pass

    def connected(self, socks: Sequence[socket.socket], until: float) -> list[socket.socket]:
        """Those of ``socks`` whose connecting has ended, well or badly; none at ``until`` (s)."""
        while (left := until - self.clock.now()) > 0:
            if done := _select([], socks, min(left, self.slice())):
                return done
        return []


def _select(
    readers: Sequence[socket.socket], writers: Sequence[socket.socket], seconds: float
) -> list[socket.socket]:
    readable, writable, _ = select.select(readers, writers, [], seconds)
    return [*readable, *writable]
