"""Which of a broker's addresses is tried first, and what a failure is called."""

from __future__ import annotations

import socket
from collections import Counter
from random import Random

import pytest

from agent.clock import SystemClock
from agent.link.resolve import Address
from agent.report.way import Way
from tests.system.broker import free_port


def address(host: str) -> Address:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return (int(family), int(socket.SOCK_STREAM), 6, "", (host, 1883))


CLUSTER = [address(f"192.0.2.{n}") for n in (1, 2, 3)]


def test_a_fleet_spreads_over_the_nodes_whatever_order_the_name_server_gives() -> None:
    first = Counter(Way(rng=Random(n)).order(CLUSTER)[0][4][0] for n in range(3000))
    assert all(900 < count < 1100 for count in first.values())
    assert len(first) == len(CLUSTER)


def test_all_addresses_are_tried_families_in_turn() -> None:
    both = [*CLUSTER, *(address(f"2001:db8::{n}") for n in (1, 2, 3))]
    for seed in range(20):
        ordered = Way(rng=Random(seed)).order(both)
        assert sorted(ordered) == sorted(both)
        families = [each[0] for each in ordered]
        assert families[::2] == families[:1] * 3
        assert families[1::2] == families[1:2] * 3


def test_it_connects_and_the_socket_waits_in_measure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = Way(SystemClock()).open("127.0.0.1", server.getsockname()[1], 5.0)
        with sock:
            assert sock.gettimeout() == 5.0
            assert sock.getpeername() == server.getsockname()


def test_who_refuses_is_told_in_the_words_of_the_c_library() -> None:
    with pytest.raises(ConnectionRefusedError) as found:
        Way(SystemClock()).open("127.0.0.1", free_port(), 5.0)
    assert found.value.strerror == "Connection refused"


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(OSError, match=r"cannot resolve nowhere\.invalid"):
        Way(SystemClock()).open("nowhere.invalid", 1883, 5.0)
