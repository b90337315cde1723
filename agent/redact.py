"""Keeps the credentials of this process out of whatever it says.

Every :class:`~agent.config.secret.Secret` is made known here when it is made, and every way
out (log, standard error, MQTT, page, terminal) hides what it says with :func:`hide`: a server
may send back what it was sent, a library may put it into an error.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

LEAST = 3  # characters: what is shorter hides nothing but words
LEAST_SPOKEN = 8  # in what people said: a short password may be a word of theirs

_known: set[str] = set()
_patterns: dict[int, re.Pattern[str]] = {}  # by the length from which secrets are hidden


def learn(secret: str) -> None:
    """Hide ``secret`` from now on, in whatever way it may be written."""
    if len(secret) >= LEAST and secret not in _known:
        _known.add(secret)
        _patterns.clear()
        learn(_password(secret))


def forget() -> None:
    """Hide nothing any more (tests)."""
    _known.clear()
    _patterns.clear()


def hide(text: str, least: int = LEAST) -> str:
    """``text`` with ``***`` for every secret of at least ``least`` characters in it."""
    if not _known:
        return text
    pattern = _patterns.get(least)
    if pattern is None:
        pattern = _patterns[least] = _pattern(least)
    return pattern.sub("***", text)


def hidden(value: Any, least: int = LEAST) -> Any:
    """``value`` with every text in it as :func:`hide` leaves it, in lists and objects too."""
    if not _known:
        return value
    if isinstance(value, str):
        return hide(value, least)
    if isinstance(value, Mapping):
        return {key: hidden(item, least) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item, least) for item in value]
    return value


def _password(secret: str) -> str:
    """That of a URL with a login, such as a proxy's: it is a secret without the rest."""
    try:
        return unquote(urlsplit(secret).password or "")
    except ValueError:
        return ""


def _pattern(least: int) -> re.Pattern[str]:
    """The longest first, so that nothing is left of one that begins with another."""
    ways = {way for secret in _known if len(secret) >= least for way in _ways(secret)}
    longest = sorted(ways, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest)) or r"(?!)")


def _ways(secret: str) -> Iterator[str]:
    """As it is, and as it stands in URLs, in JSON and in Base64."""
    yield secret
    for written in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield written
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), written)
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield b64encode(secret.encode("utf-8", "surrogatepass")).decode().rstrip("=")
