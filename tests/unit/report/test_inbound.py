"""Any bytes may come on a subscribed topic: each is one answer, and nothing dies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.control import commands
from agent.errors import UsageError
from agent.report import payloads
from agent.report.inbound import Inbound
from agent.report.signals import Incoming
from agent.report.topics import Topics

TOPICS = Topics.of("dragoman", "kitchen-1")

#: What looks like a command, with a few bytes of anything in it.
NEARLY = st.builds(
    lambda text, at, junk: text[:at] + junk + text[at:],
    st.sampled_from([b'{"talk": "press", "ref": 1}', b'{"volume": 40}', b'{"source": "en"}']),
    st.integers(0, 30),
    st.binary(max_size=4),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
OBJECTS = st.dictionaries(
    st.sampled_from([*commands.FIELDS, "ref"]) | st.text(max_size=5), VALUES, max_size=4
).map(payloads.encode)


def answers(topic: str, body: bytes) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """What is answered to a message, and what was handed on."""
    answered: list[Mapping[str, Any]] = []
    taken: list[Mapping[str, Any]] = []

    def on_command(fields: Mapping[str, Any]) -> None:
        commands.parse(fields, buttons=2)
        taken.append(fields)

    Inbound(TOPICS, on_command, answered.append, lambda: None).take(Incoming(topic, body, False))
    return answered, taken


@given(st.binary(max_size=200) | NEARLY | OBJECTS)
@example(b"\xff")
@example(b'{"talk": "\xff"}')
@example(b'{"\xed\xa0\x80": 1}')
@example(b"[" * 60_000)
@example(b'{"ref":' * 10_000)
@example(b'{"volume": 1e999}')
@example(b'{"ref": "' + b"x" * 60_000 + b'"}')
@example(b'{"' + b"y" * 60_000 + b'": 1}')
def test_any_bytes_are_a_command_or_one_refusal(body: bytes) -> None:
    answered, taken = answers(TOPICS.command.name, body)
    assert len(answered) + len(taken) == 1
    for answer in answered:
        assert answer["ok"] is False
        assert 0 < len(answer["error"]) <= payloads.MAX_ERROR
        msgspec.json.decode(payloads.encode(answer))


@given(st.binary(max_size=50))
def test_any_bytes_on_the_birth_topic_do_no_harm(body: bytes) -> None:
    assert answers("homeassistant/status", body) == ([], [])


def test_a_command_that_is_too_large_is_not_even_read() -> None:
    with pytest.raises(UsageError, match="too large"):
        payloads.parse_command(b"{" * (payloads.MAX_COMMAND + 1))
