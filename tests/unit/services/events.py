"""Comparing events with vectors, and JSON of any shape."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)


def assert_is(event: object, expected: dict[str, dict[str, Any]]) -> None:
    """``event`` has the type and (at least) the fields a vector names."""
    [(name, fields)] = expected.items()
    assert type(event).__name__ == name
    assert {key: getattr(event, key) for key in fields} == fields
