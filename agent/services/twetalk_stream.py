"""The streamed answers of TWeTalk's HTTP services: Server-Sent Events, a piece in each.

The streaming examples (SSE 流式示例) show lines without blank lines between them and a
written-out ``\\n\\n`` behind the last; an error comes as a bare JSON object.  All are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.events import Garbage, ServiceEvent, Text
from agent.services.reading import Fields, Malformed, parse_object
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
            return [*events, Garbage("no-answer", whole=True)]
        return [
            *events,
            Garbage("cut-short", whole=True) if self._owes_end else Text("", last=True),
        ]

    def _read(self, items: Sequence[str | Garbage]) -> Sequence[ServiceEvent]:
        events: list[ServiceEvent] = []
        for item in items:
            if not self._ended:
                events += [item] if isinstance(item, Garbage) else self._piece(item)
        return events

    def _piece(self, text: str) -> Sequence[ServiceEvent]:
        try:
            data = _object(text)
            code = data.code()
            if code == "0":
                return [*self._more(data), *data.odd]
        except Malformed as error:
            return [Garbage(error.kind, str(error))]
        self._ended = True
        return [failure(code, data)]

    def _more(self, data: Fields) -> Sequence[ServiceEvent]:
        last = data.flag("is_finish")
        text = data.text(self._key, "" if last else None, MAX_ANSWER + 1)
        if len(text) + self._pieces.size > MAX_ANSWER:
            self._ended = True
            return [Garbage("huge-text", f"over {MAX_ANSWER} characters", whole=True)]
        piece = self._pieces.new(text, last)
        self._answered, self._ended = True, last
        self._owes_end = self._says_end and "is_finish" in data  # a whole answer has none
        return [Text(piece)] * bool(piece) + [Text("", last=True)] * last


def _object(text: str) -> Fields:
    return parse_object(_WRITTEN_OUT.sub("", text))


def _is_object(line: str) -> bool:
    try:
        _object(line)
    except Malformed:
        return False
    return True
