from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agent.events import Transcript
from agent.report import payloads
from agent.report.homeassistant import MAX_STATE, STATES, discovery, node_id
from agent.report.telemetry import Telemetry
from agent.report.topics import Topics

TOPICS = Topics.of("dragoman", "kitchen-1")
ENTITIES = {t.name: fields for t, fields in discovery("homeassistant", "kitchen-1", TOPICS).items()}


def entity(component: str, name: str) -> dict[str, Any]:
    return ENTITIES[f"homeassistant/{component}/dragoman_kitchen-1/{name}/config"]


def sentence(text: str, translation: str | None, target: str | None = "en") -> dict[str, Any]:
    value = Transcript("s", 0, text, translation, "zh", target, 0, 1, "youdao", "now", True)
    decoded = json.loads(payloads.encode(payloads.transcript(value)))
    assert isinstance(decoded, dict)
    return decoded


def render(template: str, value_json: dict[str, Any]) -> str:
    """What Jinja makes of the few expressions the templates use."""
    expression = re.fullmatch(r"\{\{ (.*) \}\}", template)
    assert expression, template
    body = expression[1]
    if default := re.fullmatch(r"value_json\.(\w+) \| default\(none\)", body):
        return str(value_json.get(default[1]))
    if cut := re.fullmatch(r"value_json\.(\w+)\[:(\d+)\] if value_json\.\1 else none", body):
        found = value_json.get(cut[1])
        return str(found[: int(cut[2])]) if found else "None"
    if choice := re.fullmatch(r"'(\w+)' if value_json\.(\w+) else '(\w+)'", body):
        return choice[1] if value_json[choice[2]] else choice[3]
    plain = re.fullmatch(r"value_json\.(\w+)", body)
    assert plain, body
    return str(value_json[plain[1]])


def test_the_entities_are_these() -> None:
    assert set(ENTITIES) == {
        f"homeassistant/{component}/dragoman_kitchen-1/{name}/config"
        for component, name in [
            ("sensor", "state"),
            ("sensor", "transcript"),
            ("sensor", "translation"),
            ("switch", "tts"),
            ("switch", "mute"),
            ("number", "volume"),
            ("button", "talk"),
            ("sensor", "round_trip"),
            ("sensor", "reconnects"),
            ("sensor", "backlog"),
            ("sensor", "level"),
        ]
    }


@pytest.mark.parametrize("fields", ENTITIES.values(), ids=lambda fields: str(fields["name"]))
def test_every_entity_belongs_to_the_device(fields: dict[str, Any]) -> None:
    assert fields["availability_topic"] == TOPICS.status.name
    assert fields["device"]["identifiers"] == ["dragoman_kitchen-1"]
    assert fields["device"]["sw_version"]
    assert json.loads(payloads.encode(fields)) == fields


def test_unique_ids_are_unique() -> None:
    assert len({fields["unique_id"] for fields in ENTITIES.values()}) == len(ENTITIES)


def test_messages_are_retained() -> None:
    assert all(t.retain and t.qos == 1 for t in discovery("homeassistant", "x", TOPICS))


@pytest.mark.parametrize("state", STATES)
def test_the_state_is_one_of_the_options(state: str) -> None:
    fields = entity("sensor", "state")
    assert fields["state_topic"] == TOPICS.state.name
    assert render(fields["value_template"], payloads.state(state)) in fields["options"]


def test_a_long_transcript_is_cut_to_what_home_assistant_takes() -> None:
    fields = entity("sensor", "transcript")
    assert render(fields["value_template"], sentence("字" * 300, None)) == "字" * MAX_STATE
    assert fields["state_topic"] == fields["json_attributes_topic"] == TOPICS.transcript.name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (sentence("你好", "hello"), "hello"),
        (sentence("你好", None), "None"),  # Home Assistant's word for unknown
        (sentence("你好", None, target=None), "None"),
    ],
)
def test_the_translation_may_be_missing(value: dict[str, Any], shown: str) -> None:
    assert render(entity("sensor", "translation")["value_template"], value) == shown


@pytest.mark.parametrize(("name", "key"), [("tts", "tts"), ("mute", "muted")])
@pytest.mark.parametrize("on", [True, False])
def test_switches_show_the_state(name: str, key: str, on: bool) -> None:
    fields = entity("switch", name)
    shown = render(fields["value_template"], payloads.state("idle") | {key: on})
    assert shown == fields["state_on" if on else "state_off"]


@pytest.mark.parametrize(
    ("component", "name", "key", "command"),
    [
        ("switch", "tts", "payload_on", {"tts": True}),
        ("switch", "tts", "payload_off", {"tts": False}),
        ("switch", "mute", "payload_on", {"mute": True}),
        ("switch", "mute", "payload_off", {"mute": False}),
        ("button", "talk", "payload_press", {"talk": "toggle"}),
    ],
)
def test_controls_send_commands(component: str, name: str, key: str, command: object) -> None:
    fields = entity(component, name)
    assert fields["command_topic"] == TOPICS.command.name
    assert payloads.parse_command(fields[key].encode()) == command


def test_the_volume_is_a_command_with_a_whole_number() -> None:
    fields = entity("number", "volume")
    body = fields["command_template"].replace("{{ value | int }}", "45")
    assert payloads.parse_command(body.encode()) == {"volume": 45}


@pytest.mark.parametrize(
    ("name", "gauge", "shown"),
    [
        ("round_trip", "round_trip_ms", "41"),
        ("backlog", "backlog_ms", "41"),
        ("level", "level_dbfs", "41"),
        ("reconnects", None, "0"),
    ],
)
def test_diagnostics_read_the_telemetry(name: str, gauge: str | None, shown: str) -> None:
    fields = entity("sensor", name)
    telemetry = Telemetry(0.0)
    before = telemetry.snapshot(1.0)
    if gauge:
        assert render(fields["value_template"], before) == "None"
        telemetry.gauge(gauge, 41)
    assert render(fields["value_template"], telemetry.snapshot(2.0)) == shown
    assert fields["state_topic"] == TOPICS.telemetry.name
    assert fields["entity_category"] == "diagnostic"


def test_ids_are_made_of_allowed_characters_and_stay_different() -> None:
    names = ["kitchen-1", "a.b", "a_b", "厨房", "客厅", "a b"]
    ids = [node_id(name) for name in names]
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", made) for made in ids)
    assert ids[0] == "dragoman_kitchen-1"
    assert node_id("厨房") == ids[3]
