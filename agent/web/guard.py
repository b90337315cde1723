"""The password, and how often it may be guessed."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict

from agent.config.secret import Secret

FIRST_S, LONGEST_S = 1.0, 60.0  #: between one attempt of a peer and its next
FORGET_S = 900.0
PEERS = 1000


class Guard:
    """Compares passwords; each attempt makes the same peer's next one wait longer.

    Attempts are given places in time before they are looked at, so that neither many
    connections at once nor hanging up early buys more of them.
    """

    def __init__(self, password: Secret | None) -> None:
        self._digest = _digest(password.reveal()) if password else None
        self._peers: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def needed(self) -> bool:
        """Whether there is a password at all."""
        return self._digest is not None

    def wait_s(self, peer: str, now: float) -> float | None:
        """Seconds until an attempt of ``peer`` may be looked at; None: it has too many waiting."""
        who = network(peer)
        tries, free_at = self._peers.pop(who, (0, now))
        if now - free_at > FORGET_S:
            tries = 0
        at = max(now, free_at)
        refused = at - now > LONGEST_S
        if not refused:
            free_at = at + min(LONGEST_S, FIRST_S * 2.0 ** min(tries, 16))
            tries += 1
        self._peers[who] = (tries, free_at)
        if len(self._peers) > PEERS:
            self._peers.popitem(last=False)
        return None if refused else at - now

    def admits(self, peer: str, attempt: str) -> bool:
        """Whether ``attempt`` is the password; if so, what ``peer`` tried before is forgiven."""
        right = self._digest is None or hmac.compare_digest(_digest(attempt), self._digest)
        if right:
            self._peers.pop(network(peer), None)
        return right


def _digest(text: str) -> bytes:
    """Of equal length whatever the text, so that comparing does not tell its length."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def network(peer: str) -> str:
    """One subscriber: an IPv4 address, or the /64 an IPv6 host picks its addresses from."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if address.version == 4:
        return peer
    return str(ipaddress.ip_network((address, 64), strict=False))
