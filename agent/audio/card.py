"""One open ALSA PCM: pyalsaaudio with its errors, overruns and surprises translated.

The only file that imports ``alsaaudio``.  A PCM is always opened non-blocking: a
blocking open waits for ever for a busy card, a blocking read for a dead one.
"""

from __future__ import annotations

import errno
import select
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from agent.audio.alsa_errors import errno_of, hush, mend
from agent.audio.convert import FORMAT_BYTES, SampleFormat
from agent.errors import DeviceError, Overrun, UsageError

POLL_MS = 100

# What we can convert, best first; S24_LE late because pyalsaaudio 0.10 miscounts its frames.
FORMATS: dict[str, SampleFormat] = {
    "S16_LE": "s16",
    "S32_LE": "s32",
    "S24_3LE": "s24_3",
    "S24_LE": "s24",
    "U8": "u8",
    "S8": "s8",
}
_ALSA_NAMES = {ours: alsa for alsa, ours in FORMATS.items()}


def load() -> ModuleType:
    """The ``alsaaudio`` module; UsageError with the mend when it is not installed."""
    try:
        import alsaaudio
    except ImportError as error:
        raise UsageError(
            "sound cards need pyalsaaudio: pip install 'dragoman[pi]'"
            " (or use file:PATH.wav, stdin or null as the device)"
        ) from error
    hush()
    module: ModuleType = alsaaudio
    return module


