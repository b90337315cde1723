"""What is known of each device of a fleet: MQTT messages in, devices out.  Pure.

Anybody may publish on these topics.  What does not look as a dragoman publishes it is
left out and counted, and does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from agent.config.schema import DeviceId
from agent.report.payloads import OFFLINE, ONLINE
from agent.report.signals import Incoming
from agent.report.topics import Topics

MOST = 2.0**63  # of a number; what is larger, or none, is a stranger's

#: Larger messages are not looked at, bytes.
MAX_PAYLOAD = 64 * 1024

#: No fleet on one broker is larger; anybody may publish under any name.
MAX_DEVICES = 50_000

#: What of a device's telemetry but the last is looked at (see :mod:`agent.fleet.health`).
BEFORE = ("lost_packets", "uptime_s", "level_dbfs")

Numbers = Mapping[str, int | float]
T = TypeVar("T")


class State(msgspec.Struct, frozen=True):
    """The retained ``state`` of a device; keys of a newer version are passed over."""

    state: str
    service: str | None = None
    source: str | None = None
    target: str | None = None
    tts: bool | None = None
    muted: bool = False
    session: str | None = None
    since: str | None = None
    version: str | None = None


@dataclass(slots=True)
class Device:
    """One device.  Times are monotonic seconds (``found``, ``measured``) or UTC (``heard``)."""

    id: str
    found: float  #: when it was first heard of
    online: bool | None = None  #: None: it has not said
    state: State | None = None
    telemetry: Numbers = field(default_factory=dict)
    before: Numbers = field(default_factory=dict)  #: the telemetry before this one
    measured: float | None = None  #: when the telemetry came
    heard: datetime | None = None  #: when a message came from it, or the broker vouched for it

    @property
    def since(self) -> datetime | None:
        """When its state began, by its own clock."""
        return _time(self.state.since) if self.state is not None else None

    def last_seen(self, utc: datetime) -> datetime | None:
        """When there was a sign of life: a message, or for one that is away its last state."""
        since = self.since
        signs = [sign for sign in (self.heard, since) if sign is not None and sign <= utc]
        return max(signs, default=None)


class Roster:
    """The devices below one root of topics.

    Attributes:
        devices: by id, sorted.
        ignored: how many messages no dragoman would have sent.
        kept: whether the broker has given anything that it keeps.  Some keep nothing, or do not
            give it to who asks for all devices (RabbitMQ): then telemetry is all there is.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._devices: dict[str, Device] = {}
        self._unmeasured: set[str] = set()  # online, without telemetry
        self.ignored = 0
        self.kept = False

    def __len__(self) -> int:
        return len(self._devices)

    @property
    def devices(self) -> dict[str, Device]:
        return dict(sorted(self._devices.items()))

    @property
    def topics(self) -> list[str]:
        """What to subscribe to."""
        topics = Topics.of(self._root, "+")
        return [topic.name for topic in (topics.status, topics.state, topics.telemetry)]

    def complete(self) -> bool:
        """Whether there is telemetry of every device that is online, as far as can be known."""
        return self.kept and not self._unmeasured

    def take(self, message: Incoming, now: float, utc: datetime) -> None:
        """Learn from ``message``, which came at ``now`` (monotonic seconds), ``utc``."""
        name, kind = split(message.topic, self._root)
        if kind not in ("status", "state", "telemetry"):
            return
        if not message.payload and kind in ("status", "state"):
            self._devices.pop(name, None)  # somebody has wiped what the broker kept
            self._unmeasured.discard(name)
            return
        try:
            self._learn(name, kind, message, now, utc)
        except msgspec.MsgspecError:
            self.ignored += 1

    def _learn(self, name: str, kind: str, message: Incoming, now: float, utc: datetime) -> None:
        msgspec.convert(name, DeviceId)
        device = self._devices.get(name) or Device(name, now)
        if device.id not in self._devices and len(self._devices) >= MAX_DEVICES:
            raise msgspec.ValidationError("one device too many")
        if kind == "status":
            device.online = _status(message.payload)
        elif kind == "state":
            device.state = read(message.payload, State)
        else:
            last = device.telemetry
            device.before = {key: last[key] for key in BEFORE if key in last}
            device.telemetry = _numbers(message.payload)
            device.measured = now
        if not message.retained or (kind == "status" and device.online):
            device.heard = utc
        self._devices[name] = device
        self.kept = self.kept or message.retained
        if device.online and device.measured is None:
            self._unmeasured.add(name)
        else:
            self._unmeasured.discard(name)


def split(topic: str, root: str) -> tuple[str, str]:
    """The device and the rest of ``<root>/<device>/<rest>``; empty where it is another topic."""
    if not topic.startswith(f"{root}/"):
        return "", ""
    name, _, rest = topic.removeprefix(f"{root}/").partition("/")
    return name, rest


def read(payload: bytes, kind: type[T]) -> T:
    """The JSON in ``payload`` as a ``kind``.

    Raises msgspec.MsgspecError for everything else.
    """
    if len(payload) > MAX_PAYLOAD:
        raise msgspec.DecodeError("too large")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (RecursionError, UnicodeDecodeError):
        raise msgspec.DecodeError("not JSON") from None


def _status(payload: bytes) -> bool:
    if payload not in (ONLINE, OFFLINE):
        raise msgspec.DecodeError("neither online nor offline")
    return payload == ONLINE


def _numbers(payload: bytes) -> Numbers:
    fields = read(payload, dict[str, Any])
    return {
        key: value
        for key, value in fields.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST
    }


def _time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
