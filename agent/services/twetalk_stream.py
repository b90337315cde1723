"""The streamed answers of TWeTalk's HTTP services: Server-Sent Events, a piece in each.

The streaming examples (SSE 流式示例) show lines without blank lines between them and a
written-out ``\\n\\n`` behind the last; an error comes as a bare JSON object.  All are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent.events import Garbage, ServiceEvent, Text
from agent.services.reading import Malformed, code_of, get, parse_object
from agent.services.sse import Decoder
from agent.services.twetalk import failure

MAX_ANSWER = 1_000_000  # characters of all pieces; more is an attack or a bug

_WRITTEN_OUT = re.compile(r"(\\+[rn])+\s*\Z")


class Pieces:
    """Turns the pieces of a stream into increments.

    ``growing`` tells whether each piece repeats what was said before it; None lets the
    second piece decide: it does if it begins with the whole first one and is longer.
    A piece that does not goes on as an increment, and so do all after it.  The piece that
    ends the stream may in any case repeat the whole text; only what is new in it counts.
    """

    def __init__(self, growing: bool | None) -> None:
        self._growing = growing
        self._said = ""

    @property
    def size(self) -> int:
        """Characters said so far."""
        return len(self._said)

    def new(self, piece: str, last: bool) -> str:
        """What ``piece`` adds to what was said."""
        repeats = bool(self._said) and piece.startswith(self._said)
        if piece and self._said and self._growing is not False:
            self._growing = repeats and (self._growing is True or len(piece) > self.size)
        if repeats and (self._growing or last):
            piece = piece[self.size :]
        self._said += piece
        return piece


class Stream:
    """One streamed answer; ``key`` names the field with the text.

    ``says_end`` tells whether its last piece has ``is_finish: true``; elsewhere the end of
    the body is the end.  For ``growing`` see :class:`Pieces`.
    """

    def __init__(self, key: str, growing: bool | None, says_end: bool) -> None:
        self._key, self._says_end = key, says_end
        self._decoder = Decoder(whole=_is_object)
        self._pieces = Pieces(growing)
        self._answered = False
        self._owes_end = False
        self._ended = False

    def feed(self, data: bytes) -> Sequence[ServiceEvent]:
        """Pieces as they are complete, in the end ``Text("", last=True)`` or ``Failure``.

        After one of these everything else is passed over.
        """
        return self._read(self._decoder.feed(data))

    def finish(self) -> Sequence[ServiceEvent]:
        """The body has ended: what is still to be said.

        ``Garbage`` stands in the place of the last ``Text`` if there was no answer at all
        (``no-answer``) or its announced end is missing (``cut-short``).
        """
        events = [*self._read(self._decoder.finish())]
        if self._ended:
            return events
        self._ended = True
        if not self._answered:
            return [*events, Garbage("no-answer")]
        return [*events, Garbage("cut-short") if self._owes_end else Text("", last=True)]

    def _read(self, items: Sequence[str | Garbage]) -> Sequence[ServiceEvent]:
        events: list[ServiceEvent] = []
        for item in items:
            if not self._ended:
                events += [item] if isinstance(item, Garbage) else self._piece(item)
        return events

    def _piece(self, text: str) -> Sequence[ServiceEvent]:
        try:
            data = _object(text)
            code = code_of(data)
            if code == 0:
                return self._more(data)
        except Malformed as error:
            return [Garbage(error.kind, str(error))]
        self._ended = True
        return [failure(code, data)]

    def _more(self, data: Mapping[str, Any]) -> Sequence[ServiceEvent]:
        last = get(data, "is_finish", bool, False)
        text = text_of(data, self._key, optional=last)
        if len(text) + self._pieces.size > MAX_ANSWER:
            self._ended = True
            return [Garbage("huge-text", f"over {MAX_ANSWER} characters")]
        piece = self._pieces.new(text, last)
        self._answered, self._ended = True, last
        self._owes_end = self._says_end and "is_finish" in data  # a whole answer has none
        return [Text(piece)] * bool(piece) + [Text("", last=True)] * last


def text_of(data: Mapping[str, Any], key: str, optional: bool = False) -> str:
    """The text of an answer, of any length (unlike :func:`get`, made for a sentence).

    Raises Malformed (``missing-field``, ``wrong-type``).
    """
    text = data.get(key, "" if optional else None)
    if not isinstance(text, str):
        kind = "missing-field" if text is None else "wrong-type"
        raise Malformed(kind, f"{key}: {type(text).__name__}")
    return text


def _object(text: str) -> dict[str, Any]:
    return parse_object(_WRITTEN_OUT.sub("", text))


def _is_object(line: str) -> bool:
    try:
        _object(line)
    except Malformed:
        return False
    return True
