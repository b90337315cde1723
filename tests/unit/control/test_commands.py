"""Commands: one clear line for everything that cannot be done."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.control.commands import FIELDS, parse
from agent.errors import UsageError


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "nothing to do: give at least one of talk, button"),
        ({"ref": 1}, "nothing to do"),
        ({"volum": 3}, "unknown field 'volum'; did you mean 'volume'?"),
        ({"volume": 101}, "volume: expected int <= 100"),
        ({"volume": "5"}, "volume: expected int"),
        ({"talk": "shout"}, "talk: invalid enum value 'shout'"),
        ({"tts": 1}, "tts: expected bool"),
        ({"source": "klingon!"}, "source: expected a language code such as zh or en-US"),
        ({"button": 1}, "nothing to do"),
        ({"button": 1, "mute": True}, "button goes with talk"),
        ({"talk": "press", "button": 3}, "button 3: this device has 2"),
        ({"restart": False}, "restart: invalid enum value"),
    ],
)
def test_a_wrong_command(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(fields, buttons=2)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_everything_at_once() -> None:
    order = parse(
        {"talk": "press", "button": 2, "tts": False, "source": "en", "volume": 0, "ref": [1]}, 2
    )
    assert (order.talk, order.button, order.tts, order.volume) == ("press", 2, False, 0)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "ref"]) | st.text(), json, max_size=6))
def test_nothing_but_a_usage_error_ever_comes_out(fields: dict[str, Any]) -> None:
    with suppress(UsageError):
        parse(fields, 1)
