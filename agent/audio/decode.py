"""Sound files of any common format as a stream of s16le mono.

WAV is read here.  Everything else is decoded by ffmpeg, in a process of its own that
is told what the file is, sees nothing but its bytes and may die
(:mod:`agent.audio.cage`): decoders are C, and files come from anywhere.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from agent.audio import cage
from agent.audio.convert import Converter
from agent.audio.kinds import MP3, WAV, Kind, kind_of
from agent.audio.pcm import SAMPLE_BYTES
from agent.audio.wav import Compressed, WavReader
from agent.errors import DeviceError, UsageError
from agent.printable import one_line

READ_BYTES = 64 * 1024  # of the file, or of what ffmpeg gives, at a time
SPEECH_S = 120  # seconds of speech that are decoded of an answer
CPU_S = 30  # for any file, and
CPU_BYTES = 32 * 1024  # a second more for so many; a minute of MP3 costs a Pi Zero 1 s
KEPT = 8 * 1024  # bytes of what ffmpeg says

Channel = int | Literal["mix"]

# Sound, and nothing else that a file may hold: no pictures, no video, no subtitles.
_CODECS = (
    "aac,aac_fixed,aac_latm,ac3,eac3,alac,ape,flac,mp2float,mp2,mp3float,mp3,opus,libopus,"
    "vorbis,libvorbis,speex,libspeex,wmav1,wmav2,wmapro,wmalossless,wmavoice,amrnb,amrwb,"
    "libopencore_amrnb,libopencore_amrwb,gsm,gsm_ms,libgsm,libgsm_ms,adpcm_ms,adpcm_ima_wav,"
    "adpcm_ima_qt,g722,g726,truespeech,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,"
    "pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be"
)


class NoDecoder(UsageError):
    """The file may be sound, but nothing here decodes its format."""


class Sound(Protocol):
    """An open file: pieces of s16le mono until ``b""``."""

    @property
    def description(self) -> str:
        """What the file holds, for a log."""

    @property
    def duration_ms(self) -> int | None:
        """As the file says, None where it does not; what was read counts after the end."""

    def read(self) -> bytes:
        """The next whole samples; UsageError, naming the file, where it is damaged."""

    def close(self) -> None:
        """Idempotent."""


def open_sound(path: str | Path, rate: int, channel: Channel = "mix") -> Sound:
    """The file at ``path`` at ``rate`` (Hz), of one ``channel`` (0 is the first) or their mix.

    Raises UsageError, naming the file, for what is no sound or damaged; NoDecoder
    where ffmpeg is missing, or knows no more than we do.
    """
    with open_file(path) as file:
        kind = known(file, path)
        if kind is not WAV:
            return Decoded(file, kind, str(path), rate, channel)
        try:
            return _Wav(WavReader(path), rate, channel)
        except Compressed:
            return Decoded(file, kind, str(path), rate, channel)
        except DeviceError as error:
            raise UsageError(str(error)) from error
        except ValueError as error:
            raise UsageError(f"{path}: {error}; mend audio.capture.channel") from error


def open_file(path: str | Path) -> BinaryIO:
    """``path`` to be read; UsageError where it is no file, not there or not ours to read."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would wait for its writer for ever
            raise UsageError(f"{path}: not a file but a directory or a device")
        return Path(path).open("rb")
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: {reason}") from error


def known(file: BinaryIO, path: str | Path) -> Kind:
    """What ``file`` is; UsageError where that is no sound."""
    try:
        kind = kind_of(file)
        empty = not file.seek(0, os.SEEK_END)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if kind is None:
        words = "the file is empty" if empty else "no sound of a known format (WAV, MP3, M4A …)"
        raise UsageError(f"{path}: {words}")
    return kind


def decode_speech(data: bytes, rate: int) -> bytes:
    """An MP3 file as s16le mono at ``rate`` (Hz), at most ``SPEECH_S`` of it; else UsageError."""
    descriptor = os.memfd_create("speech", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "w+b") as file:
        file.write(data)
        file.flush()
        kind = kind_of(file)
        if kind is None or kind.formats != MP3.formats:
            raise UsageError(f"the speech is {kind.name if kind else 'no sound'}, not MP3")
        sound = Decoded(file, kind, "the speech", rate, most_s=SPEECH_S)
    try:
        return b"".join(iter(sound.read, b""))
    finally:
        sound.close()


