"""The seam to the sound devices: what a microphone and a speaker are, and who makes them.

Samples cross it as s16le mono at the configured rate, always whole.  Adapters:
:mod:`~agent.audio.alsa` (sound cards), :mod:`~agent.audio.files` (``file:``,
``stdin``, ``null``) and :mod:`~agent.audio.scripted` (driven by tests).  An adapter is
loaded when it is asked for.
"""

from __future__ import annotations

from typing import Literal, Protocol

from agent.clock import Clock

FILE = "file:"


class Microphone(Protocol):
    """Where sound comes from; used by one thread."""

    @property
    def realtime(self) -> bool:
        """True for a card: its sound goes on, and is lost, whether it is read or not."""

    @property
    def description(self) -> str:
        """One line for the log; after :meth:`open` it says what the card really gave."""

    def open(self) -> None:
        """Open the device, or open it anew; DeviceError names it and the mend."""

    def read(self) -> bytes:
        """Whole samples, any number; ``b""`` when none came within about 100 ms.

        Raises Overrun (samples were lost, go on reading), DeviceError (the device is
        gone: close it and open it again) or EndOfAudio (a file or pipe has ended).
        """

    def close(self) -> None:
        """Give the device back; idempotent."""


class Speaker(Protocol):
    """Where sound goes to; used by one thread."""

    @property
    def description(self) -> str:
        """One line for the log; after :meth:`open` it says what the card really gave."""

    @property
    def delay(self) -> float:
        """Seconds of sound still inside the device, as well as can be told."""

    def open(self) -> None:
        """Open the device, or open it anew; DeviceError names it and the mend."""

    def write(self, pcm: bytes) -> int:
        """Play whole samples; return the underruns seen, 0 or 1.

        Waits while the device's buffer (about 100 ms) is full, so write little at a
        time (a packet) to stay quick with :meth:`drop`.  After the last samples of
        a speech call :meth:`drain` or :meth:`drop`, or the pause that follows counts
        as an underrun.  Raises DeviceError: close the device and open it again.
        """

    def check(self) -> None:
        """DeviceError when the device has gone, though nothing is written to it."""

    def drain(self) -> None:
        """Play out what the device still holds; takes little longer than ``delay``."""

    def drop(self) -> None:
        """Silence at once; the device stays usable."""

    def close(self) -> None:
        """Give the device back without waiting; idempotent."""


def microphone(
    device: str,
    *,
    rate: int,
    channels: int = 1,
    channel: int | Literal["mix"] = "mix",
    loop: bool = False,
    clock: Clock,
) -> Microphone:
    """The microphone a configuration names: ``file:PATH.wav``, ``stdin`` or an ALSA name.

    ``rate`` is what :meth:`Microphone.read` gives (Hz); ``channels`` is asked of a
    card and ``channel`` (0 is the first) or a mix of all of them is used; ``loop``
    repeats a file.  Raises UsageError when ALSA is asked for and pyalsaaudio missing.
    """
    if device == "stdin":
        from agent.audio.files import StdinMicrophone

        return StdinMicrophone(rate=rate, clock=clock)
    if device.startswith(FILE):
        from agent.audio.files import FileMicrophone

        path = device.removeprefix(FILE)
        return FileMicrophone(path, rate=rate, channel=channel, loop=loop, clock=clock)
    from agent.audio.alsa import AlsaMicrophone

    return AlsaMicrophone(device, rate=rate, channels=channels, channel=channel, clock=clock)


def speaker(device: str | None, *, rate: int, clock: Clock) -> Speaker:
    """The speaker a configuration names: ``file:PATH.wav``, ``null`` or an ALSA name.

    ``rate`` is that of the samples written (Hz).  Raises UsageError when ALSA is
    asked for and pyalsaaudio missing.
    """
    if device is None or device == "null":
        from agent.audio.files import NullSpeaker

        return NullSpeaker(rate=rate, clock=clock)
    if device.startswith(FILE):
        from agent.audio.files import FileSpeaker

        return FileSpeaker(device.removeprefix(FILE), rate=rate, clock=clock)
    from agent.audio.alsa import AlsaSpeaker

    return AlsaSpeaker(device, rate=rate, clock=clock)
