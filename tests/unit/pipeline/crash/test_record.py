"""The record that is never torn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pipeline.crash.record import HEAD, Record

SIZE = 128

contents = st.binary(max_size=SIZE // 2 - HEAD.size)


def test_nothing_written_is_nothing() -> None:
    assert Record(memoryview(bytearray(SIZE))).read() is None


@given(st.lists(contents, min_size=1, max_size=6))
def test_the_newest_is_read_also_by_the_next_process(written: list[bytes]) -> None:
    memory = memoryview(bytearray(SIZE))
    record = Record(memory)
    for content in written:
        record.write(content)
        assert record.read() == content
        assert Record(memory).read() == content


@given(st.lists(contents, min_size=1, max_size=4), contents, st.data())
def test_a_torn_writing_leaves_the_one_before(
    written: list[bytes], last: bytes, data: st.DataObject
) -> None:
    """Whatever share of the last writing reached memory, in whatever order."""
    memory = memoryview(bytearray(SIZE))
    record = Record(memory)
    for content in written:
        record.write(content)
    before = bytes(memory)
    record.write(last)
    after = bytes(memory)
    changed = [at for at in range(SIZE) if before[at] != after[at]]
    reached = data.draw(st.sets(st.sampled_from(changed)) if changed else st.just(set()))
    torn = bytearray(before)
    for at in reached:
        torn[at] = after[at]
    assert Record(memoryview(torn)).read() in (written[-1], last)
    if reached == set(changed):
        assert Record(memoryview(torn)).read() == last


@given(contents, contents, contents)
def test_after_a_torn_writing_the_next_one_counts(first: bytes, torn: bytes, then: bytes) -> None:
    memory = memoryview(bytearray(SIZE))
    record = Record(memory)
    record.write(first)
    record.write(torn)
    HEAD.pack_into(memory, 0, 2, len(torn), 0)  # the second goes to the slot in front
    again = Record(memory)
    again.write(then)
    assert Record(memory).read() == then


@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_any_bytes_can_be_looked_at(memory: bytes) -> None:
    record = Record(memoryview(bytearray(memory)))
    record.read()
    record.write(b"new")
    assert record.read() == b"new"


def test_what_is_too_long_is_refused() -> None:
    record = Record(memoryview(bytearray(SIZE)))
    with pytest.raises(ValueError, match="48 is the most"):
        record.write(bytes(49))
    with pytest.raises(ValueError, match="too few"):
        Record(memoryview(bytearray(16)))
