"""The spool: recordings that wait for their upload, on disk so that a restart loses none.

A recording is one WAV file and one JSON file beside it, mode 0600, written under
another name and renamed when whole.  The spool is bounded: the oldest go first, and
it is told how many went.  While there is no folder to write to, or no room, memory has to
do; what it holds is written as soon as that is possible.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import threading
import uuid
import wave
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec.structs import asdict

from agent.audio.wav import wav_file
from agent.events import Pair

log = logging.getLogger(__name__)

ANSWERED = "answered"  # beside a recording whose answer was on its way to the disk
LIMIT = 64 * 1024 * 1024  # bytes of sound kept at most: half an hour


@dataclass(frozen=True, slots=True)
class Recording:
    """One utterance: s16le mono at ``rate``; ``start_ms`` on the session's time line.

    ``at`` is when it was made (s since 1970), None where the clock was not set.
    ``replayed`` says that it may repeat an earlier one.
    """

    number: int
    session: str
    start_ms: int
    pair: Pair
    rate: int
    pcm: bytes
    at: float | None = None
    replayed: bool = False  #: it may hold words of a published final
    stretch: tuple[int, int] | None = None  #: its ring packets, where it is of this run
    on_disk: int | None = None  #: bytes of its sound where that is there, and not in ``pcm``

    @property
    def size(self) -> int:
        """Bytes of sound."""
        return len(self.pcm) if self.on_disk is None else self.on_disk

    @property
    def duration_ms(self) -> int:
        return self.size * 1000 // (2 * self.rate)

    def without_sound(self) -> Recording:
        """The same, its sound left to the disk."""
        return replace(self, pcm=b"", on_disk=self.size)

    def wav(self) -> bytes:
        """The whole WAV file."""
        return wav_file(self.pcm, self.rate)


class Spool:
    """Recordings in order; every method may be called from any thread.

    Memory holds the sound of those only that the disk does not take.
    """

    def __init__(self, folder: Path | None, limit: int = LIMIT) -> None:
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, Recording] = OrderedDict()
        self._unsaved: set[int] = set()  # in memory only; of the others the sound is on the disk
        self._spoiled: list[Recording] = []  # were on the disk, and cannot be read any more
        self._recovered = self._told = False
        self._last = 0
        self._flush()

    def put(self, recording: Recording) -> list[Recording]:
        """Keep ``recording`` under a number of its own; returns what had to go for it."""
        with self._lock:
            self._last += 1
            kept = replace(recording, number=self._last)
            self._waiting[kept.number] = kept
            self._unsaved.add(kept.number)
            self._flush()
            return self._make_room()

    def oldest(self) -> Recording | None:
        """The recording that has waited longest, with its sound."""
        with self._lock:
            self._flush()
            while (first := next(iter(self._waiting.values()), None)) is not None:
                if (whole := self._whole(first)) is not None:
                    return whole
                del self._waiting[first.number]
                if not self._withdrawn(first):
                    self._spoiled.append(first)
            return None

    def later(self, recording: Recording) -> None:
        """Let the others go first."""
        with self._lock:
            if recording.number in self._waiting:
                self._waiting.move_to_end(recording.number)

    def withdraw(self, which: Callable[[Recording], bool]) -> list[Recording]:
        """Give up those that another service is to answer: ``which`` says of each."""
        with self._lock:
            gone = [recording for recording in self._waiting.values() if which(recording)]
            for recording in gone:
                self._drop(recording.number)
            return gone

    def holds(self, recording: Recording) -> bool:
        """Whether it still waits here for its answer."""
        with self._lock:
            return recording.number in self._waiting

    def answered(self, recording: Recording) -> None:
        """Its answer is here, but not on the disk: :meth:`done` when it is.

        Until then a crash would have it answered once more, as ``replayed``.
        """
        with self._lock:
            self._waiting.pop(recording.number, None)
            self._unsaved.discard(recording.number)
            if self._folder is not None:
                with suppress(OSError):  # it is in memory only
                    (self._folder / f"{recording.number:08}.{ANSWERED}").touch(mode=0o600)

    def done(self, recording: Recording) -> None:
        """It is answered (or given up): forget it."""
        with self._lock:
            self._drop(recording.number)

    def expire(self, now: float, after_s: float) -> list[Recording]:
        """Those made more than ``after_s`` before ``now`` (s since 1970); they are kept still.

        One made while no clock was set counts from the first time that one is.
        """
        with self._lock:
            for number, recording in self._waiting.items():
                if recording.at is None:
                    self._waiting[number] = replace(recording, at=now)
            return [r for r in self._waiting.values() if now - (r.at or now) > after_s]

    def spoiled(self) -> list[Recording]:
        """Those that the disk does not give back, each told once."""
        with self._lock:
            spoiled, self._spoiled = self._spoiled, []
            return spoiled

    def flush(self) -> None:
        """Bring to the disk what is in memory only, if that is possible now."""
        with self._lock:
            self._flush()

    @property
    def waiting_ms(self) -> int:
        """Sound that waits, in ms."""
        with self._lock:
            return sum(recording.duration_ms for recording in self._waiting.values())

    # --- on disk -----------------------------------------------------------------------------

    def _drop(self, number: int) -> None:
        self._waiting.pop(number, None)
        self._unsaved.discard(number)
        self._remove(number)

    def _flush(self) -> None:
        folder = self._folder
        if folder is None or (self._recovered and not self._unsaved):
            return
        first = not self._recovered
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._recover(folder)
            if first:
                _probe(folder)
            for number in sorted(self._unsaved):
                self._save(folder, self._waiting[number])
                self._waiting[number] = self._waiting[number].without_sound()
                self._unsaved.discard(number)
        except OSError as error:
            if not self._told:
                log.warning("recordings are kept in memory only: %s: %s", folder, error.strerror)
            self._told = True
        else:
            if self._told:
                log.info("recordings are on the disk again")
            self._told = False

    def _make_room(self) -> list[Recording]:
        gone = []
        while len(self._waiting) > 1 and self._bytes() > self._limit:
            _, oldest = self._waiting.popitem(last=False)
            self._unsaved.discard(oldest.number)
            self._remove(oldest.number)
            gone.append(oldest)
        return gone

    def _bytes(self) -> int:
        return sum(recording.size for recording in self._waiting.values())

    def _whole(self, recording: Recording) -> Recording | None:
        """``recording`` with its sound; None where the disk does not give it back."""
        if recording.on_disk is None or self._folder is None:
            return recording
        found = _read(self._folder / f"{recording.number:08}.wav")
        return found and replace(recording, pcm=found.pcm, on_disk=None)

    def _withdrawn(self, recording: Recording) -> bool:
        """Whether another spool of this folder gave it up: one that was in use before."""
        return (
            self._folder is not None and not (self._folder / f"{recording.number:08}.json").exists()
        )

    def _save(self, folder: Path, recording: Recording) -> None:
        meta = {"session": recording.session, "start_ms": recording.start_ms}
        meta |= {"pair": asdict(recording.pair), "at": recording.at}
        meta |= {"replayed": True} if recording.replayed else {}
        try:
            _write(folder / f"{recording.number:08}.wav", recording.wav())
            _write(folder / f"{recording.number:08}.json", json.dumps(meta).encode())
        except OSError:
            self._remove(recording.number)  # half of it is of no use, and takes room
            raise

    def _remove(self, number: int) -> None:
        if self._folder is not None:
            for suffix in ("json", "wav", "part", ANSWERED):
                with suppress(OSError):  # a disk that fails: sent again after a restart, not lost
                    (self._folder / f"{number:08}.{suffix}").unlink(missing_ok=True)

    def _recover(self, folder: Path) -> None:
        """What an earlier run left, once; files that are not whole are removed.

        Its sessions get a new name: how far their sentences were numbered is not known.
        """
        if self._recovered:
            return
        suffix = uuid.uuid4().hex[:4]
        paths = sorted(folder.glob("*.wav"))
        self._recovered = True
        with suppress(OSError):
            for part in folder.glob("*.part"):
                part.unlink()
        found = [made.without_sound() for path in paths if (made := _read(path)) is not None]
        for path in {*paths} - {folder / f"{recording.number:08}.wav" for recording in found}:
            log.warning("a recording that cannot be read was removed: %s", path.name)
            with suppress(OSError):
                path.unlink(missing_ok=True)
                path.with_suffix(".json").unlink(missing_ok=True)
        self._take_over(folder, [replace(r, session=f"{r.session}.{suffix}") for r in found])
        if found:
            log.info("%d recordings of an earlier run wait for their upload", len(found))

    def _take_over(self, folder: Path, found: list[Recording]) -> None:
        """``found`` come before those of this run, where the folder could be read only late."""
        self._last = max([self._last, *(recording.number for recording in found)])
        later, self._waiting = self._waiting, OrderedDict()
        for recording in found:
            number = recording.number
            if number in later:  # given away in this run, too
                number = self._last = self._last + 1
                for suffix in ("json", "wav", ANSWERED):
                    name = f"{recording.number:08}.{suffix}"
                    with suppress(FileNotFoundError):
                        (folder / name).rename(folder / f"{number:08}.{suffix}")
            self._waiting[number] = replace(recording, number=number)
        self._waiting |= later


def _probe(folder: Path) -> None:
    probe = folder / ".probe"
    probe.touch(mode=0o600)
    probe.unlink()


def _write(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def _read(path: Path) -> Recording | None:
    try:
        meta = json.loads(path.with_suffix(".json").read_text())
        with wave.open(str(path)) as file:
            rate, frames = file.getframerate(), file.getnframes()
            pcm = file.readframes(frames)
        pair = Pair(str(meta["pair"]["source"]), meta["pair"]["target"])
        session, start_ms = str(meta["session"]), int(meta["start_ms"])
        at = None if meta.get("at") is None else float(meta["at"])
        if rate <= 0 or len(pcm) != 2 * frames:
            return None
        replayed = bool(meta.get("replayed")) or path.with_suffix(f".{ANSWERED}").exists()
        return Recording(int(path.stem), session, start_ms, pair, rate, pcm, at, replayed)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        RuntimeError,
        struct.error,
        wave.Error,
    ):
        return None
