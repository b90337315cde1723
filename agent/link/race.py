"""Connecting to whichever address of a host answers (RFC 8305, "Happy Eyeballs").

Addresses are tried in turn, families alternating, each with a head start of 250 ms, so
that a dead one, such as an IPv6 address behind a router that has no IPv6, costs a quarter
of a second and not a whole timeout.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain, zip_longest

from agent.errors import LinkError
from agent.link.resolve import Address
from agent.link.waiter import Waiter

HEAD_START_S = 0.25  # RFC 8305, section 5: the Connection Attempt Delay
WINNER_S = 600.0  # how long an address that answered is tried first


class Winners:
    """Which address of a host answered last.  A dead family is not tried first again."""

    def __init__(self) -> None:
        self._won: dict[str, tuple[Address, float]] = {}

    def first(self, where: str, addresses: Sequence[Address], now: float) -> list[Address]:
        """``addresses`` of ``where`` in the order to try them."""
        ordered = interleaved(addresses)
        winner, until = self._won.get(where, (None, 0.0))
        return sorted(ordered, key=lambda each: each != winner) if now < until else ordered

    def note(self, where: str, address: Address | None, now: float) -> None:
        """``address`` answered for ``where``; None: nobody did."""
        if address is None:
            self._won.pop(where, None)
        elif self._won.get(where, (None, 0.0))[0] != address:
            self._won[where] = (address, now + WINNER_S)


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """Families in turn, in the resolver's order otherwise (RFC 8305, section 4)."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    mixed = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in mixed if address is not None]


def race(addresses: Sequence[Address], wait: Waiter) -> tuple[socket.socket, Address]:
    """A connected non-blocking socket, and to which of ``addresses``.

    Raises LinkError: that of the last address that failed, ``timeout``, ``cancelled``.
    """
    now, waiting = wait.clock.now, list(addresses)
    running: dict[socket.socket, Address] = {}
    error: LinkError | None = None
    next_at = now()
    with ExitStack() as losers:
        while waiting or running:
            if waiting and now() >= next_at:
                sock, failure = _begin(waiting[0], wait.where)
                if sock is None:
                    error = failure
                else:
                    running[losers.enter_context(sock)] = waiting[0]
                    next_at = now() + HEAD_START_S
                del waiting[0]
                continue
            for sock in wait.connected(list(running), next_at if waiting else wait.deadline + 1):
                error = _outcome(sock, wait.where)
                if error is None:
                    losers.pop_all()
                    return _left(sock, running)
                del running[sock]
                sock.close()
                next_at = now()  # the next one need not wait for one that has failed
    raise error or LinkError(f"{wait.where} has no address", "dns")


def _left(
    winner: socket.socket, running: dict[socket.socket, Address]
) -> tuple[socket.socket, Address]:
    for sock in running:
        if sock is not winner:
            sock.close()
    return winner, running[winner]


def _begin(address: Address, where: str) -> tuple[socket.socket | None, LinkError | None]:
    """Begin to connect; the socket, or why there is none."""
    family, kind, proto, _, place = address
    try:
        sock = socket.socket(family, kind, proto)
    except OSError as failure:  # IPv6 switched off, no descriptors left
        return None, LinkError(f"cannot reach {where}: {failure.strerror}", "unreachable")
    sock.setblocking(False)
    code = sock.connect_ex(place)
    if code in (0, errno.EINPROGRESS):
        return sock, None
    sock.close()
    return None, _failure(code, where)


def _outcome(sock: socket.socket, where: str) -> LinkError | None:
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return _failure(code, where) if code else None


def _failure(code: int, where: str) -> LinkError:
    if code == errno.ECONNREFUSED:
        return LinkError(f"{where} refuses connections: is the service running there?", "refused")
    name = errno.errorcode.get(code, str(code))
    return LinkError(f"cannot reach {where}: {os.strerror(code)} ({name})", "unreachable")
