"""Frames: what is sent is what any server reads, and what comes is read in whatever pieces."""

from __future__ import annotations

import subprocess
import sys
from types import BuiltinFunctionType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websocket import ABNF
from websockets.frames import Frame as Theirs
from websockets.frames import Opcode
from websockets.streams import StreamReader

from agent.errors import LinkError
from agent.link.frames import BINARY, PONG, TEXT, Frame, Frames, frame, mask

SIZES = [0, 1, 4, 125, 126, 1280, 65535, 65536, 70_001]


def read(data: bytes) -> Theirs:
    """By another implementation, as a server does."""
    reader = StreamReader()
    reader.feed_data(data)
    parser = Theirs.parse(reader.read_exact, mask=True, max_size=None)
    try:
        while True:
            next(parser)
    except StopIteration as end:
        found: Theirs = end.value
        return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_server_reads_what_was_sent(opcode: int, size: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    found = read(frame(opcode, payload))
    assert (found.opcode, bytes(found.data), found.fin) == (opcode, payload, True)
    assert read(frame(PONG, payload[:125])).opcode is Opcode.PONG


def test_no_two_frames_are_masked_alike() -> None:
    assert len({frame(BINARY, bytes(8)) for _ in range(50)}) == 50


@given(st.binary(max_size=70), st.binary(min_size=4, max_size=4))
def test_masking_is_that_of_the_rfc(payload: bytes, key: bytes) -> None:
    expected = bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))
    assert mask(payload, key) == expected
    assert mask(mask(payload, key), key) == payload
    assert ABNF.mask(key, payload) == expected  # where nothing compiled is installed


def test_the_compiled_masking_is_in_use_and_the_package_around_it_is_not_loaded() -> None:
    assert isinstance(mask, BuiltinFunctionType)
    code = "import sys, agent.link.frames; print('websockets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


messages = st.lists(
    st.tuples(
        st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG]),
        st.binary(max_size=125) | st.just(bytes(300)) | st.just(bytes(66_000)),
    ),
    max_size=8,
)


@given(messages, st.lists(st.integers(1, 3000), min_size=1, max_size=50))
def test_frames_are_read_in_whatever_pieces_they_come(
    sent: list[tuple[Opcode, bytes]], cuts: list[int]
) -> None:
    sent = [(op, data[:125] if op >= Opcode.CLOSE else data) for op, data in sent]
    stream = b"".join(Theirs(op, data).serialize(mask=False) for op, data in sent)
    reader, found, at, turn = Frames(), list[Frame](), 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        found += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert [(f.opcode, f.data, f.fin) for f in found] == [(op, data, True) for op, data in sent]


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_garbage_is_read_or_refused_and_nothing_else(pieces: list[bytes]) -> None:
    reader, refusals = Frames(), list[LinkError]()
    for piece in pieces:
        try:
            for found in reader.feed(piece):
                assert isinstance(found.data, bytes)
        except LinkError as error:
            refusals.append(error)
            break
    assert all(error.kind == "garbage" and len(str(error)) < 300 for error in refusals)
