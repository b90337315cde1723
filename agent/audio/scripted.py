"""A microphone and a speaker that do what they are told: for tests, here and elsewhere.

They may be driven from any thread while another one uses them as devices::

    microphone = ScriptedMicrophone(rate=16000, clock=ManualClock())
    microphone.feed(hello)
    microphone.overrun()
    microphone.vanish()  # reads fail, and so do opens until come_back()
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from agent.audio.files import NullSpeaker
from agent.audio.pace import Pace
from agent.audio.pcm import SAMPLE_BYTES
from agent.clock import Clock
from agent.errors import DeviceError, DragomanError, EndOfAudio, Overrun

WAIT_S = 0.02
PATIENCE_S = 3.0


class _Scripted:
    """What can be done to either device."""

    def __init__(self, name: str) -> None:
        self.description = name
        self.is_open = False
        self.opened = 0
        self._gone = False
        self._frozen = False
        self._busy = 0

    def vanish(self) -> None:
        """Unplug the device: everything fails until :meth:`come_back` and a new open."""
        self._gone, self.is_open = True, False

    def come_back(self) -> None:
        """Plug it in again; it must be opened anew."""
        self._gone = False

    def freeze(self) -> None:
        """Neither give nor take sound until :meth:`thaw`; a write fails after 3 s, as on a card."""
        self._frozen = True

    def thaw(self) -> None:
        """End :meth:`freeze`."""
        self._frozen = False

    def busy(self, times: int) -> None:
        """Let the next ``times`` opens fail as if another program had the device."""
        self._busy = times

    def open(self) -> None:
        """Open; DeviceError when vanished or busy."""
        if self._gone:
            raise DeviceError(f"{self.description} does not exist")
        if self._busy > 0:
            self._busy -= 1
            raise DeviceError(f"{self.description} is in use by another program")
        self.is_open = True
        self.opened += 1

    def close(self) -> None:
        """Close; idempotent."""
        self.is_open = False

    def _check(self) -> None:
        if not self.is_open:
            raise DeviceError(f"{self.description} is not there")


class ScriptedMicrophone(_Scripted):
    """Gives what it was fed, in order; each piece of sound or fault is one read.

    With ``paced`` the sound comes at 1:1 of the clock in reads of at most 20 ms.
    Reads with nothing to give wait 20 ms on the clock and return ``b""``.
    """

    realtime = True

    def __init__(self, *, rate: int, clock: Clock, paced: bool = False) -> None:
        super().__init__("scripted microphone")
        self._clock = clock
        self._rate, self._paced = rate, paced
        self._pace: Pace | None = None
        self._chunk = int(rate * WAIT_S) * SAMPLE_BYTES
        self._script: deque[bytes | DragomanError] = deque()

    def open(self) -> None:
        """Open; the pace begins now, as a card's does."""
        super().open()
        self._pace = Pace(self._rate, self._clock) if self._paced else None

    def feed(self, pcm: bytes) -> None:
        """Say these whole samples after everything fed before."""
        step = self._chunk if self._paced else max(1, len(pcm))
        self._script.extend(pcm[i : i + step] for i in range(0, len(pcm), step))

    def overrun(self) -> None:
        """Report an overrun after everything fed before."""
        self._script.append(Overrun(f"{self.description}: overrun, samples were lost"))

    def end(self) -> None:
        """End, as a file does, after everything fed before."""
        self._script.append(EndOfAudio(f"{self.description} has ended"))

    @property
    def pending(self) -> int:
        """Reads until everything fed has been heard."""
        return len(self._script)

    def read(self) -> bytes:
        """The next piece; raises what was scripted."""
        self._check()
        if self._frozen or not self._script:
            self._clock.sleep(WAIT_S)
            self._check()
            return b""
        item = self._script.popleft()
        if isinstance(item, DragomanError):
            raise item
        if self._pace:
            self._pace.wait(len(item) // SAMPLE_BYTES)
        return item


@dataclass(frozen=True, slots=True)
class Written:
    """``pcm`` given to a speaker at ``time`` (seconds of its clock)."""

    time: float
    pcm: bytes


class ScriptedSpeaker(_Scripted):
    """Records what is written; plays at the pace of a card with a buffer of 100 ms.

    ``written`` holds every write, ``drops`` and ``drains`` the times of those calls.
    """

    def __init__(self, *, rate: int, clock: Clock) -> None:
        super().__init__("scripted speaker")
        self._clock = clock
        self._player = NullSpeaker(rate=rate, clock=clock)
        self._underrun = False
        self.written: list[Written] = []
        self.drops: list[float] = []
        self.drains: list[float] = []

    def underrun(self) -> None:
        """Let the next write report an underrun."""
        self._underrun = True

    @property
    def pcm(self) -> bytes:
        """Everything written, in one piece."""
        return b"".join(write.pcm for write in self.written)

    @property
    def delay(self) -> float:
        """Seconds of sound not yet played."""
        return self._player.delay

    def write(self, pcm: bytes) -> int:
        """Record and wait as a card does; 1 after :meth:`underrun` or a gap."""
        self._thawed()
        self.written.append(Written(self._clock.now(), pcm))
        underrun, self._underrun = self._underrun, False
        return self._player.write(pcm) or int(underrun)

    def check(self) -> None:
        """DeviceError when vanished."""
        self._check()

    def drain(self) -> None:
        """Wait until all is played."""
        self._thawed()
        self._player.drain()
        self.drains.append(self._clock.now())

    def drop(self) -> None:
        """Silence at once."""
        self._check()
        self._player.drop()
        self.drops.append(self._clock.now())

    def close(self) -> None:
        """Close; idempotent."""
        super().close()
        self._player.close()

    def _thawed(self) -> None:
        self._check()
        until = self._clock.now() + PATIENCE_S
        while self._frozen:
            if self._clock.now() > until:
                raise DeviceError(f"{self.description} takes no sound")
            self._clock.sleep(WAIT_S)
            self._check()
