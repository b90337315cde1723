"""The TCP connection to the broker: whichever of its addresses answers.

A cluster stands behind a name with an address a node, and every device asks the same name
servers: so the order in which the addresses are tried is thrown anew at each connection.  That
spreads a fleet over the nodes, and a node that swallows everything costs a device a quarter of a
second (:mod:`agent.link.race`).
"""

from __future__ import annotations

import random
import socket

from agent.clock import Clock, SystemClock
from agent.errors import LinkError
from agent.link.race import interleaved, race
from agent.link.resolve import Address, Names
from agent.link.waiter import Waiter

#: What is sent and not acknowledged by TCP for so long ends the connection, seconds.
SILENCE_S = 20.0


class Way:
    """Knows the addresses of the last time, for when no name server answers."""

    def __init__(self, clock: Clock | None = None, rng: random.Random | None = None) -> None:
        self._clock, self._rng = clock or SystemClock(), rng or random.Random()
        self._names = Names()

    def open(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connected socket whose waits end after ``seconds``; so long it may take to connect.

        Raises OSError, in the words of the C library where it has some.
        """
        wait = Waiter(f"{host}:{port}", self._clock, self._clock.now() + seconds)
        try:
            sock, _ = race(self.order(self._names.find(host, port, wait)), wait)
        except LinkError as error:
            raise _plain(error) from error
        sock.settimeout(seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE_S * 1000))
        return sock

    def order(self, addresses: list[Address]) -> list[Address]:
        """In an order of chance, families in turn."""
        return interleaved(self._rng.sample(addresses, len(addresses)))


def _plain(error: LinkError) -> OSError:
    if error.kind == "refused":
        return ConnectionRefusedError(111, "Connection refused")
    if error.kind == "timeout":
        return TimeoutError("timed out")
    return OSError(str(error))
