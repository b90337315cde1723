"""Many devices in one process: ``python -m tests.fleet.crowd HOST FOLDER FIRST COUNT QOS``.

Each is the device's own reporter, with its outbox on disk and its MQTT connection, as the daemon
runs it.  It says a final every 10 s and telemetry as often, and answers commands.  A line on
standard input that says ``hush`` ends the talking; the end of the input ends the process, which
then writes what happened to ``FOLDER/<FIRST>.json``.
"""

from __future__ import annotations

import heapq
import json
import logging
import select
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from agent.clock import SystemClock, rfc3339
from agent.config.schema import Mqtt
from agent.config.secret import Secret
from agent.events import Transcript
from agent.report import payloads
from agent.report.mqtt import Reporter
from agent.report.telemetry import Telemetry
from tests.fleet.cluster import PASSWORD, USER
from tests.fleet.network import PORT

EVERY_S = 10.0
LOOK_S = 0.1
SPREAD_S = 0.02  #: between two devices at the start
FLUSH_S = 60.0


class Device:
    """One reporter, what it has said and when it was away."""

    def __init__(
        self, host: str, number: int, folder: Path, qos: Literal[0, 1], clock: SystemClock
    ) -> None:
        self.name = f"d{number:05}"
        self._clock, self._telemetry = clock, Telemetry(clock.now())
        self.said: list[float] = []  #: when, by index
        self.away: list[list[float]] = []  #: from and until
        self.orders: Counter[str] = Counter()  #: commands carried out, by ref
        self._connected = False
        settings = Mqtt(
            host=host,
            port=PORT,
            username=USER,
            password=Secret(PASSWORD),
            command_qos=qos,
            discovery=None,
            outbox=str(folder / f"{self.name}.db"),
        )
        self.reporter = Reporter(settings, self.name, self._obey, clock=clock)
        self.reporter.state(payloads_state(clock))

    def say(self) -> None:
        """Report a final."""
        index, now = len(self.said), self._clock.now()
        self.said.append(now)
        self.reporter.transcript(
            Transcript(self.name, index, f"no. {index} at {now:.3f}", "y la cuenta, por favor",
                       "en", "es", 0, 2400, "twetalk-v2", rfc3339(self._clock.utc()), True)
        )  # fmt: skip

    def measure(self) -> None:
        """Report telemetry."""
        self.reporter.telemetry(self._telemetry.snapshot(self._clock.now()))

    def look(self) -> None:
        """Note whether the broker is there."""
        connected = self.reporter.connected
        if connected == self._connected:
            return
        self._connected = connected
        if connected and self.away:
            self.away[-1].append(self._clock.now())
        elif not connected:
            self.away.append([self._clock.now()])

    def told(self) -> dict[str, Any]:
        """What happened, for the parent process."""
        waiting = self.reporter.waiting  # on the disk: not lost, but not delivered either
        return {
            "said": self.said, "away": self.away, "orders": self.orders, "waiting": waiting,
            "aside": self.reporter.set_aside,
        }  # fmt: skip

    def _obey(self, command: Mapping[str, Any]) -> None:
        self.orders[str(command.get("ref"))] += 1
        self.reporter.command_result(payloads.result(command))


def payloads_state(clock: SystemClock) -> dict[str, Any]:
    """What a device that waits for a press says of itself."""
    return {"state": "idle", "service": "twetalk-v2", "source": "en", "target": "es",
            "since": rfc3339(clock.utc())}  # fmt: skip


def main(host: str, folder: Path, first: int, count: int, qos: Literal[0, 1]) -> None:
    """Run devices ``first`` and ``count`` - 1 after it."""
    clock = SystemClock()
    logging.basicConfig(level=logging.INFO, format="%(created).3f %(threadName)s %(message)s")
    devices = [Device(host, first + n, folder, qos, clock) for n in range(count)]
    for device in devices:
        device.reporter.start()
        clock.sleep(SPREAD_S)
    print("started", flush=True)
    _talk(clock, devices)
    _wait_quiet(clock, devices)
    print("quiet", flush=True)
    while sys.stdin.readline():
        pass
    for device in devices:
        device.reporter.stop()
    for device in devices:
        device.reporter.join(5)
    told = {device.name: device.told() for device in devices}
    (folder / f"{first}.json").write_text(json.dumps(told))


def _talk(clock: SystemClock, devices: list[Device]) -> None:
    """Report in even turns until a line comes on standard input."""
    begin, count = clock.now(), len(devices)
    plan: list[tuple[float, int, int]] = []
    for n in range(count):
        plan.append((begin + EVERY_S * n / count, 0, n))
        plan.append((begin + EVERY_S * (n + 0.5) / count, 1, n))
    heapq.heapify(plan)
    looked = begin
    while not select.select([sys.stdin], [], [], max(0.0, min(LOOK_S, plan[0][0] - clock.now())))[
        0
    ]:
        now = clock.now()
        if now >= looked + LOOK_S:
            looked = now
            for device in devices:
                device.look()
        while plan[0][0] <= now:
            at, kind, n = plan[0]
            heapq.heapreplace(plan, (at + EVERY_S, kind, n))
            (devices[n].measure if kind else devices[n].say)()
    sys.stdin.readline()


def _wait_quiet(clock: SystemClock, devices: list[Device]) -> None:
    """Until all that was said is acknowledged, or for a minute."""
    limit = clock.now() + FLUSH_S
    while clock.now() < limit and any(device.reporter.waiting for device in devices):
        clock.sleep(LOOK_S)
        for device in devices:
            device.look()


if __name__ == "__main__":
    main(
        sys.argv[1],
        Path(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        1 if sys.argv[5] == "1" else 0,
    )
