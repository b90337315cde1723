"""The page itself: a few files of the package, and the headers they are sent with.

They hold no data, so they need no password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{ours}; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is sent."""

    kind: str
    body: bytes


def load() -> Mapping[str, File]:
    """All files of the page by their paths; ``/`` is ``index.html``."""
    found = {}
    for entry in (files("agent.web") / "page").iterdir():
        kind = _TYPES.get(PurePath(entry.name).suffix)
        if kind is not None:
            found[f"/{entry.name}"] = File(kind, entry.read_bytes())
    return {"/": found["/index.html"], **found}


def headers(host: str | None = None) -> dict[str, str]:
    """The headers of every answer; ``host`` is what the browser calls this machine, if that
    has been checked."""
    # Safari before 15.4 does not count WebSockets to the same host as 'self'.
    ours = f" ws://{host} wss://{host}" if host else ""
    return {
        "Content-Security-Policy": _POLICY.format(ours=ours),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
