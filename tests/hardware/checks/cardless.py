"""The service on a board whose sound card's driver is not loaded yet."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.hardware.checks import Row
from tests.hardware.checks.bench import SLOW_S, Bench
from tests.hardware.checks.machine import plug, press, release, sh, unplug
from tests.hardware.checks.unit import UNIT, show
from tests.system.broker import wait_until

QUIET_S = 10  # how long it is watched without its card
LATE_S = 30  # for the microphone to be back


def cardless(bench: Bench) -> Iterator[Row]:
    """It is ready all the same, says what it misses, and takes the card when it comes."""
    sh("systemctl", "stop", UNIT)
    unplug()
    begun = time.time()
    try:
        sh("systemctl", "start", UNIT)
        time.sleep(QUIET_S)
        state, tries, lines = show("ActiveState"), show("NRestarts"), _log(begun)
    finally:
        loaded = time.time()
        plug()
    told = [line for line in lines if "hw:Loopback" in line and "; plug it in" in line]
    print("  ", *dict.fromkeys(lines), sep="\n      ")
    good = state == "active" and tries == "0"
    yield Row("no card: the service", "active, 0 restarts", f"{state}, {tries} restarts", good)
    seen = f"{len(told)} lines with the card and the mend"
    yield Row("no card: what it says", "a line each: microphone, speaker", seen, len(told) == 2)
    wait_until(lambda: any("microphone is back" in line for line in _log(loaded)), "it", SLOW_S)
    late = time.time() - loaded
    bench.next_state("listening", press())
    release()
    seen = f"after {late:.1f} s, and obeys the button"
    yield Row("card loaded: microphone back", f"≤ {LATE_S} s, by itself", seen, late <= LATE_S)


def _log(since: float) -> list[str]:
    """What the service itself has said since then."""
    options = ("-u", UNIT, "-t", "dragoman", "-o", "cat", "--no-pager", f"--since=@{since:.3f}")
    return sh("journalctl", *options).splitlines()
