"""Speech that has no final when the service dies: each word said before comes in a transcript."""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.measure import words_of
from tests.faults.speech import RATE, Speech
from tests.hardware.checks import Row
from tests.hardware.checks.bench import BASE, SLOW_S, Bench
from tests.hardware.checks.machine import FEED, press, release, sh
from tests.hardware.checks.unit import UNIT, restarted
from tests.system.broker import wait_until
from tests.system.device import write_wav

MEMORY = Path("/run/dragoman/memory")
PLAYED = Path("/proc/asound/Loopback/pcm0p/sub0/status")  # of FEED
SURE_MS = 300  # a word that left the card so long before the death was in the service's memory


@contextmanager
def naming(bench: Bench) -> Iterator[None]:
    """The cloud names every word while the block lasts."""
    script = bench.folder / "tones.yaml"
    script.write_text("hear: tones\n")
    bench.cloud.stop()
    bench.cloud.start(script)
    try:
        yield
    finally:
        bench.cloud.stop()
        bench.cloud.start()


def words_kept(bench: Bench, name: str, first: int, die: Callable[[], object]) -> Iterator[Row]:
    """Somebody who holds the button is in mid-sentence when ``die`` ends the service."""
    speech = Speech(4, first=first)
    wav = write_wav(bench.folder / "words.wav", speech.pcm)
    press()
    with restarted() as restart, subprocess.Popen(["aplay", "-q", "-D", FEED, str(wav)]) as player:
        wait_until(lambda: _played_ms() >= speech.words[7].end_ms + SURE_MS, "eight words", SLOW_S)
        die()
        said_ms = _played_ms() - SURE_MS
        player.terminate()
    release()
    said = {word.number for word in speech.words if word.end_ms <= said_ms}

    def missing() -> set[int]:
        finals = bench.observer.objects(f"{BASE}/transcript")
        return said - {number for final in finals for number in words_of(final)}

    with suppress(AssertionError):  # the row says it
        bench.wait(lambda: not missing(), "every word", 2 * SLOW_S)
    lost = missing()
    seen = f"{len(said) - len(lost)} of {len(said)} words, ready again after {restart[0]:.1f} s"
    yield Row(name, "every word said before", seen, len(said) >= 6 and not lost)


def _played_ms() -> float:
    """How much of what is played has left the card."""
    found = re.search(r"hw_ptr\s*:\s*(\d+)", PLAYED.read_text())
    return int(found[1]) * 1000 / RATE if found else 0.0


def wiped() -> Row:
    """What is said lies where nobody else reads it, and nowhere after a stop."""
    status = MEMORY.stat()
    mode, owner = stat.S_IMODE(status.st_mode), sh("stat", "-c", "%U", str(MEMORY))
    sh("systemctl", "stop", UNIT)
    left = MEMORY.exists()
    sh("systemctl", "start", UNIT)
    seen = f"{mode:04o} of {owner}; {'still there' if left else 'gone'} after a stop"
    good = (mode, owner, left) == (0o600, "dragoman", False)
    return Row("crash memory", "0600 of dragoman; gone after a stop", seen, good)
