"""The telemetry as Prometheus reads it: every number, in base units, with a help text."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from agent import __version__
from agent.report import payloads
from agent.report.homeassistant import STATES
from agent.report.metrics import (
    BY_LIBRARY,
    COUNTERS,
    GAUGES,
    QUANTILES,
    SUMMARIES,
    Collector,
    registry,
)
from agent.report.telemetry import Telemetry

AGENT = Path(__file__).parents[3] / "agent"
STATE = payloads.state("listening", service="youdao", source="zh", target="en")


def text(values: Mapping[str, float], state: Mapping[str, Any] = STATE) -> str:
    collector = Collector("kitchen-1", lambda: values, lambda: state)
    return generate_latest(registry(collector)).decode()


def samples(values: Mapping[str, float], state: Mapping[str, Any] = STATE) -> dict[str, float]:
    """The value by name and labels, as Prometheus stores it."""
    return {
        f"{sample.name}{json.dumps(sample.labels, sort_keys=True) if sample.labels else ''}": (
            sample.value
        )
        for family in parse(text(values, state))
        for sample in family.samples
    }


KEPT = {"counter": "count", "window": "sample"}  # those that are kept where there are many


def reported() -> Iterator[tuple[str, str]]:
    """What the package counts and measures: the method and the name, from its source."""
    for path in AGENT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        attr="count" | "gauge" | "sample" | "counter" | "window" as method,
                        value=of,
                    ),
                    args=[ast.Constant(value=str(name)), *_],
                ) if "telemetry" in ast.unparse(of):
                    yield KEPT.get(method, method), name


def test_everything_that_is_counted_and_measured_is_exported() -> None:
    names = {"count": {*COUNTERS}, "gauge": {*COUNTERS, *GAUGES}, "sample": {*SUMMARIES}}
    found = set(reported())
    assert [(method, name) for method, name in found if name not in names[method]] == []
    of_the_board = {"temperature_c", "uptime_s"}
    assert {name for _, name in found} == {*COUNTERS, *GAUGES, *SUMMARIES} - of_the_board


def test_every_number_of_the_telemetry_has_a_metric() -> None:
    telemetry = Telemetry(0.0)
    telemetry.snapshot(1.0)
    assert telemetry.snapshot(2.0).keys() <= {*COUNTERS, *GAUGES, *BY_LIBRARY}
    assert all(f"\n{name} " in text({}) for name in BY_LIBRARY.values())


@pytest.mark.parametrize(
    ("key", "value", "metric", "expected"),
    [
        ("packets_sent", 250, "dragoman_packets_sent_total", 250),
        ("bytes_sent", 320000, "dragoman_sent_bytes_total", 320000),
        ("garbage", 3, "dragoman_garbage_messages_total", 3),
        ("backlog_ms", 1840, "dragoman_backlog_seconds", 1.84),
        ("round_trip_ms", 1.8, "dragoman_round_trip_seconds", 0.0018),
        ("level_dbfs", -41.5, "dragoman_level_dbfs", -41.5),
        ("temperature_c", 51.2, "dragoman_temperature_celsius", 51.2),
        ("uptime_s", 12.5, "dragoman_uptime_seconds", 12.5),
        ("outbox", 7, "dragoman_outbox_messages", 7),
        ("mic_to_wire_p50_ms", 2.5, 'dragoman_mic_to_wire_seconds{"quantile": "0.5"}', 0.0025),
        ("pacing_error_p99_ms", 9, 'dragoman_pacing_error_seconds{"quantile": "0.99"}', 0.009),
    ],
)
def test_numbers_are_in_base_units(key: str, value: float, metric: str, expected: float) -> None:
    found = samples({key: value})
    assert found[metric] == expected
    assert metric not in samples({}), "what is not known is not there"


def test_who_and_what_it_is_stands_in_labels() -> None:
    labels = {"device": "kitchen-1", "version": __version__}
    labels |= {"service": "youdao", "source": "zh", "target": "en"}
    assert samples({})[f"dragoman_info{json.dumps(labels, sort_keys=True)}"] == 1
    recogniser = json.dumps(labels | {"target": ""}, sort_keys=True)
    assert f"dragoman_info{recogniser}" in samples({}, STATE | {"target": None})


def test_the_state_is_one_of_all_states() -> None:
    states = {state: samples({})[f'dragoman_state{{"state": "{state}"}}'] for state in STATES}
    assert states == dict.fromkeys(STATES, 0) | {"listening": 1}


def test_types_and_helps_are_as_the_conventions_want() -> None:
    every = [*COUNTERS.values(), *GAUGES.values(), *SUMMARIES.values()]
    assert len({entry.name for entry in every}) == len(every)
    assert all(entry.help.endswith(".") for entry in every)
    assert not [e.name for e in every if e.name.endswith(("_total", "_ms", "_mb", "_percent"))]
    known = dict.fromkeys([*COUNTERS, *GAUGES], 1)
    families = {family.name: family for family in parse(text(known))}
    assert all(families[f"dragoman_{e.name}"].type == "counter" for e in COUNTERS.values())
    assert all(families[f"dragoman_{e.name}"].type == "gauge" for e in GAUGES.values())
    assert all(family.documentation for family in families.values())


def test_open_metrics_is_spoken_too() -> None:
    values = {"packets_sent": 1, **{f"mic_to_wire_{p}_ms": 2.0 for p in QUANTILES}}
    collector = Collector("k", lambda: values, lambda: STATE)
    spoken = open_metrics(registry(collector)).decode()  # type: ignore[no-untyped-call]
    families = list(parse_open_metrics(spoken))  # type: ignore[no-untyped-call]
    assert {"dragoman", "dragoman_packets_sent"} <= {family.name for family in families}


def test_a_scrape_does_not_disturb_the_telemetry() -> None:
    """The share of the CPU is that since the message before, whoever else looks."""
    telemetry = Telemetry(0.0)
    telemetry.snapshot(10.0)
    window = telemetry._cpu
    assert "cpu_percent" not in telemetry.values(15.0)
    assert telemetry._cpu == window
    telemetry.snapshot(20.0)
    assert telemetry._cpu != window
