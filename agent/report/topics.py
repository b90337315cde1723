"""The MQTT topics of one device: every name, its QoS and whether the broker keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and how messages on it are sent."""

    name: str
    qos: int
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Topics:
    """Everything below ``<root>/<device>/``."""

    status: Topic
    state: Topic
    transcript: Topic
    partial: Topic
    event: Topic
    telemetry: Topic
    summary: Topic
    command: Topic
    result: Topic

    @classmethod
    def of(cls, root: str, device: str) -> Topics:
        """The topics of ``device`` when the configuration's ``mqtt.topic`` is ``root``."""
        base = f"{root}/{device}"
        return cls(
            status=Topic(f"{base}/status", qos=1, retain=True),
            state=Topic(f"{base}/state", qos=1, retain=True),
            transcript=Topic(f"{base}/transcript", qos=1),
            partial=Topic(f"{base}/transcript/partial", qos=0),
            event=Topic(f"{base}/event", qos=1),
            telemetry=Topic(f"{base}/telemetry", qos=0),
            summary=Topic(f"{base}/summary", qos=1),
            command=Topic(f"{base}/command", qos=1),
            result=Topic(f"{base}/command/result", qos=1),
        )


def discovery_topic(name: str) -> Topic:
    """A Home Assistant discovery topic: the broker keeps it for a Home Assistant that starts."""
    return Topic(name, qos=1, retain=True)


def birth_topic(prefix: str) -> str:
    """Where Home Assistant says ``online`` when it starts."""
    return f"{prefix}/status"


def is_event(topic: str) -> bool:
    """Whether messages on ``topic`` are events: where there is no room, they go first."""
    return topic.endswith("/event")
