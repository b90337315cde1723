from __future__ import annotations

import json
import re
from typing import Any

import jinja2
import pytest
from msgspec.structs import replace

from agent.control import commands
from agent.events import Notice, Transcript
from agent.report import payloads
from agent.report.homeassistant import MAX_STATE, STATES, discovery, node_id
from agent.report.telemetry import Telemetry
from agent.report.topics import Topics
from agent.services.choices import Choices
from tests.choices import CHOICES

TOPICS = Topics.of("dragoman", "kitchen-1")
STATE = payloads.state("idle", service="twetalk-v2", source="en", target="es", volume=80)


def announced(now: Choices = CHOICES) -> dict[str, dict[str, Any]]:
    made = discovery("homeassistant", "kitchen-1", TOPICS, now)
    return {topic.name: fields for topic, fields in made.items()}


ENTITIES = announced()


def entity(component: str, name: str) -> dict[str, Any]:
    return ENTITIES[f"homeassistant/{component}/dragoman_kitchen-1/{name}/config"]


def sentence(text: str, translation: str | None, target: str | None = "en") -> dict[str, Any]:
    value = Transcript("s", 0, text, translation, "zh", target, 0, 1, "youdao", "now", True)
    decoded = json.loads(payloads.encode(payloads.transcript(value)))
    assert isinstance(decoded, dict)
    return decoded


def render(template: str, value_json: dict[str, Any] | None = None, **known: Any) -> str:
    """What Home Assistant makes of a template: what Jinja does, without blanks around it."""
    return str(jinja2.Template(template).render(value_json=value_json, **known)).strip()


def test_the_entities_are_these() -> None:
    assert set(ENTITIES) == {
        f"homeassistant/{component}/dragoman_kitchen-1/{name}/config"
        for component, name in [
            ("sensor", "state"),
            ("sensor", "transcript"),
            ("sensor", "translation"),
            ("select", "pair"),
            ("select", "source"),
            ("select", "target"),
            ("select", "service"),
            ("switch", "tts"),
            ("switch", "mute"),
            ("number", "volume"),
            ("button", "talk"),
            ("event", "button"),
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
    assert all(t.retain and t.qos == 1 for t in discovery("homeassistant", "x", TOPICS, CHOICES))


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


def test_the_volume_is_a_command_with_a_whole_number_and_shows_what_it_is() -> None:
    fields = entity("number", "volume")
    assert chosen(fields, 45.0) == {"volume": 45}
    assert fields["state_topic"] == TOPICS.state.name
    assert render(fields["value_template"], STATE) == "80"


def chosen(fields: dict[str, Any], value: object) -> dict[str, Any]:
    """The command of a value somebody chose, which the device understands."""
    assert fields["command_topic"] == TOPICS.command.name
    command = payloads.parse_command(render(fields["command_template"], value=value).encode())
    commands.parse(command, buttons=0)
    return command


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        ("pair", "es → en", {"source": "es", "target": "en"}),
        ("source", "zh", {"source": "zh"}),
        ("target", "zh", {"target": "zh"}),
        ("service", "twetalk-asr", {"service": "twetalk-asr"}),
    ],
)
def test_selects_show_what_is_and_send_what_was_chosen(
    name: str, value: str, command: object
) -> None:
    fields = entity("select", name)
    assert value in fields["options"]
    assert chosen(fields, value) == command
    assert fields["state_topic"] == TOPICS.state.name
    assert render(fields["value_template"], STATE) in fields["options"]


def test_without_a_target_home_assistant_shows_unknown() -> None:
    assert render(entity("select", "target")["value_template"], payloads.state("idle")) == "None"


def test_what_cannot_be_chosen_is_not_announced() -> None:
    hearing = replace(CHOICES, targets=(), pairs=(), speaks=False)
    gone = {topic.split("/")[3] for topic in ENTITIES.keys() - announced(hearing).keys()}
    assert gone == {"pair", "target", "tts"}


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        (
            {"action": "press", "button": 2, "origin": "gpio"},
            {"event_type": "press", "button": 2, "origin": "gpio"},
        ),
        (
            {"action": "toggle", "origin": "web"},
            {"event_type": "toggle", "button": 1, "origin": "web"},
        ),
    ],
)
def test_the_talk_button_is_an_event(detail: dict[str, Any], shown: dict[str, Any]) -> None:
    fields = entity("event", "button")
    assert fields["state_topic"] == TOPICS.event.name
    told = payloads.notice(Notice("button", detail), "now")
    event = json.loads(render(fields["value_template"], told))
    assert event == shown
    assert event["event_type"] in fields["event_types"]


def test_other_events_are_none_of_the_button() -> None:
    other = payloads.notice(Notice("outage", {"reason": "x"}), "now")
    assert render(entity("event", "button")["value_template"], other) == ""


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


NAMED = announced(replace(CHOICES, has_name=True))


def test_a_device_with_a_name_has_entities_of_its_own() -> None:
    assert {topic.split("/", 1)[1] for topic in NAMED.keys() - ENTITIES.keys()} == {
        "event/dragoman_kitchen-1/wake/config",
        "binary_sensor/dragoman_kitchen-1/follow_up/config",
    }


@pytest.mark.parametrize(
    ("notice", "shown"),
    [
        (
            Notice("wake", {"word": "okay_nabu", "score": 0.91}),
            {"event_type": "wake", "word": "okay_nabu"},
        ),
        (Notice("follow_up"), {"event_type": "follow_up", "word": ""}),
        (Notice("underrun"), None),
    ],
)
def test_its_name_is_an_event(notice: Notice, shown: dict[str, Any] | None) -> None:
    fields = NAMED["homeassistant/event/dragoman_kitchen-1/wake/config"]
    text = render(fields["value_template"], payloads.notice(notice, "now"))
    assert (json.loads(text) if text else None) == shown
    assert shown is None or shown["event_type"] in fields["event_types"]


def test_the_follow_up_is_on_or_off() -> None:
    template = NAMED["homeassistant/binary_sensor/dragoman_kitchen-1/follow_up/config"]
    shown = [
        render(template["value_template"], payloads.state("idle", follow_up=follow_up))
        for follow_up in (True, False)
    ]
    assert shown == ["ON", "OFF"]
