"""Opening connections: the one way to the network, whoever wants it.

A name is resolved, its addresses are raced, a proxy is asked to go on, TLS is begun; why
it could not be done is said in plain words.  Every wait asks ``cancelled`` ten times a
second, so that stopping the daemon does not wait for a dead network, and a thread the
watchdog looks after can say that it is alive.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.clock import Clock
from agent.config.proxies import Proxy
from agent.config.schema import Network
from agent.errors import LinkError, UsageError
from agent.link import proxy as proxies
from agent.link.race import Winners, race
from agent.link.resolve import Names
from agent.link.waiter import Cancelled, Waiter, never

#: Seconds: a NAT forgets connections that say nothing; the kernel keeps them in its mind.
KEEPALIVE_S, KEEPALIVE_EVERY_S, KEEPALIVE_TIMES = 15, 5, 3

if TYPE_CHECKING:
    from agent.link.tls import Context


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: for connecting with all handshakes; of silence that mean a dead peer."""

    connect: float = 10.0
    silence: float = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL."""

    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, url: str) -> Target:
        try:
            parts = urlsplit(url)
            secure = parts.scheme in ("wss", "https")
            return cls(parts.hostname or "", parts.port or (443 if secure else 80), secure)
        except ValueError as error:
            raise UsageError(f"service.url: {url}: {error}") from error

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Dialer:
    """Opens connections as the section ``network`` says; may be used by several threads.

    Raises UsageError for a proxy or a file of certificates that cannot be used.
    """

    def __init__(
        self, network: Network, clock: Clock, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.clock = clock
        self._network = network
        self._proxies = proxies.Proxies(network.proxy, environ)
        self._names = Names()
        self._winners = Winners()
        if network.ca_file or network.cert_file:
            self._context()  # an unreadable file is refused now

    def proxy(self, target: Target) -> Proxy | None:
        """The proxy that leads to ``target``, or None."""
        return self._proxies.way(target.host, target.port, secure=target.secure)

    def open(self, target: Target, limits: Limits, cancelled: Cancelled = never) -> socket.socket:
        """A non-blocking socket connected to ``target``, TLS where it is secure.

        Raises LinkError with a message that says what to look at.
        """
        deadline = self.clock.now() + limits.connect
        sock = self.connect(target, limits, cancelled)
        if not target.secure:
            return sock
        from agent.link import tls  # 5 MB, where it is used

        wait = Waiter(str(target), self.clock, deadline, cancelled)
        return tls.secured(sock, self._context(), target.host, wait)

    def connect(
        self,
        target: Target,
        limits: Limits,
        cancelled: Cancelled = never,
        *,
        forwarding: bool = False,
    ) -> socket.socket:
        """The TCP connection alone; to the proxy itself when it is ``forwarding`` requests.

        Raises LinkError, ``proxy`` where the proxy is what fails.
        """
        wait = Waiter(str(target), self.clock, self.clock.now() + limits.connect, cancelled)
        proxy = self.proxy(target)
        if proxy is None:
            return self._tcp(target.host, target.port, limits, wait)
        try:
            near = Waiter(f"the proxy {proxy}", self.clock, wait.deadline, cancelled)
            sock = self._tcp(proxy.host, proxy.port, limits, near)
            if not forwarding:
                _through(sock, proxy, target, near)
        except LinkError as error:
            raise _of_proxy(error, proxy) from error
        return sock

    def _tcp(self, host: str, port: int, limits: Limits, wait: Waiter) -> socket.socket:
        addresses = self._names.find(host, port, wait)
        where, now = f"{host}:{port}", self.clock.now()
        try:
            sock, winner = race(self._winners.first(where, addresses, now), wait)
        except LinkError:
            self._winners.note(where, None, now)
            raise
        self._winners.note(where, winner, now)
        try:
            _tune(sock, limits)
        except OSError as error:
            sock.close()
            raise LinkError(f"{wait.where} hung up at once ({error})", "reset") from error
        return sock

    def _context(self) -> Context:
        from agent.link import tls

        network = self._network
        return tls.context(network.ca_file, "network.ca_file", network.cert_file, network.key_file)


def _through(sock: socket.socket, proxy: Proxy, target: Target, wait: Waiter) -> None:
    try:
        proxies.tunnel(sock, proxy, target.host, target.port, wait)
    except OSError as error:
        sock.close()
        words = f"the proxy {proxy} hung up ({error}); check network.proxy"
        raise LinkError(words, "proxy") from error
    except BaseException:  # whatever ends this, nothing half made stays open
        sock.close()
        raise


def _of_proxy(error: LinkError, proxy: Proxy) -> LinkError:
    """What went wrong on the way to the proxy is the proxy's."""
    if error.kind in ("cancelled", "proxy"):
        return error
    words = str(error).partition(": is ")[0]
    if not words.startswith("the proxy "):
        words = f"the proxy {proxy}: {words}"
    return LinkError(f"{words}; check network.proxy or HTTPS_PROXY", "proxy")


def _tune(sock: socket.socket, limits: Limits) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.silence * 1000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_TIMES)