@dataclass(frozen=True, slots=True)
class Shape:
    """How a PCM is set: ``rate`` in Hz, ``period`` and ``buffer`` in frames."""

    rate: int
    channels: int
    sample_format: SampleFormat
    period: int
    buffer: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame (a sample of each channel)."""
        return FORMAT_BYTES[self.sample_format] * self.channels

    @property
    def buffer_s(self) -> float:
        """Seconds of sound the card holds."""
        return self.buffer / self.rate

    def __str__(self) -> str:
        return (
            f"{self.rate} Hz {self.channels} ch {_ALSA_NAMES[self.sample_format]}"
            f" period {1000 * self.period // self.rate} ms"
            f" buffer {1000 * self.buffer // self.rate} ms"
        )


class Card:
    """An open PCM of ``device``; ``role`` is ``microphone`` or ``speaker``.

    Opened as near to ``rate``, ``channels`` and s16 as the hardware goes; ``shape``
    says what it gave.  ``default``, ``plughw:`` and sound servers give just that.
    All methods raise DeviceError in one line with the mend.
    """

    def __init__(
        self,
        device: str,
        role: str,
        rate: int,
        channels: int,
        period_ms: int,
        buffer_ms: int,
    ) -> None:
        self.device, self.role = device, role
        self._alsa = load()
        capture = role == "microphone"
        self._kind = self._alsa.PCM_CAPTURE if capture else self._alsa.PCM_PLAYBACK
        self._period_ms, self._buffer_ms = period_ms, buffer_ms
        self._pcm, self.shape = self._negotiate(rate, channels)
        self._xrun = self._alsa.PCM_STATE_XRUN
        self._poll = select.poll()
        for fd, events in self._pcm.polldescriptors():
            self._poll.register(fd, events)

    def read(self) -> bytes:
        """Whole frames, at most a period; ``b""`` when none is there.

        It also starts a stream that is prepared, so read before waiting.  Raises
        Overrun when frames were lost; the stream begins anew at the next read.
        """
        try:
            # pyalsaaudio 0.10 restarts an overrun stream at once without telling.
            overrun = self._pcm.state() == self._xrun
            data: bytes
            length, data = self._pcm.read()
        except self._alsa.ALSAAudioError as error:
            raise self._translated(error) from error
        if overrun or length < 0:
            raise Overrun(f"{self.role} {self.device}: overrun, samples were lost")
        return data

    def write(self, frames: memoryview) -> int:
        """Queue whole frames; return how many were taken, -1 after an underrun.

        After an underrun nothing was taken and the stream is ready for the same frames.
        """
        try:
            taken = int(self._pcm.write(frames))
        except self._alsa.ALSAAudioError as error:
            if errno_of(error) == errno.EPIPE:  # so says 0.10; 0.11 returns it
                return -1
            raise self._translated(error) from error
        return -1 if taken < 0 else taken

    def wait(self) -> bool:
        """Wait up to 100 ms for the card; true when it has something to say."""
        return bool(self._poll.poll(POLL_MS))

    def drain(self) -> bool:
        """Begin to play out what was written; true when that is already done."""
        try:
            self._pcm.drain()
        except self._alsa.ALSAAudioError as error:
            if errno_of(error) == errno.EAGAIN:
                return False
            if errno_of(error) != errno.EPIPE:  # an underrun: all was played
                raise self._translated(error) from error
        return True

    @property
    def draining(self) -> bool:
        """True while :meth:`drain` is under way."""
        return bool(self._pcm.state() == self._alsa.PCM_STATE_DRAINING)

    def drop(self) -> None:
        """Throw away what was written and stop; the next write starts again."""
        try:
            self._pcm.drop()
        except self._alsa.ALSAAudioError as error:
            raise self._translated(error) from error

    @property
    def gone(self) -> bool:
        """Whether the card was unplugged; known without reading or writing."""
        return bool(self._pcm.state() == self._alsa.PCM_STATE_DISCONNECTED)

    def close(self) -> None:
        """Close without waiting; idempotent."""
        self._close(self._pcm)

    def _close(self, pcm: Any) -> None:
        # Closing a playback PCM drains it first, which a dead server never ends.
        with suppress(self._alsa.ALSAAudioError):
            pcm.drop()
        with suppress(self._alsa.ALSAAudioError):
            pcm.close()

    def _negotiate(self, rate: int, channels: int) -> tuple[Any, Shape]:
        pcm, rate_given, format_given = self._open(rate, channels, "S16_LE")
        better_rate = rate_given if rate_given == rate else best_rate(pcm.getrates(), rate)
        better_format: str | None = format_given
        if format_given not in FORMATS:
            offered = pcm.getformats()
            better_format = next((name for name in FORMATS if name in offered), None)
        # Also for the rate it gave by itself: a period of so many frames is another time there.
        if (better_rate, better_format) != (rate, format_given):
            self._close(pcm)
            if better_format is None:
                raise self._refused(f"has only samples of {format_given}")
            pcm, _, format_given = self._open(better_rate, channels, better_format)
        if format_given not in FORMATS:
            self._close(pcm)
            raise self._refused(f"gives samples of {format_given}")
        return pcm, self._shape(pcm)

    def _open(self, rate: int, channels: int, sample_format: str) -> tuple[Any, int, str]:
        try:
            pcm = self._alsa.PCM(
                self._kind,
                self._alsa.PCM_NONBLOCK,
                device=self.device,
                rate=rate,
                channels=channels,
                format=getattr(self._alsa, f"PCM_FORMAT_{sample_format}"),
                periodsize=rate * self._period_ms // 1000,
                periods=self._buffer_ms // self._period_ms,
            )
        except self._alsa.ALSAAudioError as error:
            raise self._translated(error) from error
        info = pcm.info()
        return pcm, info["rate"], info["format_name"]

    def _shape(self, pcm: Any) -> Shape:
        info = pcm.info()
        return Shape(
            rate=info["rate"],
            channels=info["channels"],
            sample_format=FORMATS[info["format_name"]],
            period=info["period_size"],
            buffer=info["buffer_size"],
        )

    def _refused(self, why: str) -> DeviceError:
        return DeviceError(f"{self.role} {self.device} {why}; let ALSA convert: plughw:CARD,DEV")

    def _translated(self, error: Exception) -> DeviceError:
        names = self._alsa.pcms(self._kind) if errno_of(error) == errno.ENOENT else []
        return DeviceError(f"{self.role} {self.device} {mend(error, self.device, names)}")


def best_rate(rates: int | tuple[int, int] | list[int], wanted: int) -> int:
    """The rate (Hz) to open hardware with that offers ``rates`` but not ``wanted``.

    ``rates`` as ``PCM.getrates`` gives them: one, a range, or a list.  Prefers the
    smallest multiple, then the smallest above, then the highest below.
    """
    if isinstance(rates, tuple):
        return min(max(wanted, rates[0]), rates[1])
    offered = [rates] if isinstance(rates, int) else sorted(rates)
    above = [rate for rate in offered if rate >= wanted]
    multiples = [rate for rate in above if rate % wanted == 0]
    return next(iter(multiples or above), offered[-1] if offered else wanted)
