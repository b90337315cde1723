"""Commands to devices and their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.clock import Clock
from agent.config.words import did_you_mean
from agent.errors import UsageError
from agent.fleet.broker import Wire
from agent.fleet.roster import Device, Roster, read, split
from agent.report import payloads
from agent.report.signals import Acked, Incoming
from agent.report.topics import Topics

REFUSED = 0x80  # from here on an acknowledgement is a refusal (MQTT 5)


class Answer(msgspec.Struct, frozen=True):
    """An object on ``command/result``."""

    ok: bool
    ref: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the command on one device."""

    device: str
    ok: bool
    text: str


def result_topic(root: str) -> str:
    """Where the answers of all devices come."""
    return Topics.of(root, "+").result.name


def targets(roster: Roster, names: Sequence[str], where: str) -> list[Device]:
    """The devices called ``names``, each once; all of them where no name is given.

    Raises UsageError for a name that no device of the roster has.
    """
    devices = roster.devices
    for name in names:
        if name not in devices:
            raise UsageError(f"no device '{name}' at {where}{did_you_mean(name, devices)}")
    return [devices[name] for name in dict.fromkeys(names)] or list(devices.values())


class Sending:
    """One command to several devices.

    Args:
        root: the first part of the topics.
        ref: what the answers to this command will carry; used by nobody else.
        tell: is given each outcome as soon as it is known.
    """

    def __init__(self, broker: Wire, root: str, ref: str, tell: Callable[[Outcome], None]) -> None:
        self._broker, self._root, self._ref, self._tell = broker, root, ref, tell
        self._waiting: dict[str, int] = {}  # message ids by device
        self.ok = True  #: whether every device so far has carried it out

    def send(self, fields: Mapping[str, Any], devices: Sequence[Device]) -> None:
        """Publish the command; a device that is offline would never see it and is told of."""
        payload = payloads.encode({**fields, "ref": self._ref})
        for device in devices:
            if device.online is False:
                self._end(device.id, False, "offline: not sent")
            else:
                topic = Topics.of(self._root, device.id).command.name
                self._waiting[device.id] = self._broker.publish(topic, payload)

    def collect(self, clock: Clock, wait_s: float) -> None:
        """Wait for the answers, at most ``wait_s`` seconds."""
        deadline = clock.now() + wait_s
        while self._waiting and (left := deadline - clock.now()) > 0:
            match self._broker.next(left):
                case Acked(message_id, code) if code >= REFUSED:
                    self._refused(message_id)
                case Incoming() as message:
                    self._answered(message)
        for device in list(self._waiting):
            self._end(device, False, f"no answer within {wait_s:g} s")

    def _refused(self, message_id: int) -> None:
        for device in [d for d, sent in self._waiting.items() if sent == message_id]:
            self._end(device, False, "the broker refuses the command: check its access list")

    def _answered(self, message: Incoming) -> None:
        device, rest = split(message.topic, self._root)
        if rest != "command/result" or device not in self._waiting:
            return
        try:
            answer = read(message.payload, Answer)
        except msgspec.MsgspecError:
            return
        if answer.ref == self._ref:
            self._end(device, answer.ok, "ok" if answer.ok else answer.error or "refused")

    def _end(self, device: str, ok: bool, text: str) -> None:
        self._waiting.pop(device, None)
        self.ok = self.ok and ok
        self._tell(Outcome(device, ok, text))
