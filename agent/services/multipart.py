"""``multipart/form-data`` bodies (RFC 7578) with a boundary given from outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})  # as browsers do (WHATWG)


@dataclass(frozen=True, slots=True)
class Part:
    """One field; with a ``filename`` it is a file of type ``content_type``."""

    name: str
    data: str | bytes
    filename: str | None = None
    content_type: str = "application/octet-stream"

    def head(self) -> str:
        text = f'Content-Disposition: form-data; name="{self.name.translate(_ESCAPES)}"'
        if self.filename is not None:
            text += f'; filename="{self.filename.translate(_ESCAPES)}"'
            text += f"\r\nContent-Type: {self.content_type}"
        return text


def content_type(boundary: str) -> str:
    """The ``Content-Type`` field of a body made with ``boundary``."""
    return f"multipart/form-data; boundary={boundary}"


def encode(parts: Iterable[Part], boundary: str) -> bytes:
    """The body; ``boundary`` (1 to 70 letters, digits, ``-``) must occur in no part."""
    pieces: list[bytes] = []
    for part in parts:
        data = part.data.encode() if isinstance(part.data, str) else part.data
        pieces += [f"--{boundary}\r\n{part.head()}\r\n\r\n".encode(), data, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])
