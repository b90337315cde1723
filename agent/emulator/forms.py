"""Reads forms as they come in a request: URL-encoded, and multipart with files."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from email.message import Message
from typing import TypeVar
from urllib.parse import parse_qsl

T = TypeVar("T")

_MOST_PARTS = 100
_LONGEST_HEAD = 8_192


class BadForm(Exception):
    """The body is not the form it says it is; the text is fit for the client to read."""


@dataclass(frozen=True)
class Part:
    """One part of a multipart form; `filename` is None for a plain field."""

    data: bytes
    filename: str | None = None

    @property
    def text(self) -> str:
        """A plain field's value; `BadForm` when it is not UTF-8."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            raise BadForm("a field is not in UTF-8") from None


def read_urlencoded(body: bytes) -> dict[str, str]:
    """The fields of an `application/x-www-form-urlencoded` body; `BadForm` if it is none."""
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARTS
        )
    except ValueError:  # covers what is not UTF-8, before and after unquoting
        raise BadForm("not a URL-encoded form in UTF-8") from None
    return _unique(pairs)


def read_multipart(content_type: str, body: bytes, lists: Collection[str] = ()) -> dict[str, Part]:
    """The parts of a `multipart/form-data` body (RFC 7578) by name; `BadForm` if it is none.

    Those in `lists` may be there more than once: their values are joined with commas.
    """
    delimiter = b"\r\n--" + _boundary(content_type)
    _preamble, *parts = (b"\r\n" + body).split(delimiter, _MOST_PARTS + 1)
    if not parts or not parts[-1].startswith(b"--"):
        raise BadForm("the multipart form is cut off, or has not the boundary it names")
    read = [_part(part) for part in parts[:-1]]
    for name in lists:
        values = [part.data for each, part in read if each == name]
        if values:
            read = [(each, part) for each, part in read if each != name]
            read.append((name, Part(b",".join(values))))
    return _unique(read)


def _unique(pairs: list[tuple[str, T]]) -> dict[str, T]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadForm("a field is there twice")
    return fields


def _boundary(content_type: str) -> bytes:
    named = _parameter("content-type", content_type, "boundary")
    if not re.match("multipart/form-data *;", content_type, re.IGNORECASE) or not named:
        raise BadForm("Content-Type must be multipart/form-data with a boundary")
    return named.encode("utf-8", "replace")


def _part(part: bytes) -> tuple[str, Part]:
    head, found, data = part.partition(b"\r\n\r\n")
    if not found or len(head) > _LONGEST_HEAD:
        raise BadForm("a part of the multipart form has no header")
    disposition = _header(head, "content-disposition")
    name = _parameter("content-disposition", disposition, "name")
    if name is None:
        raise BadForm("a part of the multipart form has no name")
    return name, Part(data, _parameter("content-disposition", disposition, "filename"))


def _header(head: bytes, wanted: str) -> str:
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == wanted:
            return value.strip()
    return ""


def _parameter(header: str, value: str, name: str) -> str | None:
    """A parameter of a header's value, quoted or not."""
    message = Message()
    message[header] = value.replace("\r", " ").replace("\n", " ")
    parameter = message.get_param(name, header=header)
    if isinstance(parameter, tuple):  # as RFC 2231 writes it: charset, language, value
        return parameter[2]
    return parameter
