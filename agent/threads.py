"""Worker threads: the only file of the package that creates a thread.

A :class:`Worker` has a name, can be stopped, says when it last made progress
(the watchdog reads that) and reports its own death instead of leaving a daemon
that looks alive but hears nothing.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from agent.clock import Clock, SystemClock
from agent.errors import DragomanError

log = logging.getLogger(__name__)

T = TypeVar("T")

ROUGH_S = 0.05  # a wait of this and more may be a millisecond longer


class Wake:
    """A wake-up any thread may give without ever blocking (an eventfd).

    Unlike a condition it takes no lock, so the capture thread can use it, and
    unlike :class:`threading.Event` it waits on a deadline to the microsecond.
    """

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def set(self) -> None:
        """Wake whoever waits, now or at their next :meth:`wait`."""
        try:
            os.eventfd_write(self._fd, 1)
        except (OSError, ValueError):
            return  # closed: nobody waits any more

    def wait(self, seconds: float | None) -> bool:
        """Wait until :meth:`set` or for ``seconds``; true when it was set."""
        if seconds is None or seconds >= ROUGH_S:  # poll is cheaper, and counts in milliseconds
            ready = bool(self._poll.poll(None if seconds is None else seconds * 1000))
        else:
            ready = bool(select.select([self._fd], [], [], max(0.0, seconds))[0])
        if ready:
            os.eventfd_read(self._fd)
        return ready

    def fileno(self) -> int:
        """For ``select`` with other descriptors: readable once :meth:`set`."""
        return self._fd

    def close(self) -> None:
        """Give the descriptor back; nobody may use the object afterwards."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class Worker:
    """One named thread that runs ``self.run()`` until :meth:`stop`.

    Subclasses implement :meth:`run`, look at :attr:`stopping` at least every
    second, call :meth:`beat` when they make progress and override :meth:`wake`
    to end a wait early.
    """

    name = "worker"

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.stopping = False
        self.last_beat = self.clock.now()
        self.on_death: Callable[[str, str], None] | None = None
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """The thread's work; returning ends the thread."""
        raise NotImplementedError

    def wake(self) -> None:
        """End whatever :meth:`run` is waiting for; called by :meth:`stop`."""

    def beat(self) -> None:
        """Say that progress was made; the watchdog reads it."""
        self.last_beat = self.clock.now()

    def waits(self) -> bool:
        """For waits on the network, which ask it often: a thread that waits is not stuck.

        True when the wait should end because the thread should.
        """
        self.beat()
        return self.stopping

    def start(self) -> None:
        """Start the thread (daemonic, so that a frozen driver cannot keep the process)."""
        self.beat()
        self._thread = threading.Thread(target=self._guarded, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; idempotent, does not wait."""
        self.stopping = True
        self.wake()

    def join(self, seconds: float) -> bool:
        """Wait for the end; false when the thread is still running after ``seconds``."""
        if self._thread is None:
            return True
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _guarded(self) -> None:
        with suppress(OSError):  # for top -H and perf; Python names only its own object
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(self.name)
        try:
            self.run()
        except DragomanError as error:
            self._report(str(error))
        except Exception as error:
            log.debug("%s died", self.name, exc_info=True)
            self._report(f"{type(error).__name__}: {error}")

    def _report(self, reason: str) -> None:
        if self.on_death:
            self.on_death(self.name, reason)
        else:
            log.error("worker %s died: %s", self.name, reason)


class Errand(Generic[T]):
    """A call that nothing can interrupt, in a thread of its own that may be left behind."""

    def __init__(self, name: str, call: Callable[[], T]) -> None:
        self._call = call
        self._over = threading.Event()
        self._found: list[T] = []
        self._error: Exception | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def done(self, seconds: float | None = 0.0) -> bool:
        """Whether the call has ended, waiting at most ``seconds`` for it (None: for ever)."""
        return self._over.wait(seconds)

    def result(self) -> T:
        """What the call gave; raises what it raised.  Only when it is done."""
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(self._call())
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            self._error = error
        finally:
            self._over.set()
