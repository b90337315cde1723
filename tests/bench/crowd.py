"""Many devices' reporters in one process: ``python -m tests.bench.crowd PORT FOLDER FIRST COUNT``.

Each is the device's own thread with its own outbox and MQTT connection, and reports as a
device does that hears a sentence every 5 s.  Says ``connected`` when all are, begins at a
line on standard input, stops at its end and says how many transcripts it has published.
"""

from __future__ import annotations

import heapq
import select
import sys
from collections.abc import Callable
from pathlib import Path

from agent.clock import Clock, SystemClock, rfc3339
from agent.config.schema import Mqtt
from agent.events import Transcript
from agent.report.mqtt import Reporter
from agent.report.telemetry import Telemetry

TRANSCRIPT_EVERY_S = 5.0
TELEMETRY_EVERY_S = 10.0
CONNECT_S = 60.0
FLUSH_S = 30.0


class Device:
    """One reporter, and what it has to say next."""

    def __init__(self, name: str, port: int, folder: Path, clock: Clock) -> None:
        self._clock, self._telemetry = clock, Telemetry(clock.now())
        self._telemetry.gauge("round_trip_ms", 25.0)
        self._telemetry.sample("mic_to_wire", 1.5)
        self.said = 0
        settings = Mqtt(host="127.0.0.1", port=port, outbox=str(folder / f"{name}.db"))
        self.reporter = Reporter(settings, name, lambda _: None, clock=clock)

    def say(self) -> None:
        """Report a final; its text is the time at which it was said."""
        now = f"{self._clock.now():.6f}"
        utc = rfc3339(self._clock.utc())
        self.said += 1
        self.reporter.transcript(
            Transcript("load", self.said, now, "Dos cafés y un vaso de agua, por favor.", "en",
                       "es", 0, 2400, "twetalk-v2", utc, True)
        )  # fmt: skip

    def measure(self) -> None:
        """Report telemetry, with the time at which it was measured."""
        now = self._clock.now()
        self.reporter.telemetry(self._telemetry.snapshot(now) | {"said_at": now})


def main(port: int, folder: Path, first: int, count: int) -> None:
    """Run devices ``first`` and ``count`` - 1 after it."""
    clock = SystemClock()
    devices = [Device(f"load-{first + n}", port, folder, clock) for n in range(count)]
    for device in devices:
        device.reporter.start()
    _wait(clock, CONNECT_S, lambda: all(device.reporter.connected for device in devices))
    print("connected", flush=True)
    sys.stdin.readline()
    _talk(clock, devices)
    _wait(clock, FLUSH_S, lambda: not any(device.reporter.waiting for device in devices))
    print(sum(device.said for device in devices), flush=True)
    for device in devices:
        device.reporter.stop()
    for device in devices:
        device.reporter.join(5)


def _talk(clock: Clock, devices: list[Device]) -> None:
    """Report in even turns until standard input ends."""
    begin, count = clock.now(), len(devices)
    plan = [
        (begin + every * n / count, kind, n, every)
        for kind, every in enumerate((TRANSCRIPT_EVERY_S, TELEMETRY_EVERY_S))
        for n in range(count)
    ]
    heapq.heapify(plan)
    while True:
        at, kind, n, every = plan[0]
        if select.select([sys.stdin], [], [], max(0.0, at - clock.now()))[0]:
            return
        heapq.heapreplace(plan, (at + every, kind, n, every))
        (devices[n].measure if kind else devices[n].say)()


def _wait(clock: Clock, seconds: float, done: Callable[[], bool]) -> None:
    """Return when ``done()`` holds; TimeoutError when it does not in time."""
    limit = clock.now() + seconds
    while not done():
        if clock.now() > limit:
            raise TimeoutError(f"waited {seconds} s in vain")
        clock.sleep(0.02)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
