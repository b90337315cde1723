from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.app import App
from agent.config.credentials import with_demo
from agent.config.schema import Audio, Capture, Config, Device, Mqtt, Playback, Service, Web
from tests.unit.pipeline.timeline import Timeline


@pytest.fixture
def app() -> Iterator[App]:
    """A device that is not run: what is posted stays in its inbox."""
    made = App(
        Config(
            device=Device(id="kitchen-1"),
            service=with_demo(Service(source="en", target="zh")),
            audio=Audio(
                capture=Capture(device="file:/nonexistent.wav"), playback=Playback(device="null")
            ),
            mqtt=Mqtt(host=None),
            web=Web(listen="127.0.0.1:0"),
        ),
        clock=Timeline(),
    )
    made.controller.start()
    yield made
    made.cloud.free()
