"""What the tests of ``--live`` share: a device that is not run, and a terminal to draw on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from agent.app import App
from agent.config.credentials import with_demo
from agent.config.schema import Audio, Capture, Config, Device, Mqtt, Playback, Service
from agent.events import Event
from tests.unit.pipeline.timeline import Timeline


@pytest.fixture
def clock() -> Timeline:
    return Timeline()


@pytest.fixture
def app(clock: Timeline) -> Iterator[App]:
    """A device that is not run."""
    made = App(
        Config(
            device=Device(id="kitchen-1"),
            service=with_demo(Service(source="en", target="zh")),
            audio=Audio(
                capture=Capture(device="file:/nonexistent.wav"), playback=Playback(device="null")
            ),
            mqtt=Mqtt(host=None),
        ),
        clock=clock,
    )
    made.controller.start()
    yield made
    made.cloud.free()


@pytest.fixture
def posted(app: App, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What is posted to the device."""
    events: list[Event] = []
    monkeypatch.setattr(app, "post", events.append)
    return events


@pytest.fixture
def pty() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: what a person has, and what a program has."""
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)
