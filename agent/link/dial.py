"""Opening a TCP or TLS connection, and saying in plain words why it could not be.

Every wait looks at ``cancelled`` ten times a second, so that stopping the daemon does
not wait for a dead network.
"""

from __future__ import annotations

import errno
import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from agent.clock import Clock
from agent.errors import LinkError, UsageError
from agent.link import tls

SLICE_S = 0.1
SEND_BUFFER = 32 * 1024  # bytes; about a second of audio: a backlog belongs in the ring


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


def dial(
    url: str,
    limits: Limits,
    clock: Clock,
    ca_file: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> socket.socket:
    """A connected non-blocking socket (TLS for ``wss``/``https``).

    Raises LinkError with a message that says what to look at.
    """
    target = Target.of(url)
    context = tls.context(ca_file) if target.secure else None
    deadline = clock.now() + limits.connect
    sock = _connect_any(target, _Waiter(target, clock, deadline, cancelled))
    try:
        _tune(sock, limits)
        wait = _Waiter(target, clock, deadline, cancelled)
        return sock if context is None else _secure(sock, target, context, wait)
    except (OSError, ValueError) as error:
        sock.close()
        raise LinkError(f"{target} hung up at once ({error})", "reset") from error
    except BaseException:  # whatever ends this, nothing half made stays open
        sock.close()
        raise


@dataclass(frozen=True, slots=True)
class _Waiter:
    target: Target
    clock: Clock
    deadline: float
    cancelled: Callable[[], bool]

    def share(self, parts: int) -> _Waiter:
        """A waiter for one of ``parts`` attempts of equal length."""
        now = self.clock.now()
        return replace(self, deadline=now + (self.deadline - now) / parts)

    def until_ready(self, sock: socket.socket, *, write: bool) -> None:
        """Wait for ``sock``; LinkError ``timeout`` or ``cancelled``."""
        while True:
            if self.cancelled():
                raise LinkError("connecting was cancelled", "cancelled")
            left = self.deadline - self.clock.now()
            if left <= 0:
                raise LinkError(f"{self.target} did not answer in time", "timeout")
            fds = [sock]
            readable, writable, _ = select.select(
                [] if write else fds, fds if write else [], [], min(left, SLICE_S)
            )
            if readable or writable:
                return


def _connect_any(target: Target, wait: _Waiter) -> socket.socket:
    """The first address that answers; each gets its share of the time that is left."""
    addresses = _resolve(target)
    error: LinkError | None = None
    for index, (family, kind, proto, _, address) in enumerate(addresses):
        try:
            sock = socket.socket(family, kind, proto)
        except OSError as failure:  # IPv6 switched off, no descriptors left
            error = LinkError(f"cannot reach {target}: {failure.strerror}", "unreachable")
            continue
        try:
            sock.setblocking(False)
            _connect(sock, address, target, wait.share(len(addresses) - index))
            return sock
        except LinkError as failure:
            sock.close()
            error = failure
            if failure.kind == "cancelled":
                break
    raise error or LinkError(f"{target.host} has no address", "dns")


def _resolve(target: Target) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LinkError(
            f"cannot resolve {target.host}: is the network up, DNS set and the name right? "
            f"({error})",
            "dns",
        ) from error
    return [(int(f), int(k), p, name, tuple(a)) for f, k, p, name, a in found]


def _connect(
    sock: socket.socket, address: tuple[object, ...], target: Target, wait: _Waiter
) -> None:
    code = sock.connect_ex(address)
    if code == errno.EINPROGRESS:
        wait.until_ready(sock, write=True)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code == errno.ECONNREFUSED:
        raise LinkError(f"{target} refuses connections: is the service running there?", "refused")
    if code:
        raise LinkError(f"cannot reach {target}: {errno.errorcode.get(code, code)}", "unreachable")


def _tune(sock: socket.socket, limits: Limits) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.silence * 1000))


def _secure(
    sock: socket.socket, target: Target, context: ssl.SSLContext, wait: _Waiter
) -> socket.socket:
    secure = context.wrap_socket(sock, server_hostname=target.host, do_handshake_on_connect=False)
    while True:
        try:
            secure.do_handshake()
            return secure
        except ssl.SSLWantReadError:
            _or_close(secure, wait, write=False)
        except ssl.SSLWantWriteError:
            _or_close(secure, wait, write=True)
        except (ssl.SSLError, OSError) as error:
            secure.close()
            raise LinkError(_tls_reason(target, error), "tls") from error


def _or_close(sock: socket.socket, wait: _Waiter, *, write: bool) -> None:
    try:
        wait.until_ready(sock, write=write)
    except LinkError:
        sock.close()
        raise


def _tls_reason(target: Target, error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
        hint = ""
        if "expired" in reason or "not yet valid" in reason:
            hint = ": is this device's clock right?"
        elif "self" in reason or "issuer" in reason:
            hint = ": name its authority in network.ca_file, or somebody is in between"
        return f"TLS certificate of {target} not accepted: {reason}{hint}"
    return f"TLS handshake with {target} failed: {getattr(error, 'reason', None) or error}"
