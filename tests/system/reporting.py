"""A device that reports to the broker of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.config.schema import Mqtt
from agent.events import Transcript
from agent.report.connection import Connection
from agent.report.mqtt import Reporter
from tests.choices import CHOICES
from tests.patience import HANG_S
from tests.system.broker import Observer, wait_until

BASE = "dragoman/kitchen-1"
TRANSCRIPT = f"{BASE}/transcript"


class Device:
    """A reporter as the daemon would run it, with short waits."""

    def __init__(self, folder: Path, port: int, **settings: Any) -> None:
        self.commands: list[Mapping[str, Any]] = []
        self.outbox = folder / "device" / "outbox.db"
        defaults: dict[str, Any] = {"host": "127.0.0.1", "port": port, "outbox": str(self.outbox)}
        self.reporter = Reporter(
            Mqtt(**(defaults | {"discovery": None} | settings)),
            "kitchen-1",
            self.commands.append,
            retry_s=(0.05, 0.2),
            birth_delay_s=0.05,
        )
        self.reporter.choices(CHOICES)

    def __enter__(self) -> Device:
        self.reporter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> float:
        """Stop and join; seconds it took."""
        clock = SystemClock()
        started = clock.now()
        self.reporter.stop()
        assert self.reporter.join(HANG_S)
        return clock.now() - started

    def connected(self) -> Device:
        wait_until(lambda: self.reporter.connected, "the reporter to connect")
        return self

    def say(self, *indexes: int) -> None:
        for index in indexes:
            self.reporter.transcript(sentence(index))

    def cut(self) -> None:
        """Break the connection as a network does: no goodbye."""
        link = self.reporter._line.link
        assert isinstance(link, Connection)
        sock = link._client.socket()
        assert sock is not None
        sock.shutdown(2)  # type: ignore[attr-defined]


def sentence(index: int, final: bool = True) -> Transcript:
    return Transcript(
        "s1", index, f"第{index}句", f"no. {index}", "zh", "en", 0, 9, "youdao", "now", final
    )


def heard(observer: Observer) -> list[int]:
    """The sentences that arrived, in order, repetitions too."""
    return [fields["index"] for fields in observer.objects(TRANSCRIPT)]
