"""Microphones and speakers without a sound card: ``file:``, ``stdin`` and ``null``.

They keep the pace of a card, so that whatever is behind them behaves as on one.
"""

from __future__ import annotations

import logging
import os
import select
import stat
from pathlib import Path
from typing import Literal

from agent.audio.decode import Sound, open_sound
from agent.audio.pace import Pace, Playout
from agent.audio.pcm import SAMPLE_BYTES
from agent.audio.wav import WavWriter
from agent.clock import Clock
from agent.errors import Damaged, DeviceError, EndOfAudio, UsageError

log = logging.getLogger(__name__)

READ_MS = 40
POLL_S = 0.1
HEADER_EVERY_S = 1.0
BUFFER_S = 0.1

# A live pipe has a clock of its own: read at exactly our pace, a slightly faster one would
# fill the pipe in the end.  No crystal is off by this much.
PIPE_SLACK = 1.01


class FileMicrophone:
    """A sound file of any format, rate and width, heard once or, with ``loop``, for ever."""

    realtime = False

    def __init__(
        self,
        path: str | Path,
        *,
        rate: int,
        channel: int | Literal["mix"] = "mix",
        loop: bool = False,
        clock: Clock,
    ) -> None:
        self.path = Path(path)
        self.description = f"file {self.path}"
        self._rate, self._channel, self._loop, self._clock = rate, channel, loop, clock
        self._sound: Sound | None = None

    def open(self) -> None:
        """Open the file at its beginning; DeviceError when it is no usable sound file."""
        self._start()
        self._ready = bytearray()
        self._pace = Pace(self._rate, self._clock)

    def read(self) -> bytes:
        """The next 40 ms, when they have passed; EndOfAudio after the last, Damaged where
        that is not the file's end."""
        if self._sound is None:
            raise DeviceError(f"{self.path} is not open")
        wanted = _bytes(READ_MS, self._rate)
        while len(self._ready) < wanted and not self._ended:
            self._fill(self._sound)
        data = bytes(self._ready[:wanted])
        if not data:
            if self._damage:
                raise Damaged(self._damage)
            raise EndOfAudio(f"{self.path} has been heard to its end")
        del self._ready[:wanted]
        self._pace.wait(len(data) // SAMPLE_BYTES)
        return data

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._sound:
            self._sound.close()
        self._sound = None

    def _start(self) -> None:
        self.close()
        self._ended, self._damage = False, ""
        try:
            self._sound = open_sound(self.path, self._rate, self._channel)
        except UsageError as error:
            raise DeviceError(str(error)) from error
        what = self._sound.description
        self.description = f"file {self.path} {what} -> {self._rate} Hz mono"

    def _fill(self, sound: Sound) -> None:
        try:
            data = sound.read()
        except UsageError as error:
            log.warning("%s", error)
            data, self._damage = b"", str(error)
        self._ready += data
        if not data and self._loop and not self._damage:
            self._start()
        else:
            self._ended = not data


class StdinMicrophone:
    """Raw s16le mono at ``rate`` from standard input (or descriptor ``fd``).

    A pipe is paced by its writer; a file redirected in is read at 1:1.
    """

    realtime = False

    def __init__(self, *, rate: int, clock: Clock, fd: int = 0) -> None:
        self.description = f"stdin s16le {rate} Hz mono"
        self._rate, self._clock, self._fd = rate, clock, fd
        self._odd = b""
        self._pace: Pace | None = None

    def open(self) -> None:
        """Look what standard input is; DeviceError when it is closed or a terminal."""
        try:
            regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        except OSError as error:
            raise DeviceError(f"stdin cannot be read: {error.strerror}") from error
        if os.isatty(self._fd):
            raise DeviceError(
                f"stdin is a terminal; pipe sound in: arecord -t raw -f S16_LE -r {self._rate} | …"
            )
        if self._pace is None:
            self._pace = Pace(self._rate * (1.0 if regular else PIPE_SLACK), self._clock)

    def read(self) -> bytes:
        """What was written, at most 40 ms; EndOfAudio when the writer has closed."""
        if self._pace is None:
            raise DeviceError("stdin is not open")
        if not select.select([self._fd], [], [], POLL_S)[0]:
            return b""
        data = self._odd + self._read()
        whole = len(data) - len(data) % SAMPLE_BYTES
        self._odd = data[whole:]
        self._pace.wait(whole // SAMPLE_BYTES)
        return data[:whole]

    def close(self) -> None:
        """Nothing to do: standard input belongs to the process; idempotent."""

    def _read(self) -> bytes:
        try:
            data = os.read(self._fd, _bytes(READ_MS, self._rate))
        except OSError as error:
            raise DeviceError(f"stdin cannot be read: {error.strerror}") from error
        if not data:
            raise EndOfAudio("stdin has ended")
        return data


class NullSpeaker:
    """Plays to nobody, at the pace of a card with a buffer of 100 ms."""

    description = "null"

    def __init__(self, *, rate: int, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._playout = Playout(clock)

    @property
    def delay(self) -> float:
        """Seconds of sound not yet played."""
        return self._playout.delay

    def open(self) -> None:
        """Nothing to open."""

    def write(self, pcm: bytes) -> int:
        """Take whole samples, waiting while the buffer is full; 1 when there was a gap before."""
        underrun = self._playout.add(len(pcm) / (SAMPLE_BYTES * self._rate))
        self._clock.sleep(self.delay - BUFFER_S)
        return int(underrun)

    def check(self) -> None:
        """It cannot go away."""

    def drain(self) -> None:
        """Wait until all is played."""
        self._clock.sleep(self.delay)
        self._playout.stop()

    def drop(self) -> None:
        """Silence at once."""
        self._playout.stop()

    def close(self) -> None:
        """Forget what was not played; idempotent."""
        self._playout.stop()


class FileSpeaker(NullSpeaker):
    """Writes what is played to a 16-bit mono WAV file; the pauses between are left out.

    What :meth:`drop` cuts off is not in the file, as nobody would have heard it.
    Opened again, the same object goes on at the end of the file.
    """

    def __init__(self, path: str | Path, *, rate: int, clock: Clock) -> None:
        super().__init__(rate=rate, clock=clock)
        self.path = Path(path)
        self.description = f"file {self.path} {rate} Hz mono s16"
        self._writer: WavWriter | None = None
        self._append = False

    def open(self) -> None:
        """Start the file; DeviceError when it cannot be written."""
        self.close()
        self._writer = WavWriter(self.path, self._rate, append=self._append)
        self._append = True
        self._header_due = self._clock.now() + HEADER_EVERY_S

    def write(self, pcm: bytes) -> int:
        """As :meth:`NullSpeaker.write`; DeviceError when the disk is full or gone."""
        if self._writer is None:
            raise DeviceError(f"{self.path} is not open")
        self._writer.write(pcm)
        if self._clock.now() >= self._header_due:
            self._writer.sync()
            self._header_due = self._clock.now() + HEADER_EVERY_S
        return super().write(pcm)

    def check(self) -> None:
        """It cannot go away."""

    def drain(self) -> None:
        """Wait until all is played, and finish the header."""
        super().drain()
        if self._writer:
            self._writer.sync()

    def drop(self) -> None:
        """Silence at once."""
        if self._writer:
            self._writer.forget(round(self.delay * self._rate))
        super().drop()

    def close(self) -> None:
        """Finish the file; idempotent.  What fails now is only logged: nobody could mend it."""
        super().close()
        writer, self._writer = self._writer, None
        try:
            if writer:
                writer.close()
        except DeviceError as error:
            log.warning("%s", error)


def _bytes(milliseconds: int, rate: int) -> int:
    return rate * milliseconds // 1000 * SAMPLE_BYTES
