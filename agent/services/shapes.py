"""The shapes of services besides the stream: HTTP requests as plain values.

Every protocol here is pure: a method makes a :class:`Request`, another reads the
:class:`Response`.  Who sends them, retries and waits is not their business; time,
nonces, boundaries and ids come in as arguments.  Answers become the same events as
those of a stream (``agent.events``); what cannot be read becomes ``Garbage``, an
error of the service ``Failure``, and no method raises for what a server sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.events import ServiceEvent


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; ``url`` is absolute, query included."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of sound to upload: ``data`` is a whole file of ``format`` (``wav``, ``mp3`` …).

    ``rate`` (Hz), ``channels`` and ``duration_ms`` describe it, None where nobody knows.
    """

    data: bytes
    format: str
    duration_ms: int | None = None
    rate: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Nonce:
    """What one request needs from outside: wall clock (s since 1970) and an unused id (UUID)."""

    time: float
    id: str


class UtteranceProtocol(Protocol):
    """One upload, one answer."""

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        """The upload of ``clip``; limits were checked by the caller against the catalog."""

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """Results (all final, indexes from 0), ``SpeechAt``, ``Failure`` or ``Garbage``."""


class ChunkProtocol(Protocol):
    """A request each few hundred milliseconds; one object is one utterance."""

    def request(self, pcm: bytes, seq: int, last: bool, nonce: Nonce) -> Request:
        """Chunk number ``seq`` (from 0) of s16le mono; asked again with the same ``seq``
        when it is retried."""

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """Partial and final results, merged over the chunks."""

    def leftover(self) -> Sequence[ServiceEvent]:
        """After the last answer: sentences that never became final, as finals."""


class JobProtocol(Protocol):
    """Submitted now, answered later at a callback address."""

    def submit(self, clip: Clip, nonce: Nonce, callback_url: str) -> Request:
        """The submission, the sound within it; the result is delivered to ``callback_url``."""

    def submit_url(self, url: str, format: str, nonce: Nonce, callback_url: str) -> Request:
        """The submission of sound the service fetches itself."""

    def submitted(self, response: Response) -> str | Sequence[ServiceEvent]:
        """The task's id, or what went wrong."""

    def delivered(self, body: bytes) -> tuple[str, Sequence[ServiceEvent]]:
        """A call of the callback address: the task's id ("" if unreadable) and its events."""

    def receipt(self, ok: bool) -> bytes:
        """The body the callback is answered with; not ok makes the service deliver again."""


class TextProtocol(Protocol):
    """Text in, text out, whole or as a stream."""

    def request(self, text: str, stream: bool, nonce: Nonce) -> Request:
        """One text to work on."""

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """The whole answer: one ``Text`` or ``Failure`` or ``Garbage``."""

    def feed(self, data: bytes) -> Sequence[ServiceEvent]:
        """More bytes of a streamed answer, cut anywhere: ``Text`` pieces as they are complete."""

    def finish(self) -> Sequence[ServiceEvent]:
        """The streamed answer has ended; without a ``Text`` that is ``last`` it was cut short."""
