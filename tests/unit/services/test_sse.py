"""Server-Sent Events, whole and cut anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Garbage
from agent.services.sse import MAX_LINE, Decoder, Lines


def decode(*parts: bytes, whole: Callable[[str], bool] | None = None) -> list[str | Garbage]:
    """All events of a stream that came in ``parts`` and then ended."""
    decoder = Decoder(whole) if whole else Decoder()
    return [event for part in parts for event in decoder.feed(part)] + [*decoder.finish()]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data:a\rdata:b\r\rdata: c\r\n\r\n", ["a\nb", "c"]),
        (b"data:  a\n\n", [" a"]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", ["a"]),
        (b": a comment\ndata: a\n: another\ndata: b\n\n", ["a\nb"]),
        (b"event: x\nid: 1\nretry: 5\n\ndata: a\n\n", ["a"]),
        (b"data\n\ndata:\ndata\n\n", ["", "\n"]),
        (b"Data: a\ndatum: b\n data: c\n\n", []),
        (b"\n\n\n", []),
        (b"data: a", ["a"]),
        (b"data: a\n", ["a"]),
        ("data: a\u2028b\u0085c\x0bd\x0ce\n\n".encode(), ["a\u2028b\u0085c\x0bd\x0ce"]),
        (b"data: \xe8\xbf\n\n", ["\ufffd"]),
        (b'data: {"a": 1}\\n\\n', ['{"a": 1}\\n\\n']),
        (b'{\n"a": 1\n}', ['{\n"a": 1\n}']),
        (b'\xef\xbb\xbf {"a": 1}\n\ndata: b\n\n', [' {"a": 1}', "b"]),
        (b'data: a\n{"b": 1}\n\n', ["a"]),
        (b"", []),
    ],
)
def test_streams(stream: bytes, events: list[str]) -> None:
    assert decode(stream) == events
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == events


def test_an_event_comes_with_its_blank_line() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\r") == ["a"]  # not delayed until it is known whether LF follows
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\ndata: b\r\n\r") == ["b"]
    assert decoder.feed(b"\n") == []
    assert decoder.finish() == []


def test_whole_lines_are_events_without_a_blank_line() -> None:
    stream = b"data: a!\ndata: b!\n\ndata: c\ndata: d!\ndata: e\n\n"
    assert decode(stream, whole=lambda line: line.endswith("!")) == ["a!", "b!", "c\nd!\ne"]
    decoder = Decoder(lambda line: line.endswith("!"))
    assert decoder.feed(b"data: a!\n") == ["a!"]


def test_a_character_may_be_cut() -> None:
    data = "data: 这是\n\n".encode()
    for place in range(len(data)):
        assert decode(data[:place], data[place:]) == ["这是"]


def test_a_line_without_end_is_dropped_and_reported_once() -> None:
    decoder = Decoder()
    events: list[str | Garbage] = []
    for _ in range(5):
        events += decoder.feed(b"data: " + b"x" * MAX_LINE)
    events += decoder.feed(b"y\ndata: a\n\n")
    assert events == [Garbage("huge-line", f"over {MAX_LINE} bytes"), "a"]


def test_a_line_of_just_the_limit() -> None:
    lines = Lines(limit=4)
    assert list(lines.feed(b"abcd\nabcde\n")) == ["abcd", Garbage("huge-line", "over 4 bytes")]


def test_nothing_between_cr_and_lf() -> None:
    lines = Lines()
    assert [line for part in (b"a\r", b"", b"\nb\n") for line in lines.feed(part)] == ["a", "b"]


def test_an_event_without_end_is_dropped_and_reported() -> None:
    decoder = Decoder()
    line = b"data: " + b"x" * 1000 + b"\n"
    events = decoder.feed(line * (MAX_LINE // 1000))
    assert events == [Garbage("huge-event", f"over {MAX_LINE} characters")]


FIELDS = [b"data: ", b"data:", b"data", b"a", b": c", b"{", b"}"]
ENDS = [b"\n", b"\r", b"\r\n", "\u2028".encode()]
OTHERS = ["这".encode(), b"\xef\xbb\xbf", b"\xff"]
FRAGMENTS = st.sampled_from([*FIELDS, *ENDS, *OTHERS])
STREAMS = st.lists(FRAGMENTS | st.binary(max_size=3), max_size=30).map(b"".join)
PLACES = st.lists(st.integers(0, 200), max_size=12)


@given(STREAMS, PLACES)
def test_any_cutting_gives_the_same_events(stream: bytes, places: list[int]) -> None:
    for whole in (None, lambda line: line.endswith("}")):
        assert decode(*cut(stream, places), whole=whole) == decode(stream, whole=whole)


@given(STREAMS, PLACES, st.integers(0, 6))
def test_any_cutting_gives_the_same_lines(stream: bytes, places: list[int], limit: int) -> None:
    def read(*parts: bytes) -> list[str | Garbage]:
        lines = Lines(limit)
        return [line for part in parts for line in lines.feed(part)] + [*lines.finish()]

    assert read(*cut(stream, places)) == read(stream)


@given(st.lists(st.text(), max_size=5), st.sampled_from(["\n", "\r", "\r\n"]))
def test_what_is_written_is_read(texts: list[str], end: str) -> None:
    written = [text.replace("\r", "").replace("\n", "") for text in texts]
    stream = "".join(f"data: {text}{end}{end}" for text in written)
    assert decode(stream.encode("utf-8", "replace")) == [
        text.encode("utf-8", "replace").decode() for text in written
    ]
