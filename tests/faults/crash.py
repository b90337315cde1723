"""The death of the daemon in mid-sentence: what was said is in memory, and the next one has it.

A process is killed between two words of a sentence; another is started as systemd would, on the
same runtime directory, and hears what is said from then on.  What counts is every word the dead
process had recorded whole: its own ring tells how far it came.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from binascii import crc32
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from agent.audio.pcm import PACKET_MS
from agent.clock import SystemClock
from agent.emulator import Emulator
from agent.emulator.engines.scripted import ScriptedEngine
from agent.link.tape import KEEP
from agent.pipeline.crash.file import RECORD_AT, RING_AT, VERSION
from tests.faults import measure
from tests.faults.case import Case, Catalogue
from tests.faults.measure import Outcome
from tests.faults.proxy import Proxy
from tests.faults.rig import BASE, DEMO, TONES
from tests.faults.speech import Speech, Word
from tests.patience import HANG_S
from tests.system.broker import Broker, Observer, wait_until
from tests.system.device import write_config, write_wav

crash = Catalogue()

RESTART_S = 2.0  # RestartSec= of the service
QUIET = bytes(32_000 * 60)  # nobody says anything any more
RECORD_BYTES = (RING_AT - RECORD_AT) // 2
SLOTS = 60_000 // PACKET_MS + 1  # of the ring, one of them guarded
GARBAGE = b"\xa5" * 400

#: A card that takes three seconds over every write.
SLOW_CARD = """
import time
from agent.report.outbox import Outbox
write = Outbox._write
Outbox._write = lambda box: (time.sleep(3), write(box))
"""

Stream = {"name": "twetalk-v2"}


class Lives:
    """A device that dies and is started again; `die` and `live` in turn."""

    def __init__(self, folder: Path, stack: ExitStack, service: dict[str, Any]) -> None:
        self.folder, self.memory = folder, folder / "run" / "memory"
        self.memory.parent.mkdir()
        self._clock, self._stack = SystemClock(), stack
        broker = Broker(folder / "broker")
        broker.start()
        stack.callback(broker.stop)
        self.observer = Observer(broker)
        stack.callback(self.observer.close)
        self.cloud = stack.enter_context(Emulator(engine=ScriptedEngine(TONES)))
        self.way = stack.enter_context(Proxy(int(self.cloud.url.rsplit(":", 1)[1])))
        mqtt = {"host": "127.0.0.1", "port": broker.port, "discovery": None}
        spoken = DEMO | {"source": "en", "target": "zh", "tts": False} | service
        self.config = write_config(
            folder, f"http://127.0.0.1:{self.way.port}", mqtt=mqtt, service=spoken
        )
        self.words: list[Word] = []  #: that were recorded whole
        self.notes: list[str] = []
        self._begun = 0  # packets on the ring before this life, the pause between included
        self._speech = Speech(1)

    def live(self, speech: Speech, before: str = "") -> subprocess.Popen[bytes]:
        """Start the daemon with somebody saying ``speech``; ``before`` is Python it runs first."""
        write_wav(self.folder / "speech.wav", speech.pcm + QUIET)
        self._speech, self._begun = speech, self.packets + (KEEP if self.packets else 0)
        return self._stack.enter_context(daemon(self.config, self.memory.parent, before))

    def die(self, process: subprocess.Popen[bytes], at: Word, number: int = signal.SIGKILL) -> None:
        """Kill it once ``at`` has been said, in the pause before the next word or in that word."""
        wait_until(lambda: self.heard_ms >= at.end_ms, f"word {at.number} to be heard")
        self.kill(process, number)

    def kill(self, process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
        os.kill(process.pid, number)
        process.wait(HANG_S)
        self.words += [word for word in self._speech.words if word.end_ms <= self.heard_ms]

    @property
    def packets(self) -> int:
        """Packets on the ring, over all lives."""
        if not self.memory.exists():
            return 0
        with self.memory.open("rb") as file:
            file.seek(RING_AT)
            return int(struct.unpack("<Q", file.read(8) or bytes(8))[0])

    @property
    def heard_ms(self) -> int:
        """How much of the speech of this life has been recorded, at least."""
        return (self.packets - self._begun) * PACKET_MS

    def begin(self) -> None:
        """The ring of this life is a new one."""
        self._begun = 0

    def wait(self, seconds: float) -> None:
        self._clock.sleep(seconds)

    def end(self, process: subprocess.Popen[bytes], recovered: int = 1) -> Outcome:
        """All is said: wait for every word, then stop the daemon as systemd does."""
        self.words += self._speech.words
        missing = [0]

        def answered() -> bool:
            missing[:] = measure.lost_words(self.words, self.finals)
            return not missing

        try:
            self.observer.wait(answered, "every word")
        except AssertionError:
            self.notes.append(f"words {missing} never came")
        process.send_signal(signal.SIGTERM)
        if process.wait(HANG_S):
            self.notes.append(f"exit code {process.returncode}")
        if self.memory.exists():
            self.notes.append("an orderly stop left speech in the runtime directory")
        self._check_events(recovered)
        finals = measure.unique(self.finals)
        return Outcome(
            words=len(self.words),
            lost_words=measure.lost_words(self.words, finals),
            finals=len(finals),
            duplicates=measure.duplicates(finals),
            replayed=sum(bool(final["replayed"]) for final in finals),
            connections=len(self.cloud.connections),
            notes=self.notes,
        )

    @property
    def finals(self) -> list[dict[str, Any]]:
        return self.observer.objects(f"{BASE}/transcript")

    def _check_events(self, recovered: int) -> None:
        events = measure.unique(self.observer.objects(f"{BASE}/event"))
        found = [event for event in events if event["event"] == "recovered"]
        # None where the death came late, when all was answered.
        if len(found) > recovered or not all(event["duration_ms"] > 0 for event in found):
            self.notes.append(f"events of a recovery: {found}")


@contextmanager
def daemon(config: Path, runtime: Path, before: str) -> Iterator[subprocess.Popen[bytes]]:
    """`dragoman run` with a runtime directory; killed at the end if it still runs."""
    code = f"{before}\nimport sys\nfrom agent.cli import main\nsys.exit(main())"
    command = [sys.executable, "-c", code, "run", "--config", str(config)]
    env = os.environ | {"RUNTIME_DIRECTORY": str(runtime)}
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def fault(
    title: str, expected: str = "the next process has it answered", **service: Any
) -> Callable[[Callable[[Lives], Outcome]], None]:
    """Put a story of `Lives` into the catalogue."""

    def add(tell: Callable[[Lives], Outcome]) -> None:
        def play(folder: Path) -> Outcome:
            with ExitStack() as stack:
                return tell(Lives(folder, stack, Stream | service))

        crash.add(Case(tell.__name__.replace("_", "-"), title, expected, play))

    return add


def _once(lives: Lives, number: int = signal.SIGKILL) -> Outcome:
    speech = Speech(3)
    first = lives.live(speech)
    lives.die(first, speech.words[4], number)  # the second of the second sentence
    lives.wait(RESTART_S)
    return lives.end(lives.live(Speech(2, first=20)))


@fault("kill -9 in mid-sentence")
def crashed(lives: Lives) -> Outcome:
    return _once(lives)


@fault("the watchdog's SIGABRT in mid-sentence")
def crashed_watchdog(lives: Lives) -> Outcome:
    return _once(lives, signal.SIGABRT)


@fault("chunks: kill -9 in mid-sentence", name="tencent-tsi")
def crashed_chunks(lives: Lives) -> Outcome:
    return _once(lives)


@fault("uploads: kill -9 in mid-sentence", name="maas-fast-asr", target=None)
def crashed_uploads(lives: Lives) -> Outcome:
    return _once(lives)


def _unwritten(lives: Lives, answered: Callable[[], object]) -> Outcome:
    """The answer is here, and on its way to a slow card: it dies with the process."""
    first = lives.live(Speech(3), SLOW_CARD)
    wait_until(answered, "an answer")
    lives.wait(0.5)
    lives.kill(first)
    if lives.finals:
        lives.notes.append("the answer was published before it was written")
    lives.wait(RESTART_S)
    return lives.end(lives.live(Speech(2, first=20)))


@fault(
    "kill -9 between an answer and its write to a slow card",
    name="twetalk-asr",  # its finals have times: nothing before them is said twice
    target=None,
)
def crashed_unwritten(lives: Lives) -> Outcome:
    def answered() -> bool:
        results = [result for c in lives.cloud.connections for result in c.results]
        return any('"slice_type": 2' in json.dumps(result) for result in results)

    return _unwritten(lives, answered)


@fault(
    "uploads: kill -9 between an answer and its write to a slow card",
    name="maas-fast-asr",
    target=None,
)
def crashed_unwritten_upload(lives: Lives) -> Outcome:
    return _unwritten(lives, lambda: lives.cloud.exchanges)


@fault("kill -9 with the network away for 10 s")
def crashed_offline(lives: Lives) -> Outcome:
    speech = Speech(6)
    first = lives.live(speech)
    wait_until(lambda: lives.heard_ms >= speech.words[1].end_ms, "two words")
    lives.way.refuse()
    lives.way.cut()
    lives.die(first, speech.words[10])
    lives.wait(RESTART_S)
    second = lives.live(Speech(2, first=20))
    lives.wait(2)
    lives.way.accept()
    return lives.end(second)


@fault("kill -9 twice in a row: the second before anything is answered")
def crashed_twice(lives: Lives) -> Outcome:
    speech, more = Speech(3), Speech(3, first=20)
    first = lives.live(speech)
    lives.die(first, speech.words[4])
    lives.way.refuse()
    lives.wait(RESTART_S)
    second = lives.live(more)
    lives.die(second, more.words[1])
    lives.way.accept()
    lives.wait(RESTART_S)
    return lives.end(lives.live(Speech(2, first=40)), recovered=2)


@fault("kill -9 while the record and a packet were being written")
def crashed_torn(lives: Lives) -> Outcome:
    speech = Speech(3)
    lives.die(lives.live(speech), speech.words[4])
    with lives.memory.open("r+b") as file:
        places = (RECORD_AT, RECORD_AT + RECORD_BYTES)
        older = min(places, key=lambda at: _number(file.fileno(), at))
        os.pwrite(file.fileno(), GARBAGE, older + 4)  # the one that is written next
        slot = (lives.memory.stat().st_size - RING_AT - 8) // SLOTS
        os.pwrite(file.fileno(), GARBAGE, RING_AT + 8 + lives.packets % SLOTS * slot)
    lives.wait(RESTART_S)
    return lives.end(lives.live(Speech(2, first=20)))


def _number(descriptor: int, at: int) -> int:
    return int(struct.unpack("<Q", os.pread(descriptor, 8, at))[0])


@fault("a memory that is cut off is found, then kill -9", "set aside; the new one is used")
def crashed_cut_off(lives: Lives) -> Outcome:
    lives.die(lives.live(Speech(1, first=90)), Speech(1, first=90).words[0])
    os.truncate(lives.memory, 100_000)
    return _after_aside(lives)


@fault("a memory of another version is found, then kill -9", "set aside; the new one is used")
def crashed_version(lives: Lives) -> Outcome:
    lives.die(lives.live(Speech(1, first=90)), Speech(1, first=90).words[0])
    data = lives.memory.read_bytes()
    fields = data[:8] + struct.pack("<I", VERSION + 1) + data[12:40]
    lives.memory.write_bytes(fields + struct.pack("<I", crc32(fields)) + data[44:])
    return _after_aside(lives)


def _after_aside(lives: Lives) -> Outcome:
    lives.words.clear()  # of the process whose memory is spoiled
    kept = lives.memory.with_name("memory.aside")
    speech = Speech(3)
    first = lives.live(speech)
    wait_until(kept.exists, "the memory to be set aside")
    lives.begin()
    lives.die(first, speech.words[4])
    lives.wait(RESTART_S)
    return lives.end(lives.live(Speech(2, first=20)))
