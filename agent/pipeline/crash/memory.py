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
from agent.errors import UsageError
from agent.events import Event, Notice, Unanswered
from agent.pipeline.cloud import Cloud
from agent.pipeline.crash import takeover
from agent.pipeline.crash.file import Layout, MemoryFile
from agent.pipeline.crash.held import Held
from agent.pipeline.crash.record import Record
from agent.pipeline.crash.takeover import Found
from agent.services.provider import Provider

log = logging.getLogger(__name__)

NAME = "memory"  #: of the file


class _Left(msgspec.Struct, frozen=True, array_like=True):
    """What the record says."""

    device: str
    service: str
    unanswered: Unanswered


class CrashMemory:
    """The ring of a device, and what the process before this one left unanswered in it.

    Args:
        folder: where the file is, or is made.
        memory_s: how much the ring holds, and how old what is taken over may be (s).

    Attributes:
        ring: goes on with the packets of the process before.

    Raises:
        RunError: the file cannot be had; see :class:`MemoryFile`.
    """

    def __init__(self, folder: Path, rate: int, memory_s: int, device: str, clock: Clock) -> None:
        self._device, self._memory_s, self._clock = device, memory_s, clock
        measures = packet_bytes(rate), memory_s * 1000 // PACKET_MS
        self._file = MemoryFile(folder / NAME, Layout(rate, *measures, boot()))
        self.ring, left, why = self._look(*measures)
        if why is not None:
            self._file.put_aside(why)
            self._file = MemoryFile(folder / NAME, Layout(rate, *measures, boot()))
            self.ring, left, _ = self._look(*measures)
        self._left = left
        self._record = Record(self._file.record)
        self._held, self._lock = Held(), threading.Lock()
        self._keeper: object = None
        self._service = ""

    def _look(self, size: int, capacity: int) -> tuple[Ring, _Left | None, str | None]:
        """The ring, what is unanswered, and what speaks against both."""
        ring = Ring(size, capacity, self._file.ring)
        why = takeover.objection(ring, self._clock.now())
        content = Record(self._file.record).read()
        if why is not None or content is None:
            return ring, None, why
        try:
            left = msgspec.msgpack.decode(content, type=_Left)
        except msgspec.DecodeError:
            return ring, None, "its record cannot be read"
        return ring, left, None if left.device == self._device else "it is another device's"

    # --- the process before ------------------------------------------------------------------

    def hand_over(self, cloud: Cloud, provider: Provider, post: Callable[[Event], None]) -> None:
        """Have ``cloud`` answer what the process before left unanswered; before any thread runs."""
        found = self._found(provider)
        if found is None:
            return
        if found.lost:
            detail = {"packets": found.lost, "duration_ms": found.lost * PACKET_MS}
            post(Notice("lost_audio", detail))
        if found.ms:
            unanswered = takeover.pause(self.ring, found.unanswered, self._clock.now())
            cloud.recover(unanswered)
            log.warning("a process before this one left %d ms unanswered: sent again", found.ms)
            post(Notice("recovered", {"duration_ms": found.ms}))

    def _found(self, provider: Provider) -> Found | None:
        if self._left is None:
            return None
        left, takes = self._left.unanswered, []
        for take in left.takes:
            try:
                provider.check(take.pair)
                takes.append(take)
            except UsageError as error:
                log.warning("speech of a process before this one is left out: %s", error)
        if self._left.service != provider.name:  # its sentences are numbered by another
            left = replace(left, session="", number=0, covered=0)
        oldest = self._clock.now() - self._memory_s
        return takeover.take_over(self.ring, replace(left, takes=tuple(takes)), oldest)

    # --- this one ----------------------------------------------------------------------------

    def keeper(self, service: str) -> Callable[[Unanswered], None]:
        """What the way to ``service`` tells what is unanswered, from now on; from any thread."""

        def keep(now: Unanswered) -> None:
            with self._lock:
                if self._keeper is keep:
                    self._held.keep(now)
                    self._write()

        with self._lock:
            self._keeper, self._service = keep, service
        return keep

    def saved(self, final: str) -> None:
        """The final of this id is on the disk; from any thread."""
        with self._lock:
            if self._held.saved(final):
                self._write()

    def _write(self) -> None:
        left = _Left(self._device, self._service, self._held.unanswered)
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
