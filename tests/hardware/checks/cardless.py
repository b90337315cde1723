"""The service on a board whose sound card's driver is not loaded yet."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.hardware.checks import Row
from tests.hardware.checks.bench import SLOW_S, Bench
from tests.hardware.checks.machine import plug, press, release, sh, unplug
from tests.hardware.checks.unit import UNIT, show
from tests.system.broker import wait_until

ATTEMPTS = 4
LATE_S = 30  # to be ready: what is left of an attempt that fails, RestartSec=, and a start


def cardless(bench: Bench) -> Iterator[Row]:
    """It fails in words, systemd goes on starting it, and the card makes it ready."""
    sh("systemctl", "stop", UNIT)
    unplug()
    begun = time.time()
    try:
        sh("systemctl", "start", "--no-block", UNIT)
        wait_until(lambda: int(show("NRestarts")) >= ATTEMPTS, "restarts", ATTEMPTS * SLOW_S)
        tries, lines = int(show("NRestarts")), _log(begun)
    finally:
        loaded = time.time()
        plug()
    told = [line for line in lines if "hw:Loopback" in line]
    print("  ", *dict.fromkeys(lines), sep="\n      ")
    mended = sum("; plug it in" in line for line in told)
    seen = f"{len(lines)} lines in {tries} restarts, {len(told)} name it, {mended} the mend"
    good = tries <= mended == len(told) == len(lines) <= tries + 1
    yield Row("no card: what the service says", "a line each: the card, the mend", seen, good)
    limit, burst = show("StartLimitIntervalUSec"), show("StartLimitBurst")
    seen = "never" if limit == "0" else f"after {burst} starts in {limit}"
    yield Row("no card: systemd gives up", "never", seen, limit == "0")
    wait_until(lambda: show("ActiveState") == "active", "the service", SLOW_S)
    late = time.time() - loaded
    bench.next_state("listening", press())
    release()
    seen = f"after {late:.1f} s, {show('NRestarts')} restarts"
    yield Row("card loaded: service ready", f"≤ {LATE_S} s, by itself", seen, late <= LATE_S)


def _log(since: float) -> list[str]:
    """What the service itself has said since then."""
    options = ("-u", UNIT, "-t", "dragoman", "-o", "cat", "--no-pager", f"--since=@{since:.3f}")
    return sh("journalctl", *options).splitlines()
