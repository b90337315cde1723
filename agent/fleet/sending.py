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
NAMED = 3  # devices named for each answer


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
        wait_s: how long to wait for each device's answer, seconds.
        rate: at most so many commands a second; None: as fast as the broker takes them.
    """

    def __init__(
        self,
        broker: Wire,
        root: str,
        ref: str,
        tell: Callable[[Outcome], None],
        *,
        wait_s: float,
        rate: float | None = None,
    ) -> None:
        self._broker, self._root, self._ref, self._tell = broker, root, ref, tell
        self._wait_s, self._every_s = wait_s, 1 / rate if rate else 0.0
        self._waiting: dict[str, float] = {}  # until when, by device, the first to end first
        self._sent: dict[int, str] = {}  # devices by message id
        self.outcomes: list[Outcome] = []

    @property
    def ok(self) -> bool:
        """Whether every device so far has carried it out."""
        return all(outcome.ok for outcome in self.outcomes)

    def run(self, fields: Mapping[str, Any], devices: Sequence[Device], clock: Clock) -> None:
        """Send the command and wait for the answers.

        A device that is offline would never see it and is told of.
        """
        payload = payloads.encode({**fields, "ref": self._ref})
        due = clock.now()
        for device in devices:
            if device.online is False:
                self._end(device.id, False, "offline: not sent")
                continue
            self._listen(clock, due)
            clock.sleep(due - clock.now())
            topic = Topics.of(self._root, device.id).command.name
            self._sent[self._broker.publish(topic, payload)] = device.id
            self._waiting[device.id] = clock.now() + self._wait_s
            due = max(due + self._every_s, clock.now() - self._every_s)
        while self._waiting:
            self._listen(clock, next(iter(self._waiting.values())))

    def _listen(self, clock: Clock, until: float) -> None:
        """Take answers until then; whose time is over has not answered."""
        while self._waiting and (left := until - clock.now()) > 0:
            match self._broker.next(left):
                case Acked(message_id, code):
                    self._taken(message_id, code)
                case Incoming() as message:
                    self._answered(message)
        for device in [d for d, deadline in self._waiting.items() if deadline <= clock.now()]:
            self._end(device, False, f"no answer within {self._wait_s:g} s")

    def _taken(self, message_id: int, code: int) -> None:
        device = self._sent.pop(message_id, "")
        if code >= REFUSED and device in self._waiting:
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
        outcome = Outcome(device, ok, text)
        self.outcomes.append(outcome)
        self._tell(outcome)


def canaries(devices: Sequence[Device], first: int) -> tuple[list[Device], list[Device]]:
    """The ``first`` devices that are there, to try a command on, and all others."""
    chosen = [device for device in devices if device.online is not False][:first]
    names = {device.id for device in chosen}
    return chosen, [device for device in devices if device.id not in names]


def answers(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    """Who answered what, the most frequent answer first: the answer, how many, a few of them."""
    by_text: dict[str, list[str]] = {}
    for outcome in outcomes:
        by_text.setdefault(outcome.text, []).append(outcome.device)
    ordered = sorted(by_text.items(), key=lambda item: -len(item[1]))
    return [
        (text, str(len(names)), ", ".join(sorted(names)[:NAMED]) + ", …" * (len(names) > NAMED))
        for text, names in ordered
    ]
