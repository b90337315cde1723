"""Proxies: which one leads to a host, and how it is asked to.

``network.proxy`` is used for everything; without it the environment decides, by the
conventions of curl and most other programs.  What ``NO_PROXY`` names, and this machine
itself, is always reached without.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from collections.abc import Iterator, Mapping

from agent import __version__
from agent.config.checks import is_loopback
from agent.config.proxies import FORM, Proxy, parse
from agent.config.secret import Secret
from agent.errors import LinkError, UsageError
from agent.link.waiter import Waiter

HEAD_MOST = 16 * 1024  # bytes of the proxy's answer before its empty line
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_UNABLE = (502, 503, 504)


class Proxies:
    """The proxies of one configuration; UsageError where one cannot be understood."""

    def __init__(self, configured: Secret | None, environ: Mapping[str, str]) -> None:
        self._configured = _parsed("network.proxy", configured.reveal()) if configured else None
        self._secure = self._configured or _of(environ, "https_proxy", "all_proxy")
        self._plain = self._configured or _of(environ, "http_proxy", "all_proxy")
        self._direct = _value(environ, "no_proxy")[1]

    def way(self, host: str, port: int, *, secure: bool) -> Proxy | None:
        """The proxy to go through to ``host``, or None."""
        if is_loopback(host) or excepted(host, port, self._direct):
            return None
        return self._secure if secure else self._plain


def _of(environ: Mapping[str, str], *names: str) -> Proxy | None:
    for name in names:
        found, text = _value(environ, name)
        if text:
            return _parsed(found, text)
    return None


def _value(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Lower case first, as curl does."""
    for each in (name, name.upper()):
        if text := environ.get(each, "").strip():
            return each, text
    return name, ""


def _parsed(name: str, text: str) -> Proxy:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}; expected {FORM}") from None


def excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether ``exceptions``, a ``NO_PROXY``, names ``host``: a name with all below it, an
    address, a network such as ``10.0.0.0/8``, each with or without a port, or ``*``."""
    host = host.lower().rstrip(".")
    for entry in exceptions.lower().replace(",", " ").split():
        if entry == "*" or _names(entry, host, port):
            return True
    return False


def _names(entry: str, host: str, port: int) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass  # a name on either side, or a port
    name, colon, digits = entry.rpartition(":")
    if colon and digits.isdigit() and "]" not in digits and (":" not in name or name[:1] == "["):
        return int(digits) == port and _names(name.strip("[]"), host, port)
    name = entry.removeprefix("*").removeprefix(".").rstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def login(proxy: Proxy) -> dict[str, str]:
    """The header field that logs in to ``proxy``, if it wants a login (RFC 7617)."""
    if not proxy.user and proxy.password is None:
        return {}
    password = proxy.password.reveal() if proxy.password else ""
    token = base64.b64encode(f"{proxy.user}:{password}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {token}"}


def tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int, wait: Waiter) -> None:
    """Have ``proxy``, at the other end of ``sock``, connect it with ``host`` (RFC 9110, 9.3.6).

    Raises LinkError ``proxy``, ``cancelled``.
    """
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    fields = {"Host": authority, "User-Agent": f"dragoman/{__version__}", **login(proxy)}
    lines = [f"CONNECT {authority} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
    _send(sock, ("\r\n".join(lines) + "\r\n\r\n").encode(), wait)
    head = _head(sock, proxy, wait)
    match = _STATUS.match(head)
    if match is None or not head.endswith(b"\r\n\r\n"):
        words = "does not answer as a proxy; check network.proxy"
        raise LinkError(f"the proxy {proxy} {words}", "proxy")
    if match[1][:1] != b"2":
        raise refusal(int(match[1]), proxy, authority)


def refusal(status: int, proxy: Proxy, authority: str) -> LinkError:
    """Why ``proxy`` does not connect us with ``authority``."""
    if status == 407:
        words = "wants another login; check the user and the password in network.proxy"
    elif status in _UNABLE:
        words = f"cannot reach {authority}; is the network behind it up?"
    else:
        words = f"does not let us through to {authority}; ask who runs it"
    return LinkError(f"the proxy {proxy} {words} (HTTP {status})", "proxy")


def _send(sock: socket.socket, data: bytes, wait: Waiter) -> None:
    while data:
        wait.until_ready(sock, write=True)
        data = data[sock.send(data) :]


def _head(sock: socket.socket, proxy: Proxy, wait: Waiter) -> bytes:
    """The answer up to its empty line, and not a byte more: the rest is for others."""
    head = b"".join(_bytes(sock, wait))
    if not head:
        words = "hung up without an answer; check network.proxy"
        raise LinkError(f"the proxy {proxy} {words}", "proxy")
    return head


def _bytes(sock: socket.socket, wait: Waiter) -> Iterator[bytes]:
    last = b""
    for _ in range(HEAD_MOST):
        wait.until_ready(sock, write=False)
        byte = sock.recv(1)
        if not byte:
            return
        yield byte
        last = (last + byte)[-4:]
        if last == b"\r\n\r\n":
            return
