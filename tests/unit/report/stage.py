"""A reporter with a scripted connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.config.schema import Mqtt
from agent.errors import UsageError
from agent.events import Transcript
from agent.report.mqtt import Reporter
from agent.report.signals import Acked, Down, Post, Up
from tests.choices import CHOICES
from tests.patience import HANG_S

BASE = "dragoman/kitchen-1"


class FakeLink:
    """A connection without a broker: the test says what it signals."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.sent: list[tuple[str, bytes]] = []
        self.opened = self.closed = self.dropped = False
        self.pings = self.renewals = 0

    def open(self) -> None:
        self.opened = True

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> int:
        self.sent.append((topic.removeprefix(f"{BASE}/"), payload))
        return len(self.sent)

    def ping(self) -> None:
        self.pings += 1

    def renew(self) -> None:
        self.renewals += 1

    def drop(self) -> None:
        self.dropped = True

    def close(self) -> None:
        self.closed = True
        self.post(Down("closed"))

    def acknowledge_all(self, seen: int = 0) -> int:
        """Acknowledge everything sent after the first ``seen``; how many there are now."""
        total = len(self.sent)
        for message_id in range(seen + 1, total + 1):
            self.post(Acked(message_id, 0))
        return total

    def on(self, topic: str) -> list[Any]:
        return [json.loads(payload) for name, payload in self.sent if name == topic]


class Stage:
    """A reporter and the links it has made."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.path = folder / "outbox.db"
        self.links: list[FakeLink] = []
        self.commands: list[Mapping[str, Any]] = []
        self.reporter = Reporter(
            Mqtt(outbox=str(self.path), **({"discovery": None} | settings)),
            "kitchen-1",
            self.on_command,
            retry_s=(0.01, 0.05),
            birth_delay_s=0.01,
            connect=self.connect,
        )
        self.reporter.choices(CHOICES)

    def connect(self, post: Post) -> FakeLink:
        self.links.append(FakeLink(post))
        return self.links[-1]

    def on_command(self, fields: Mapping[str, Any]) -> None:
        if fields.get("volume") == 101:
            raise UsageError("volume: at most 100")
        self.commands.append(fields)

    @property
    def link(self) -> FakeLink:
        return self.links[-1]

    def up(self, window: int = 65535) -> FakeLink:
        """Connect the link of the moment."""
        self.until(lambda: bool(self.links) and self.link.opened)
        self.link.post(Up(window))
        self.until(lambda: self.reporter.connected)
        return self.link

    def cut(self, reason: str = "Connection refused") -> None:
        """Lose the link and wait for the next one."""
        self.until(lambda: bool(self.links) and self.link.opened)
        number = len(self.links)
        self.link.post(Down(reason))
        self.until(lambda: len(self.links) > number and self.link.opened)

    def until(self, condition: Callable[[], bool]) -> None:
        clock = SystemClock()
        deadline = clock.now() + HANG_S
        while not condition():
            assert clock.now() < deadline, "waited too long"
            clock.sleep(0.002)

    def stop(self) -> None:
        self.reporter.stop()
        assert self.reporter.join(HANG_S)


def sentence(index: int, final: bool = True) -> Transcript:
    return Transcript("s", index, f"t{index}", None, "zh", None, 0, 1, "youdao", "now", final)


def indexes(link: FakeLink) -> list[int]:
    return [fields["index"] for fields in link.on("transcript")]
