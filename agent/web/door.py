"""Whose requests are taken: those of our own page, opened at an address of this machine.

A page elsewhere can make a browser connect here.  Its ``Origin`` gives it away; and if its
name has been pointed at this machine (DNS rebinding), its ``Host`` does.
"""

from __future__ import annotations

import ipaddress
import re

from agent.config.checks import is_loopback

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


class Door:
    """Judges the headers ``Host`` and ``Origin``.

    On loopback only loopback's names pass.  Beyond it addresses pass, which no foreign
    name server can give away, and the names of this machine.

    Args:
        listen: the host listened on, without brackets.
        name: the name of this machine.
    """

    def __init__(self, listen: str, name: str) -> None:
        self._addresses = not is_loopback(listen)
        self._names = {"localhost", "127.0.0.1", "::1", listen.lower()}
        if self._addresses and name:
            self._names |= {name.lower(), f"{name.lower()}.local"}

    def knows(self, host: str) -> bool:
        """Whether ``host``, the value of ``Host``, names this machine."""
        match = _AUTHORITY.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]").lower()
        return name in self._names or (self._addresses and _is_address(name))

    @staticmethod
    def is_ours(origin: str | None, host: str) -> bool:
        """Whether ``origin`` is the page served at ``host``.  What is no browser sends none."""
        own = (f"http://{host}".lower(), f"https://{host}".lower())
        return origin is None or origin.lower() in own


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
