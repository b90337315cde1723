from __future__ import annotations

from dataclasses import astuple

import pytest

from agent.report.topics import Topics, birth_topic, discovery_topic


@pytest.mark.parametrize(
    ("field", "name", "qos", "retain"),
    [
        ("status", "status", 1, True),
        ("state", "state", 1, True),
        ("transcript", "transcript", 1, False),
        ("partial", "transcript/partial", 0, False),
        ("event", "event", 1, False),
        ("telemetry", "telemetry", 0, False),
        ("summary", "summary", 1, False),
        ("command", "command", 1, False),
        ("result", "command/result", 1, False),
    ],
)
def test_names_qos_and_retention(field: str, name: str, qos: int, retain: bool) -> None:
    topic = getattr(Topics.of("home/dragoman", "kitchen-1"), field)
    assert astuple(topic) == (f"home/dragoman/kitchen-1/{name}", qos, retain)


def test_home_assistant_topics() -> None:
    assert birth_topic("homeassistant") == "homeassistant/status"
    assert discovery_topic("homeassistant/x").retain
