"""One open page as the server sees it: what waits to be sent to it, bounded.

A page that does not keep up is not waited for: it loses what waits and is greeted anew, with
the history, as soon as it takes something again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

MESSAGES = 256
BYTES = 2 * 2**20


class Viewer:
    """The messages for one page; used in the loop only.

    Args:
        greet: has the page told how things stand.

    Attributes:
        overrun: set while more waited than is kept, until the page is greeted anew.
    """

    def __init__(self, greet: Callable[[], None]) -> None:
        self._greet = greet
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
            self._bytes = 0
            self.overrun.set()

    def show(self, message: bytes) -> None:
        """Have ``message`` sent unless others wait: it is worth nothing when it is late."""
        if not self._waiting and not self.overrun.is_set():
            self.tell(message)

    async def pump(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send what there is and what will come, for ever."""
        while True:
            self._news.clear()
            while self._waiting:
                message = self._waiting.popleft()
                self._bytes -= len(message)
                await send(message)
            if self.overrun.is_set():
                self.overrun.clear()
                self._greet()
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
