"""Writes that nobody waits for: a card may take half a second over one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from agent.report.dispatch import WINDOW, Dispatch
from agent.threads import Errand

if TYPE_CHECKING:
    from agent.report.outbox import Outbox

Call = Callable[[], None]


class Disk:
    """One write of the outbox at a time, on a thread of its own; the rest is for its owner's.

    During a write nobody else touches the outbox: what has to waits by :meth:`after`.

    Args:
        post: has a call made soon, on the owner's thread; called from the write's.
        saved: takes the id of each final that is on the disk.
    """

    def __init__(
        self,
        outbox: Outbox,
        dispatch: Dispatch,
        post: Callable[[Call], None],
        saved: Callable[[str], None],
    ) -> None:
        self._outbox, self._dispatch, self._post, self._saved = outbox, dispatch, post, saved
        self._unsaved: list[tuple[str, bytes]] = []
        self._finals: list[str] = []  # ids of the finals among them
        self._sent: list[str] = []  # of those that went to the disk, which may not take them
        self._brings = False  # whether the write under way brings messages to it
        self._errand: Errand[None] | None = None
        self._waiting: list[Call] = []

    def keep(self, topic: str, payload: bytes, final: str = "") -> None:
        """Have a message written with the next write; ``final`` is the id of one."""
        self._unsaved.append((topic, payload))
        if final:
            self._finals.append(final)

    @property
    def busy(self) -> bool:
        """Whether a write is under way."""
        return self._errand is not None

    @property
    def behind(self) -> bool:
        """Whether messages are not in the outbox yet."""
        return bool(self._unsaved) or (self.busy and self._brings)

    @property
    def due(self) -> bool:
        """Whether a write should begin."""
        if self.busy:
            return False
        lasting = self._outbox.due and not self._outbox.fault
        return bool(self._unsaved) or lasting or self._dispatch.unsettled >= WINDOW

    def write(self) -> None:
        """Begin to write; what comes during a write goes with the next one."""
        if self.busy:
            return
        messages, self._unsaved = self._unsaved, []
        self._sent += self._finals
        self._finals, self._brings, self._dispatch.writing = [], bool(messages), True
        update = partial(self._outbox.update, messages, self._dispatch.take_done())
        self._errand = Errand("outbox-disk", partial(self._write, update))

    def after(self, call: Call) -> None:
        """Make ``call`` when no write is under way."""
        if self.busy:
            self._waiting.append(call)
        else:
            call()

    def finish(self) -> None:
        """Wait for the end of what is written and write the rest."""
        for _ in range(2):
            self._over()
            self.write()
        self._over()

    def _write(self, update: Callable[[], object]) -> None:
        try:
            update()
        finally:
            self._post(self._over)

    def _over(self) -> None:
        """Go on after a write; raises what it raised."""
        errand, self._errand = self._errand, None
        if errand is None:
            return  # it was waited for
        errand.done(None)
        errand.result()
        self._dispatch.writing = False
        if self._outbox.fault is None:
            sent, self._sent = self._sent, []
            for final in sent:
                self._saved(final)
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            self.after(call)
