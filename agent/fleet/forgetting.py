"""What the broker keeps of one device, and how it is wiped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.errors import RunError
from agent.fleet.broker import QUIET_S, Wire
from agent.report.homeassistant import node_id
from agent.report.payloads import ONLINE
from agent.report.signals import Acked, Alive, Incoming
from agent.report.topics import Topics

REFUSED = 0x80  # from here on an acknowledgement is a refusal (MQTT 5)
ANSWER_S = 10.0


def topics(root: str, prefix: str, device: str) -> list[str]:
    """Where a device leaves retained messages: its own topics, and Home Assistant's of it."""
    return [f"{root}/{device}/#", f"{prefix}/+/{node_id(device)}/+/config"]


@dataclass
class Kept:
    """The topics the broker keeps something on, in order; whether the device is there."""

    topics: list[str] = field(default_factory=list)
    online: bool = False


def look(broker: Wire, root: str, device: str, clock: Clock) -> Kept:
    """All the broker keeps on the topics that ``broker`` listens to.

    It has all come when the broker has answered a ping after it, and nothing has come since for
    a moment: a broker with much to send lets the answer overtake some of it.  Raises RunError
    where the broker does not answer.
    """
    found: dict[str, None] = {}
    kept = Kept()
    while True:
        known, answered = len(found), False
        broker.ping()
        deadline = clock.now() + ANSWER_S
        while (left := deadline - clock.now()) > 0:
            match broker.next(left):
                case Alive():
                    deadline = min(deadline, clock.now() + QUIET_S)
                    answered = True
                case Incoming() as message if message.retained and message.payload:
                    found[message.topic] = None
                    if message.topic == Topics.of(root, device).status.name:
                        kept.online = message.payload == ONLINE
        if not answered:
            raise RunError(f"the broker at {broker.where} does not answer")
        if len(found) == known:
            kept.topics = sorted(found)
            return kept


def wipe(broker: Wire, names: Sequence[str], clock: Clock) -> list[str]:
    """Have the broker keep nothing on the topics ``names``; those where it did not agree."""
    waiting = {broker.publish(name, b"", retain=True): name for name in names}
    refused: list[str] = []
    deadline = clock.now() + ANSWER_S
    while waiting and (left := deadline - clock.now()) > 0:
        match broker.next(left):
            case Acked(message_id, code) if message_id in waiting:
                name = waiting.pop(message_id)
                if code >= REFUSED:
                    refused.append(name)
    return sorted([*refused, *waiting.values()])
