"""Is a device well?  The verdict on what is known of it, with the reasons.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from agent.fleet.roster import Device, Numbers

Verdict = Literal["ok", "warn", "fault"]

#: An online device that gave no telemetry for so long, seconds; one is due every 10.
STALE_S = 15.0

#: A clock ahead of ours by more than this is wrong, seconds.
AHEAD_S = 60.0

SILENT_DBFS = -90.0
LOST_PERCENT = 1.0
PACKET_S = 0.04


class Finding(NamedTuple):
    """Something that is not as it should be; ``name`` stays while the numbers change."""

    verdict: Verdict
    name: str
    text: str


class Limit(NamedTuple):
    """From where on a number of the telemetry is worth a word; None: never a fault.

    ``text`` shows the number divided by ``per``.
    """

    key: str
    warn: float
    fault: float | None
    text: str
    per: float = 1


LIMITS = (
    Limit("temperature_c", 75, 85, "the board is at {:.0f} °C"),
    Limit("backlog_ms", 2000, None, "sends {:.1f} s behind", 1000),
    Limit("round_trip_ms", 1500, None, "the service answers pings after {:.1f} s", 1000),
    Limit("outbox", 100, None, "{:.0f} messages wait for the broker"),
    Limit("cpu_percent", 90, None, "CPU at {:.0f} %"),
)

#: Counters that may grow now and then: the most an hour, and in words.
RATES = (
    ("reconnects", 6, "connects anew {:.0f} times an hour"),
    ("overruns", 10, "{:.0f} overruns of the microphone an hour"),
)
FEW = 3  # so little may be chance


@dataclass(frozen=True, slots=True)
class Health:
    """The worst verdict of all findings."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()


def examine(device: Device, now: float, utc: datetime) -> Health:
    """The health of ``device`` at ``now`` (monotonic seconds), ``utc``."""
    findings = tuple(_findings(device, now, utc))
    verdicts = {finding.verdict for finding in findings}
    worst: Verdict = "fault" if "fault" in verdicts else "warn" if verdicts else "ok"
    return Health(worst, findings)


def _findings(device: Device, now: float, utc: datetime) -> Iterator[Finding]:
    if device.online is False:
        yield Finding("fault", "offline", "not connected to the broker")
        return  # what it said before is history
    if device.online is None and device.measured is None:
        yield Finding("warn", "status", "has never said whether it is online")
    yield from _state(device, utc)
    yield from _silence(device, now)
    yield from _limits(device.telemetry)
    yield from _rates(device.telemetry)
    yield from _speech(device.before, device.telemetry)


def _state(device: Device, utc: datetime) -> Iterator[Finding]:
    state, since = device.state, device.since
    if state is None:
        if device.measured is None:  # else it is there, and the broker may keep nothing
            yield Finding("warn", "state", "has not said its state")
        return
    if state.state == "fault":
        yield Finding("fault", "fault", "its microphone or its service fails: see its log")
    if state.state == "offline":
        yield Finding("fault", "cloud", f"no connection to {state.service or 'its service'}")
    if since is not None and (ahead := (since - utc).total_seconds()) > AHEAD_S:
        yield Finding("warn", "clock", f"its clock is {age(ahead)} ahead")


def _silence(device: Device, now: float) -> Iterator[Finding]:
    silent = now - (device.found if device.measured is None else device.measured)
    if silent > STALE_S:
        yield Finding("warn", "telemetry", f"no telemetry for {age(silent)}")
    levels = [n.get("level_dbfs", 0) for n in (device.before, device.telemetry)]
    if max(levels) <= SILENT_DBFS:  # both: a pause can be digital silence
        yield Finding("warn", "level", f"the microphone is silent ({levels[-1]:.0f} dBFS)")


def _limits(telemetry: Numbers) -> Iterator[Finding]:
    for key, warn, fault, text, per in LIMITS:
        value = telemetry.get(key)
        if value is not None and value >= warn:
            severe = fault is not None and value >= fault
            yield Finding("fault" if severe else "warn", key, text.format(value / per))


def _rates(telemetry: Numbers) -> Iterator[Finding]:
    hours = telemetry.get("uptime_s", 0) / 3600
    for key, most, text in RATES:
        count = telemetry.get(key, 0)
        if hours > 0 and count >= FEW and count / hours > most:
            yield Finding("warn", key, text.format(count / hours))


def _speech(before: Numbers, telemetry: Numbers) -> Iterator[Finding]:
    lost, sent = telemetry.get("lost_packets", 0), telemetry.get("packets_sent", 0)
    restarted = telemetry.get("uptime_s", 0) < before.get("uptime_s", 0)
    fresh = 0 if restarted or not before else lost - before.get("lost_packets", 0)
    percent = 100 * lost / (lost + sent) if lost > 0 <= sent else 0.0
    if fresh > 0:
        yield Finding("fault", "lost", f"loses speech: {fresh * PACKET_S:.1f} s just now")
    elif percent >= LOST_PERCENT:
        yield Finding("warn", "lost", f"{percent:.1f} % of its speech was lost since its start")


def age(seconds: float) -> str:
    """``seconds`` in the largest unit that fits: ``40 s``, ``3 min``, ``5 h``, ``12 d``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(0.0, seconds))} s"
