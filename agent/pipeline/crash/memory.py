"""The memory of a crash: a ring in a file, and what of it is unanswered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from agent.audio.pcm import PACKET_MS, packet_bytes
from agent.audio.ring import Ring
from agent.clock import Clock, boot
from agent.events import Event, Notice, Unanswered
from agent.pipeline.cloud import Cloud
from agent.pipeline.crash import takeover
from agent.pipeline.crash.file import Layout, MemoryFile
from agent.pipeline.crash.held import Held
from agent.pipeline.crash.record import Record
from agent.pipeline.news import lost_audio
from agent.pipeline.rung import answerable

log = logging.getLogger(__name__)

NAME = "memory"  #: of the file


class _Left(msgspec.Struct, frozen=True, array_like=True):
    """What the record says."""

    device: str
    unanswered: Unanswered


class CrashMemory:
    """The memory of a device's ring, and what the process before left unanswered in it.

    Args:
        folder: where the file is, or is made.
        memory_s: how much the ring holds, and how old what is taken over may be (s).

    Attributes:
        sound: what to make the ring on; it goes on with the packets of the process before.

    Raises:
        RunError: the file cannot be had; see :class:`MemoryFile`.
    """

    def __init__(self, folder: Path, rate: int, memory_s: int, device: str, clock: Clock) -> None:
        self._device, now = device, clock.now()
        size, capacity = packet_bytes(rate), memory_s * 1000 // PACKET_MS
        layout = Layout(rate, size, capacity, boot())
        self._file = MemoryFile(folder / NAME, layout)
        ring = Ring(size, capacity, self._file.ring)
        left, why = self._look(ring, now)
        if why is not None:
            self._file.put_aside(why)
            self._file = MemoryFile(folder / NAME, layout)
        self.sound = self._file.ring
        self._found = None if left is None else takeover.take_over(ring, left, now - memory_s)
        if self._found is not None and self._found.unanswered.takes:
            self._found = takeover.pause(ring, self._found, now)
        self._ring, self._record = ring, Record(self._file.record)
        self._held, self._lock = Held(), threading.Lock()

    def _look(self, ring: Ring, now: float) -> tuple[Unanswered | None, str | None]:
        """What is unanswered in ``ring``, or why neither can be trusted."""
        if (why := takeover.objection(ring, now)) is not None:
            return None, why
        content = Record(self._file.record).read()
        if content is None:
            return None, None
        try:
            left = msgspec.msgpack.decode(content, type=_Left)
        except msgspec.DecodeError:
            return None, "its record cannot be read"
        if left.device != self._device:
            return None, "it is another device's"
        return left.unanswered, None

    # --- the process before ------------------------------------------------------------------

    def hand_over(self, cloud: Cloud, post: Callable[[Event], None]) -> None:
        """Have ``cloud`` answer what the process before left; before any thread runs."""
        found, self._found = self._found, None
        if found is None:
            return
        left, lost = answerable(found.handover(cloud.provider.name), cloud.provider, self._ring)
        if lost or found.lost:
            post(lost_audio(lost + found.lost))
        if left.takes:
            cloud.take_over(left)
            ms = found.ms - lost * PACKET_MS
            log.warning("a process before this one left %d ms unanswered: sent again", ms)
            post(Notice("recovered", {"duration_ms": ms}))

    # --- this one ----------------------------------------------------------------------------

    def keep(self, now: Unanswered) -> None:
        """What is unanswered has changed; from any thread."""
        with self._lock:
            self._held.keep(now)
            self._write()

    def saved(self, final: str) -> None:
        """The final of this id is on the disk; from any thread."""
        with self._lock:
            if self._held.saved(final):
                self._write()

    def _write(self) -> None:
        left = _Left(self._device, self._held.unanswered)
        while len(content := msgspec.msgpack.encode(left)) > self._record.most:
            takes = left.unanswered.takes  # so many that the oldest must go
            kept = replace(left.unanswered, takes=takes[len(takes) // 8 + 1 :])
            left = replace(left, unanswered=kept)
        self._record.write(content)

    def close(self, *, orderly: bool) -> None:
        """The process ends: with nothing left where that is ``orderly``."""
        if orderly:
            self._file.wipe()
        else:
            self._file.close()
