"""One open page as the server sees it: what waits to be sent to it, bounded.

A page that does not keep up is given up, not waited for: it connects anew and gets the
history.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

MESSAGES = 256
BYTES = 4 * 2**20


class Viewer:
    """The messages for one page; used in the loop only.

    Attributes:
        overrun: set when more waited than is kept.
    """

    def __init__(self) -> None:
        self.overrun = asyncio.Event()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._news = asyncio.Event()

    def tell(self, message: bytes) -> None:
        """Have ``message`` sent after those that wait already."""
        if self.overrun.is_set():
            return
        self._waiting.append(message)
        self._bytes += len(message)
        self._news.set()
        if len(self._waiting) > MESSAGES or self._bytes > BYTES:
            self._waiting.clear()
            self.overrun.set()

    def show(self, message: bytes) -> None:
        """Have ``message`` sent unless others wait: it is worth nothing when it is late."""
        if not self._waiting:
            self.tell(message)

    async def pump(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send what there is and what will come, for ever."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._bytes -= len(message)
                await send(message)
            self._news.clear()
            await self._news.wait()


class Audience:
    """All viewers that have been let in; used in the loop but where said otherwise."""

    def __init__(self) -> None:
        self.present = asyncio.Event()  #: somebody is there
        self._viewers: set[Viewer] = set()

    def __len__(self) -> int:
        """How many there are; from any thread."""
        return len(self._viewers)

    def admit(self, viewer: Viewer) -> None:
        """Tell ``viewer`` everything from now on."""
        self._viewers.add(viewer)
        self.present.set()

    def leave(self, viewer: Viewer) -> None:
        """Tell ``viewer`` nothing any more; harmless for one that never came."""
        self._viewers.discard(viewer)
        if not self._viewers:
            self.present.clear()

    def tell(self, message: bytes) -> None:
        """Send to all; nobody is waited for."""
        for viewer in self._viewers:
            viewer.tell(message)

    def show(self, message: bytes) -> None:
        """Send to all that have nothing else to wait for."""
        for viewer in self._viewers:
            viewer.show(message)
