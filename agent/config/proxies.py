"""A proxy as it is written, in the configuration and in the environment."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from agent.config.secret import Secret

DEFAULT_PORT = 8080
FORM = "http://host:port or http://user:password@host:port"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; ``str`` shows no login."""

    host: str
    port: int
    user: str = ""
    password: Secret | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse(text: str) -> Proxy:
    """The proxy that ``text`` names; ValueError, without the text, where it names none."""
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise ValueError("no such host or port can be") from None
    if parts.scheme != "http":
        raise ValueError("only http:// proxies are understood")
    if not parts.hostname or any(c.isspace() for c in parts.hostname):
        raise ValueError("it names no host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("a proxy has no path")
    password = Secret(unquote(parts.password)) if parts.password is not None else None
    return Proxy(parts.hostname, port, unquote(parts.username or ""), password)
