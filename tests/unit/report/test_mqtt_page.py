"""``docs/mqtt.md`` against the code: topics, keys, events, entities, metrics and examples."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from agent.control import commands
from agent.control.commands import FIELDS
from agent.events import Notice, Transcript
from agent.report import metrics, payloads
from agent.report.homeassistant import STATES, discovery
from agent.report.telemetry import COUNTERS
from agent.report.topics import Topic, Topics
from tests.choices import CHOICES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "mqtt.md").read_text()
TOPICS = Topics.of("dragoman", "kitchen-1")
SPOKEN = Transcript("s", 0, "a", "b", "en", "es", 0, 1, "twetalk-v2", "now", True)
TELEMETRY = {
    *metrics.COUNTERS,
    *metrics.GAUGES,
    *metrics.BY_LIBRARY,
    *(f"{name}_{percentile}_ms" for name in metrics.SUMMARIES for percentile in metrics.QUANTILES),
}


def section(title: str) -> str:
    """What stands under a heading, up to the next of its rank or above."""
    marks, _, _ = title.partition(" ")
    pattern = rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)"
    found = re.search(pattern, PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def examples(title: str) -> list[Any]:
    """The JSON under a heading."""
    blocks = re.findall(r"^```json\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)
    return [json.loads(block) for block in blocks]


def yaml_blocks(title: str) -> list[Any]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in ``text``, without their heads."""
    lines = re.findall(r"^\| (`.*)\|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", cell)


def test_every_topic_is_there_with_its_qos() -> None:
    topics = [getattr(TOPICS, name) for name in TOPICS.__dataclass_fields__]
    said = [
        Topic(f"dragoman/kitchen-1/{words(name)[0]}", int(qos), kept == "yes")
        for name, qos, kept, *_ in rows(section("## Topics").partition("###")[0])
    ]
    assert sorted(said, key=str) == sorted(topics, key=str)
    headings = re.findall(r"^### `(.+)`$", section("## Topics"), re.MULTILINE)
    assert {f"dragoman/kitchen-1/{name}" for name in headings} == {t.name for t in topics}


@pytest.mark.parametrize(
    ("topic", "keys"),
    [
        ("state", payloads.state("idle").keys()),
        ("transcript", payloads.transcript(SPOKEN).keys()),
        ("transcript/partial", payloads.transcript(SPOKEN).keys()),
    ],
)
def test_an_example_has_the_keys_of_the_code(topic: str, keys: set[str]) -> None:
    [example] = examples(f"### `{topic}`")
    assert example.keys() == keys


def test_partials_are_partial_and_finals_final() -> None:
    assert examples("### `transcript`")[0]["final"]
    assert not examples("### `transcript/partial`")[0]["final"]


def test_every_state_is_named() -> None:
    assert set(STATES) <= set(words(section("### `state`")))
    assert examples("### `state`")[0]["state"] in STATES


def notices() -> Iterator[str]:
    """The names of all events, from the source."""
    for path in (ROOT / "agent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id="Notice" | "Seldom"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    yield name


def test_every_event_is_in_the_table_and_examples_hold_its_keys() -> None:
    table = {
        name: words(keys)
        for names, keys, _ in rows(section("### `event`"))
        for name in words(names)
    }
    assert set(table) == set(notices())
    for example in examples("### `event`"):
        assert {"event", "time"} < example.keys() <= {"event", "time", *table[example["event"]]}
        assert payloads.notice(Notice(example["event"]), "now").keys() <= example.keys()


def test_the_telemetry_has_no_key_the_code_has_not() -> None:
    [example] = examples("### `telemetry`")
    assert set(COUNTERS) <= example.keys() <= TELEMETRY
    absent = TELEMETRY - example.keys()
    assert absent <= set(words(section("### `telemetry`"))), "what is not in the example is named"


def test_commands_are_those_of_the_code() -> None:
    listed = {name for names, *_ in rows(section("### `command`")) for name in words(names)}
    assert listed == {*FIELDS, "ref"}
    assert len(examples("### `command`")) == 2
    for example in examples("### `command`"):
        commands.parse(example, buttons=1)


def test_answers_are_those_of_the_code() -> None:
    good, bad = examples("### `command/result`")
    assert good == payloads.result({"ref": "night"})
    assert bad == payloads.result({"ref": "night"}, bad["error"])
    [summary] = examples("### `summary`")
    assert summary.keys() == {"session", "summary", "ref"}


# --- what others make of it ------------------------------------------------------------------


def test_home_assistants_entities_are_those_that_are_announced() -> None:
    listed = {words(name)[0]: label for name, label, *_ in rows(section("## Home Assistant"))}
    announced = {}
    for topic, fields in discovery(
        "homeassistant", "kitchen-1", TOPICS, replace(CHOICES, has_name=True)
    ).items():
        component, name = topic.name.split("/")[1], fields["name"]
        announced[f"{component}.kitchen_1_{name.lower().replace(' ', '_')}"] = name
    assert listed == announced


def test_the_automations_use_what_there_is() -> None:
    [automations] = yaml_blocks("## Home Assistant")
    text = section("## Home Assistant")
    entities = {words(name)[0] for name, *_ in rows(text)}
    used = re.findall(r"entity_id: (\S+)", text)
    assert len(automations) == 4
    assert used
    assert set(used) <= entities
    assert automations[0]["triggers"][0]["topic"] == TOPICS.transcript.name


def test_the_flow_for_node_red_hangs_together() -> None:
    [flow] = examples("## Node-RED")
    nodes = {node["id"]: node for node in flow}
    assert len(nodes) == len(flow)
    wired = [target for node in flow for output in node.get("wires", []) for target in output]
    assert set(wired) <= set(nodes)
    assert {node["broker"] for node in flow if node["type"].startswith("mqtt ")} <= set(nodes)
    anyone = Topics.of("dragoman", "+")
    known = {topic.name for topic in (anyone.transcript, anyone.status, anyone.result)}
    assert {node["topic"] for node in flow if node["type"] == "mqtt in"} == known
    assert TOPICS.command.name in nodes["dragoman-ref"]["func"]
    commands.parse(json.loads(nodes["dragoman-button"]["payload"]), buttons=1)


def test_every_metric_is_in_the_table() -> None:
    table = {
        words(name)[0]: words(keys) or words(said)
        for name, keys, said in rows(section("## Prometheus"))
    }
    expected = {
        "dragoman_info": ["device", "version", "service", "source", "target"],
        "dragoman_state": ["state"],
    }
    expected |= {f"dragoman_{e.name}_total": [k] for k, e in metrics.COUNTERS.items()}
    expected |= {f"dragoman_{e.name}": [k] for k, e in metrics.GAUGES.items()}
    expected |= {
        f"dragoman_{e.name}": [f"{k}_{p}_ms" for p in metrics.QUANTILES]
        for k, e in metrics.SUMMARIES.items()
    }
    expected |= {name: [key] for key, name in metrics.BY_LIBRARY.items()}
    assert table == expected


def test_the_rules_use_metrics_there_are() -> None:
    names = set(re.findall(r"\bdragoman_\w+", " ".join(map(str, yaml_blocks("## Prometheus")))))
    assert names <= {words(name)[0] for name, *_ in rows(section("## Prometheus"))}
    assert len(names) == 2
