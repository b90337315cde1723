"""Which ``Host`` and ``Origin`` are ours: a page elsewhere and a rebound name stay outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.web.door import Door

LOOPBACK = Door("127.0.0.1", "kitchen")
NETWORK = Door("0.0.0.0", "Kitchen")

OURS_ANYWHERE = ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LocalHost:1"]
ADDRESSES = ["192.168.1.5:8080", "10.0.0.1", "[fe80::1]:8080", "[2001:db8::1]"]
NAMES = ["kitchen:8080", "KITCHEN", "kitchen.local:8080", "Kitchen.Local"]
FOREIGN = [
    "evil.example",
    "evil.example:8080",
    "127.0.0.1.evil.example:8080",
    "localhost.evil.example",
    "kitchen.evil.example",
    "kitchen.local.evil.example",
    "evil-kitchen",
    "127.0.0.1@evil.example",
    "evil.example/127.0.0.1",
    "127.0.0.1:8080, evil.example",
    "127.0.0.1:",
    "127.0.0.1:999999",
    "[::1",
    "::1",
    "[127.0.0.1.evil]",
    "",
    " localhost",
    "localhost\n",
]


@pytest.mark.parametrize("host", OURS_ANYWHERE)
@pytest.mark.parametrize("door", [LOOPBACK, NETWORK])
def test_loopback_is_always_known(door: Door, host: str) -> None:
    assert door.knows(host)


@pytest.mark.parametrize("host", [*ADDRESSES, *NAMES])
def test_the_network_is_known_where_it_is_listened_to(host: str) -> None:
    assert NETWORK.knows(host)
    assert not LOOPBACK.knows(host)


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("door", [LOOPBACK, NETWORK, Door("pi.lan", ""), Door("::", "")])
def test_a_foreign_name_is_not_known(door: Door, host: str) -> None:
    assert not door.knows(host)


def test_the_name_listened_on_is_known() -> None:
    assert Door("pi.lan", "kitchen").knows("pi.lan:8080")
    assert Door("127.0.0.2", "kitchen").knows("127.0.0.2:8080")


def test_a_machine_without_a_name_knows_no_empty_one() -> None:
    assert not Door("0.0.0.0", "").knows(".local")


@given(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){1,3}(:[0-9]{1,5})?", fullmatch=True))
def test_no_name_of_a_name_server_is_known(host: str) -> None:
    """Names have letters in their last part; what has none is an address."""
    if not any(letter.isalpha() for letter in host.partition(":")[0].rpartition(".")[2]):
        return
    assert not LOOPBACK.knows(host)
    assert NETWORK.knows(host) == (host.partition(":")[0] == "kitchen.local")


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        (None, True),
        ("http://localhost:8080", True),
        ("https://localhost:8080", True),
        ("HTTP://LOCALHOST:8080", True),
        ("http://localhost", False),
        ("http://localhost:80800", False),
        ("http://localhost:3000", False),
        ("http://127.0.0.1:8080", False),
        ("http://localhost:8080.evil.example", False),
        ("http://evil.example", False),
        ("ftp://localhost:8080", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_our_own_page_is_ours(origin: str | None, ours: bool) -> None:
    assert Door.is_ours(origin, "localhost:8080") is ours
