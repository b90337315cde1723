"""Names to addresses, in a time that is bounded although ``getaddrinfo`` is not.

A name server that swallows questions holds ``getaddrinfo`` for half a minute and nothing
can end it, so each question runs in a thread of its own and is left behind when it takes
too long.  A name is asked once at a time: who comes meanwhile waits for the same answer.
"""

from __future__ import annotations

import socket
import threading

from agent.errors import LinkError
from agent.link.waiter import Waiter
from agent.threads import Errand

KNOWN_S = 1.0  # for a name that was found before: then its last addresses are tried

#: Family, type, protocol, canonical name, socket address; as ``getaddrinfo`` gives them.
Address = tuple[int, int, int, str, tuple[object, ...]]


class Names:
    """Asks, and remembers the last good answer for when nobody answers.  For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, int], Errand[list[Address]]] = {}
        self._known: dict[tuple[str, int], list[Address]] = {}

    def find(self, host: str, port: int, wait: Waiter) -> list[Address]:
        """The addresses of ``host``, best first; LinkError ``dns`` or ``cancelled``."""
        if numeric := _numeric(host, port):
            return numeric
        known = self._known.get((host, port))
        if known is not None:
            wait = wait.by(wait.clock.now() + KNOWN_S)
        try:
            return self._answer(host, port, wait)
        except LinkError as error:
            if known is None or error.kind == "cancelled":
                raise
            return known

    def _answer(self, host: str, port: int, wait: Waiter) -> list[Address]:
        question = self._ask(host, port)
        try:
            while not question.done(wait.slice()):
                pass
            found = question.result()
        except LinkError as error:
            if error.kind == "cancelled":
                raise
            raise LinkError(
                f"cannot resolve {host}: the name server does not answer", "dns"
            ) from error
        except (OSError, UnicodeError) as error:
            raise LinkError(
                f"cannot resolve {host}: is the network up, DNS set and the name right? ({error})",
                "dns",
            ) from error
        if not found:
            raise LinkError(f"{host} has no address", "dns")
        with self._lock:
            self._known[host, port] = found
        return found

    def _ask(self, host: str, port: int) -> Errand[list[Address]]:
        with self._lock:
            question = self._asked.get((host, port))
            if question is None or question.done():
                question = Errand("resolver", lambda: _look_up(host, port))
                self._asked[host, port] = question
            return question


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(int(f), int(k), p, name, tuple(a)) for f, k, p, name, a in found]


def _numeric(host: str, port: int) -> list[Address]:
    """The address that ``host`` is, if it is one: that needs no name server."""
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