class _Wav:
    """A WAV file as a microphone would hear it: its mix of many channels cannot clip."""

    def __init__(self, reader: WavReader, rate: int, channel: Channel) -> None:
        self._reader = reader
        try:
            self._converter = Converter(
                reader.rate, reader.channels, reader.sample_format, rate, channel
            )
        except ValueError:
            reader.close()
            raise
        self._frames = max(1, READ_BYTES // reader.frame_bytes)
        self._ended = False
        self.duration_ms: int | None = reader.frames * 1000 // reader.rate
        self.description = (
            f"{reader.rate} Hz {reader.channels} ch {reader.sample_format} {reader.seconds:.1f} s"
        )

    def read(self) -> bytes:
        while not self._ended:
            try:
                data = self._reader.read(self._frames)
            except DeviceError as error:
                raise UsageError(str(error)) from error
            self._ended = not data
            if pcm := self._converter.feed(data) if data else self._converter.flush():
                return pcm
        return b""

    def close(self) -> None:
        self._reader.close()


class Decoded:
    """What ffmpeg makes of ``file``, which may be closed; ``name`` is for errors.

    ``most_s`` bounds what comes out (s).  Raises NoDecoder where ffmpeg is not there.
    """

    def __init__(
        self,
        file: BinaryIO,
        kind: Kind,
        name: str,
        rate: int,
        channel: Channel = "mix",
        most_s: int | None = None,
    ) -> None:
        self.duration_ms: int | None = None
        self.description = kind.name
        self._kind, self._name, self._rate = kind, name, rate
        self._bytes, self._odd, self._said, self._ended = 0, b"", b"", False
        self._program = self._start(file, channel, most_s)
        assert self._program.stdout is not None
        assert self._program.stderr is not None
        self._out = self._program.stdout.fileno()
        self._ready = select.poll()
        self._ready.register(self._program.stderr, select.POLLIN)
        self._ready.register(self._out, select.POLLIN)

    def read(self) -> bytes:
        while not self._ended and (data := self._next()):
            data = self._odd + data
            whole = len(data) - len(data) % SAMPLE_BYTES
            self._odd = data[whole:]
            self._bytes += whole
            if whole:
                return data[:whole]
        self._finish()
        return b""

    def close(self) -> None:
        if self._program.poll() is None:
            self._program.kill()
        self._program.wait()
        for pipe in (self._program.stdout, self._program.stderr):
            if pipe is not None:
                pipe.close()

    def _start(
        self, file: BinaryIO, channel: Channel, most_s: int | None
    ) -> subprocess.Popen[bytes]:
        if self._kind.demuxer is None:
            raise NoDecoder(f"{self._name}: {self._kind.name} cannot be decoded here")
        program = shutil.which("ffmpeg")
        if program is None:
            raise NoDecoder(
                f"{self._name}: {self._kind.name} is decoded by ffmpeg, which is not installed: "
                "apt install ffmpeg"
            )
        cpu_s = CPU_S + os.fstat(file.fileno()).st_size // CPU_BYTES
        mono = ["-ac", "1"] if channel == "mix" else ["-af", f"pan=mono|c0=c{channel}"]
        command = [sys.executable, "-I", "-S", cage.__file__, str(os.getpid()), str(cpu_s)]
        # The file is opened anew through its descriptor: never by its name, and seekable.
        command += [program, "-nostdin", "-hide_banner", "-nostats", "-v", "level+info"]
        command += ["-threads", "1", "-protocol_whitelist", "file", "-codec_whitelist", _CODECS]
        command += ["-f", self._kind.demuxer, "-i", "file:/dev/fd/0", "-vn", "-sn", "-dn"]
        command += [*mono, "-ar", str(self._rate), *(["-t", str(most_s)] if most_s else [])]
        try:
            return subprocess.Popen(
                [*command, "-threads", "1", "-f", "s16le", "pipe:1"],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for us; we end it
            )
        except OSError as error:
            raise UsageError(f"{self._name}: no decoder can be started ({error})") from error

    def _next(self) -> bytes:
        """More of what comes out, ``b""`` at its end; what ffmpeg says is kept aside."""
        while True:
            for descriptor, _ in self._ready.poll():
                data = os.read(descriptor, READ_BYTES)
                if not data:
                    self._ready.unregister(descriptor)
                if descriptor == self._out:
                    return data
                self._said = (self._said + data)[-KEPT:]
                if self.duration_ms is None:
                    self.duration_ms = _duration(self._said)

    def _finish(self) -> None:
        """All came out that will: was it all there is?"""
        if self._ended:
            return
        self._ended = True
        self._said += self._program.communicate()[1]
        self.duration_ms = self._bytes * 1000 // (SAMPLE_BYTES * self._rate)
        code, reason = self._program.returncode, _reason(self._said)
        if self._bytes and code == 0:
            return
        if code < 0:
            why = "took too long" if code in (-signal.SIGXCPU, -signal.SIGKILL) else "crashed"
            reason = f"the decoder {why}"
        if self._bytes:
            what = f"only the first {self.duration_ms / 1000:.1f} s can be decoded"
            raise UsageError(f"{self._name}: {what} ({reason or 'no reason given'})")
        what = f"cannot be decoded as {self._kind.name}" if code else "holds no sound"
        raise UsageError(f"{self._name}: {what}{f' ({reason})' if reason else ''}")


def _duration(said: bytes) -> int | None:
    """ms of the file, by its own word."""
    found = re.search(rb"Duration: (\d+):(\d\d):(\d\d)\.(\d\d)", said)
    if found is None:
        return None
    hours, minutes, seconds, hundredths = map(int, found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + hundredths * 10


def _reason(said: bytes) -> str:
    """The first error ffmpeg names; that pictures are not decoded is none."""
    text = said.decode(errors="replace")
    errors = re.findall(r"\[(?:error|fatal|panic)\] (.+)", text)
    told = [error for error in errors if "not on whitelist" not in error]
    return one_line(told[0]).removeprefix("file:/dev/fd/0: ")[:200] if told else ""
