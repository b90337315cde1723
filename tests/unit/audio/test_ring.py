"""The ring: exact losses, no torn packets, nothing allocated that stays."""

from __future__ import annotations

import struct
import sys
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audio.ring import GUARDED, VOICED, Ring
from tests.patience import HANG_S

SIZE = 8


def packet(n: int) -> bytes:
    return n.to_bytes(4, "big") * 2


def test_a_reader_gets_what_was_written_in_order() -> None:
    ring = Ring(SIZE, 4)
    cursor = ring.cursor()
    for n in range(3):
        assert ring.write(packet(n), at=n / 10, flags=VOICED) == n
    read = [cursor.read() for _ in range(3)]
    assert [p.data for p in read if p] == [packet(n) for n in range(3)]
    assert [(p.seq, p.at, p.voiced) for p in read if p] == [
        (0, 0.0, True),
        (1, 0.1, True),
        (2, 0.2, True),
    ]
    assert cursor.read() is None


def test_guarded_speech_is_not_voiced() -> None:
    ring = Ring(SIZE, 4)
    ring.write(packet(0), 0.0, VOICED | GUARDED)
    read = ring.read(0)
    assert read is not None
    assert not read.voiced
    assert not ring.voiced(0)


def test_a_packet_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="8 bytes, not 5"):
        Ring(SIZE, 4).write(b"short", 0.0)


def test_a_ring_needs_room() -> None:
    with pytest.raises(ValueError, match="0 packets"):
        Ring(SIZE, 0)


@given(st.integers(1, 20), st.lists(st.integers(0, 30), max_size=30))
def test_a_lapped_reader_learns_exactly_what_it_lost(capacity: int, bursts: list[int]) -> None:
    ring = Ring(SIZE, capacity)
    cursor = ring.cursor()
    written = 0
    for burst in bursts:
        for _ in range(burst):
            ring.write(packet(written), 0.0)
            written += 1
        before, expected_lost = cursor.seq, max(0, written - capacity - cursor.seq)
        lost = cursor.lost
        read = []
        while (got := cursor.read()) is not None:
            read.append(got)
        assert cursor.lost - lost == expected_lost
        assert [p.seq for p in read] == list(range(before + expected_lost, written))
        assert all(p.data == packet(p.seq) for p in read)
        assert cursor.backlog == 0


def test_no_torn_packet_and_no_uncounted_loss_under_stress() -> None:
    """Writer and readers on threads that switch every microsecond."""
    total, size = 60_000, 640
    ring = Ring(size, 16)
    done = threading.Event()
    problems: list[str] = []
    reads: list[int] = []

    def reader() -> None:
        cursor = ring.cursor(0)
        got = 0
        while not (done.is_set() and cursor.backlog == 0):
            read = cursor.read()
            if read is None:
                continue
            got += 1
            if read.data != read.seq.to_bytes(4, "big") * (size // 4):
                problems.append(f"torn packet {read.seq}")
        reads.append(got)
        if got + cursor.lost != total:
            problems.append(f"{got} read + {cursor.lost} lost != {total}")

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=reader) for _ in range(2)]
        for thread in threads:
            thread.start()
        for n in range(total):
            ring.write(n.to_bytes(4, "big") * (size // 4), 0.0)
        done.set()
        for thread in threads:
            thread.join(HANG_S)
    finally:
        sys.setswitchinterval(old)
    assert problems == []
    assert len(reads) == 2
    assert min(reads) > 0


def test_its_memory_is_flat() -> None:
    """Who finds the buffer later can read it: head, then time, flags and bytes of each slot."""
    ring = Ring(SIZE, 2)
    for n in range(4):
        ring.write(packet(n), n / 10, n)
    memory = bytes(ring._memory)
    head, slots = struct.unpack_from("=Q", memory)[0], struct.iter_unpack("=dB7x8s", memory[8:])
    assert head == 4
    assert list(slots) == [(0.3, 3, packet(3)), (0.1, 1, packet(1)), (0.2, 2, packet(2))]


def test_writing_keeps_no_memory() -> None:
    ring = Ring(1280, 50)
    data = bytes(1280)
    for _ in range(200):
        ring.write(data, 1.0, VOICED)
    tracemalloc.start()
    try:
        for _ in range(200):
            ring.write(data, 1.0, VOICED)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(5_000):
            ring.write(data, 1.0, VOICED)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 512
