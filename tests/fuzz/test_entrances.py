"""A short run of all entrances in the test command: what was found once, and its neighbours."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.entrances import ENTRANCES


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", ENTRANCES)
def test_what_was_found_once(name: str) -> None:
    entrance = ENTRANCES[name]
    for data in (b"", *entrance.corpus(name)):
        entrance.take(data)


def mutated(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """``data`` with bytes replaced by others, here and there."""
    for at, length, instead in edits:
        place = at % (len(data) + 1)
        data = data[:place] + instead + data[place + length :]
    return data


EDITS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 8), st.binary(max_size=8)), max_size=4
)


@pytest.mark.parametrize("name", ENTRANCES)
@settings(max_examples=40)
@given(st.data())
def test_anything_near_it(name: str, data: st.DataObject) -> None:
    entrance = ENTRANCES[name]
    seed = data.draw(st.sampled_from(entrance.corpus(name)))
    entrance.take(mutated(seed, data.draw(EDITS)))
