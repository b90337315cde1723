"""Home Assistant finds the device by itself: the MQTT discovery messages.

One retained message per entity on ``<prefix>/<component>/dragoman_<id>/<object>/config``.
The templates read the payloads of :mod:`agent.report.payloads` and the telemetry;
a value that is missing there renders as ``None``, which Home Assistant shows as unknown.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from agent import __version__
from agent.report.topics import Topic, Topics, discovery_topic
from agent.services.choices import Choices

STATES = ("starting", "idle", "listening", "thinking", "speaking", "offline", "fault")

#: Events of a device that is called by its name.
WAKES = ("wake", "stop_word", "follow_up")

#: Home Assistant refuses a state longer than this many characters.
MAX_STATE = 255

#: A language pair as an option, what renders the one in use, and the command of one chosen.
PAIR = "{} → {}"
PAIR_NOW = PAIR.format("{{ value_json.source }}", "{{ value_json.target }}")
PAIR_CHOSEN = """{"source":"{{ value.split(' → ')[0] }}","target":"{{ value.split(' → ')[1] }}"}"""

Entity = tuple[str, str, dict[str, Any]]


def discovery(
    prefix: str, device: str, topics: Topics, now: Choices
) -> dict[Topic, dict[str, Any]]:
    """The discovery messages of ``device``: objects by their (retained) topics.

    What cannot be chosen ``now`` is not among them.
    """
    node = node_id(device)
    common = {
        "availability_topic": topics.status.name,
        "device": {
            "identifiers": [node],
            "name": device,
            "manufacturer": "dragoman",
            "model": "speech translator",
            "sw_version": __version__,
        },
        "origin": {"name": "dragoman", "sw_version": __version__},
    }
    return {
        discovery_topic(f"{prefix}/{component}/{node}/{name}/config"): (
            {"unique_id": f"{node}_{name}"} | entity | common
        )
        for component, name, entity in _entities(topics, now)
    }


def node_id(device: str) -> str:
    """``dragoman_<device>`` in the characters Home Assistant allows, still unique and stable."""
    clean = re.sub(r"[^A-Za-z0-9_-]", "_", device)
    if clean != device:  # "a.b" and "a_b" are two devices
        clean += f"_{zlib.crc32(device.encode()):08x}"
    return f"dragoman_{clean}"


def _entities(topics: Topics, now: Choices) -> Iterator[Entity]:
    yield _state(topics)
    yield _sentence("transcript", "Last transcript", "mdi:text", "text", topics)
    yield _sentence("translation", "Last translation", "mdi:translate", "translation", topics)
    if now.targets:
        pairs = [PAIR.format(pair.source, pair.target) for pair in now.pairs]
        yield _select(
            "pair", "Languages", "mdi:swap-horizontal", PAIR_NOW, PAIR_CHOSEN, pairs, topics
        )
    yield _choice("source", "Spoken language", "mdi:account-voice", now.sources, topics)
    if now.targets:
        yield _choice("target", "Translate into", "mdi:translate", now.targets, topics)
    yield _choice("service", "Service", "mdi:cloud", now.services, topics)
    if now.speaks:
        yield _switch("tts", "Speech output", "tts", "tts", "mdi:bullhorn", topics)
    yield _switch("mute", "Mute microphone", "muted", "mute", "mdi:microphone-off", topics)
    yield _volume(topics)
    yield _talk(topics)
    yield _button(topics)
    if now.has_name:
        yield _wake(topics)
        yield _follow_up(topics)
    yield _diagnostic("round_trip", "Round trip", "round_trip_ms", "ms", topics)
    yield _diagnostic("reconnects", "Reconnects", "reconnects", None, topics)
    yield _diagnostic("backlog", "Backlog", "backlog_ms", "ms", topics)
    yield _diagnostic("level", "Microphone level", "level_dbfs", "dBFS", topics)


def _state(topics: Topics) -> Entity:
    return (
        "sensor",
        "state",
        {
            "name": "State",
            "icon": "mdi:state-machine",
            "device_class": "enum",
            "options": list(STATES),
            "state_topic": topics.state.name,
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": topics.state.name,
        },
    )


def _sentence(name: str, label: str, icon: str, key: str, topics: Topics) -> Entity:
    value = f"value_json.{key}"
    return (
        "sensor",
        name,
        {
            "name": label,
            "icon": icon,
            "state_topic": topics.transcript.name,
            "value_template": f"{{{{ {value}[:{MAX_STATE}] if {value} else none }}}}",
            "json_attributes_topic": topics.transcript.name,
        },
    )


def _switch(name: str, label: str, key: str, command: str, icon: str, topics: Topics) -> Entity:
    return (
        "switch",
        name,
        {
            "name": label,
            "icon": icon,
            "entity_category": "config",
            "state_topic": topics.state.name,
            "value_template": f"{{{{ 'ON' if value_json.{key} else 'OFF' }}}}",
            "state_on": "ON",
            "state_off": "OFF",
            "command_topic": topics.command.name,
            "payload_on": f'{{"{command}":true}}',
            "payload_off": f'{{"{command}":false}}',
            "qos": 1,
        },
    )


def _choice(name: str, label: str, icon: str, codes: Sequence[str], topics: Topics) -> Entity:
    """A key of ``state`` that is also one of ``command``."""
    value, chosen = f"{{{{ value_json.{name} }}}}", f'{{"{name}":"{{{{ value }}}}"}}'
    return _select(name, label, icon, value, chosen, codes, topics)


def _select(
    name: str,
    label: str,
    icon: str,
    value: str,
    chosen: str,
    options: Sequence[str],
    topics: Topics,
) -> Entity:
    """``value`` is the template of what is shown, ``chosen`` of the command."""
    return (
        "select",
        name,
        {
            "name": label,
            "icon": icon,
            "entity_category": "config",
            "options": list(options),
            "state_topic": topics.state.name,
            "value_template": value,
            "command_topic": topics.command.name,
            "command_template": chosen,
            "qos": 1,
        },
    )


def _volume(topics: Topics) -> Entity:
    return (
        "number",
        "volume",
        {
            "name": "Volume",
            "icon": "mdi:volume-high",
            "entity_category": "config",
            "state_topic": topics.state.name,
            "value_template": "{{ value_json.volume }}",
            "command_topic": topics.command.name,
            "command_template": '{"volume":{{ value | int }}}',
            "min": 0,
            "max": 100,
            "step": 1,
            "unit_of_measurement": "%",
            "qos": 1,
        },
    )


def _talk(topics: Topics) -> Entity:
    return (
        "button",
        "talk",
        {
            "name": "Talk",
            "icon": "mdi:microphone-message",
            "command_topic": topics.command.name,
            "payload_press": '{"talk":"toggle"}',
            "qos": 1,
        },
    )


def _button(topics: Topics) -> Entity:
    """Fires whenever a talk button is pressed or released, on the device or elsewhere.

    Home Assistant passes over what renders as nothing: the other events.
    """
    attributes = (
        '"event_type":"{{ value_json.action }}","origin":"{{ value_json.origin }}",'
        '"button":{{ value_json.button | default(1) }}'
    )
    return (
        "event",
        "button",
        {
            "name": "Talk button",
            "icon": "mdi:gesture-tap-button",
            "device_class": "button",
            "event_types": ["press", "release", "toggle"],
            "state_topic": topics.event.name,
            "value_template": (
                f"{{% if value_json.event == 'button' %}}{{{attributes}}}{{% endif %}}"
            ),
            "qos": 1,
        },
    )


def _wake(topics: Topics) -> Entity:
    """Fires whenever the device hears its name, the stop word, or a voice that needs no name."""
    attributes = (
        '"event_type":"{{ value_json.event }}","word":"{{ value_json.word | default(\'\') }}"'
    )
    return (
        "event",
        "wake",
        {
            "name": "Wake word",
            "icon": "mdi:ear-hearing",
            "event_types": list(WAKES),
            "state_topic": topics.event.name,
            "value_template": (
                f"{{% if value_json.event in {list(WAKES)} %}}{{{attributes}}}{{% endif %}}"
            ),
            "qos": 1,
        },
    )


def _follow_up(topics: Topics) -> Entity:
    return (
        "binary_sensor",
        "follow_up",
        {
            "name": "Follow up",
            "icon": "mdi:chat-question",
            "state_topic": topics.state.name,
            "value_template": "{{ 'ON' if value_json.follow_up else 'OFF' }}",
        },
    )


def _diagnostic(name: str, label: str, key: str, unit: str | None, topics: Topics) -> Entity:
    """A sensor on the telemetry; without a unit it counts, with ``ms`` it is a duration."""
    entity: dict[str, Any] = {
        "name": label,
        "entity_category": "diagnostic",
        "state_class": "measurement" if unit else "total_increasing",
        "state_topic": topics.telemetry.name,
        "value_template": f"{{{{ value_json.{key} | default(none) }}}}",
    }
    if unit:
        entity["unit_of_measurement"] = unit
    if unit == "ms":
        entity["device_class"] = "duration"
    return "sensor", name, entity
