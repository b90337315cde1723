"""The watchdog is fed while the threads that carry sound make progress, and only then."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent.clock import ManualClock
from agent.control.controller import Controller
from agent.control.supervisor import STALLED_S, Supervisor
from agent.system.systemd import Notifier
from agent.threads import Worker


class Manager(Notifier):
    """Remembers what the service manager was told."""

    def __init__(self, watchdog_s: float | None = 7.5) -> None:
        super().__init__({})
        self.watchdog_s = watchdog_s
        self.told: list[str] = []

    def ready(self) -> None:
        self.told.append("ready")

    def alive(self) -> None:
        self.told.append("alive")

    def stopping(self) -> None:
        self.told.append("stopping")

    def status(self, text: str) -> None:
        self.told.append(text)


class Scene:
    """A supervisor with three threads that make progress when told."""

    def __init__(self, watchdog_s: float | None = 7.5) -> None:
        self.clock = ManualClock()
        self.manager = Manager(watchdog_s)
        self.capture, self.player, self.sender = (self._worker(n) for n in "cps")
        self.receiver = self._worker("receiver")
        self.capture.name, self.player.name, self.sender.name = "capture", "player", "sender"
        self.machine = SimpleNamespace(ended=False)
        cloud = SimpleNamespace(workers=(self.receiver, self.sender))
        controller = cast(Controller, SimpleNamespace(machine=self.machine, cloud=cloud))
        self.supervisor = Supervisor(self.manager, self.capture, self.player, controller)

    def _worker(self, name: str) -> Worker:
        worker = Worker(self.clock)
        worker.name = name
        return worker

    def live(self, seconds: float, *workers: Worker) -> int:
        """Let time pass in ticks of 0.1 s with ``workers`` at work; how often it was fed."""
        before = self.manager.told.count("alive")
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            for worker in workers:
                worker.beat()
            self.supervisor.check(self.clock.now())
        return self.manager.told.count("alive") - before

    @property
    def threads(self) -> list[Worker]:
        return [self.capture, self.player, self.sender]


@pytest.mark.parametrize(("watchdog_s", "times"), [(7.5, 10), (1.0, 20), (None, 20)])
def test_it_feeds_often_enough(watchdog_s: float | None, times: int) -> None:
    scene = Scene(watchdog_s)
    assert times - 3 <= scene.live(10, *scene.threads) <= times


@pytest.mark.parametrize("stuck", ["capture", "player", "sender"])
def test_a_thread_without_progress_starves_the_dog(
    stuck: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    others = [worker for worker in scene.threads if worker.name != stuck]
    scene.live(STALLED_S + 1.1, *others)
    with caplog.at_level(logging.ERROR):
        assert scene.live(30, *others) == 0
    assert scene.manager.told.count(f"stalled: {stuck}") == 1
    assert scene.live(5, *scene.threads) > 3


def test_the_receiver_may_wait() -> None:
    scene = Scene()
    assert scene.live(60, *scene.threads) > 50


def test_a_microphone_that_has_ended_is_not_expected_to_go_on() -> None:
    scene = Scene()
    scene.machine.ended = True
    assert scene.live(60, scene.player, scene.sender) > 50


def test_a_stall_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    with caplog.at_level(logging.ERROR):
        scene.live(60)
    [record] = caplog.records
    assert record.getMessage() == "no progress for 5 s: capture, sender, player"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "idle · twetalk-v2 · zh → en"),
        ({"muted": True, "target": None}, "idle, muted · twetalk-v2 · zh → –"),
    ],
)
def test_the_status_is_for_people(changes: dict[str, Any], text: str) -> None:
    scene = Scene()
    state = {"state": "idle", "service": "twetalk-v2", "source": "zh", "target": "en"}
    scene.supervisor.show(state | {"muted": False} | changes)
    assert scene.manager.told == [text]


def test_beginning_and_end_are_told() -> None:
    scene = Scene()
    scene.supervisor.ready()
    scene.supervisor.stopping()
    assert scene.manager.told == ["ready", "stopping"]
