"""What happened on every connection, for tests to look at and for product teams to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from agent.emulator.recorder import ExchangeRecorder, Recorder
from agent.emulator.stream import DEMO
from agent.errors import RunError

_SECRETS = (
    "token", "secret_id", "secret_key", "app_key", "app_secret", "access_key", "appKey",
)  # fmt: skip
_LONGEST_FIELD = 500

Kind: TypeAlias = Literal["handshake", "result", "pong", "speech", "refusal", "garbage"]


@dataclass(frozen=True)
class Received:
    """A message from the client; `text` is None for audio. Its credentials are blotted out."""

    at_ms: float
    size: int
    text: str | None = None


@dataclass(frozen=True)
class Sent:
    """A message to the client."""

    at_ms: float
    kind: Kind
    message: str | bytes


@dataclass
class Connection:
    """One connection, numbered from 1; `at_ms` of its messages counts from its beginning.

    Filled by the emulator's thread and readable from any. `refusal` is what was sent as a
    refusal (or `{"status": …}` when there was no upgrade), `ended` says how it ended and is
    empty while it is open. Without `keep` messages and audio are counted, not kept.
    """

    number: int
    provider: str
    rate: int
    keep: bool = True
    messages: int = 0
    audio_ms: float = 0
    setup: dict[str, object] | None = None
    received: list[Received] = field(default_factory=list, repr=False)
    sent: list[Sent] = field(default_factory=list, repr=False)
    refusal: dict[str, object] | None = None
    ended: str = ""
    recorder: Recorder | None = field(default=None, repr=False)
    _audio: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def audio(self) -> bytes:
        """All audio received: s16le mono at `rate`."""
        return bytes(self._audio)

    @property
    def results(self) -> list[dict[str, object]]:
        """The results sent, in order."""
        return [json.loads(sent.message) for sent in list(self.sent) if sent.kind == "result"]

    @property
    def speech(self) -> bytes:
        """All synthesised speech sent."""
        return b"".join(
            sent.message
            for sent in list(self.sent)
            if sent.kind == "speech" and isinstance(sent.message, bytes)
        )

    def note_received(self, message: str | bytes, at_ms: float) -> None:
        """Write down a message from the client."""
        self.messages += 1
        if isinstance(message, bytes):
            self.audio_ms += len(message) / 2 / self.rate * 1000
            received = Received(at_ms, len(message))
        else:
            received = Received(at_ms, len(message.encode("utf-8", "replace")), blot(message))
        if self.keep:
            self.received.append(received)
            self._audio += message if isinstance(message, bytes) else b""
        if self.recorder:
            self.recorder.received(received, message)

    def note_sent(self, sent: Sent) -> None:
        """Write down a message to the client."""
        if self.keep:
            self.sent.append(sent)
        if self.recorder:
            self.recorder.sent(sent)

    def note_end(self, how: str) -> None:
        """Write down how the connection ended; the first reason counts."""
        self.ended = self.ended or how
        if self.recorder:
            self.recorder.close(self.ended)
            self.recorder = None


@dataclass
class Exchange:
    """One HTTP request and its answer, numbered from 1.

    `fields` are those of the request without its credentials, its sound replaced by its size;
    `audio` is that sound as 16 kHz mono s16le. `refusal` is why the provider said no, `fault`
    what the plan did to it, `callbacks` how each attempt to call the client back went. `ended`
    is empty while it is not answered. Without `keep` sound and answer are not kept.
    """

    number: int = 0
    provider: str = ""
    method: str = ""
    path: str = ""
    keep: bool = True
    size: int = 0
    fields: dict[str, object] = field(default_factory=dict)
    status: int | None = None
    answer: bytes = field(default=b"", repr=False)
    answer_size: int = 0
    refusal: str = ""
    fault: str = ""
    took_ms: float = 0
    callbacks: list[str] = field(default_factory=list)
    ended: str = ""
    audio: bytes = field(default=b"", repr=False)
    recorder: ExchangeRecorder | None = field(default=None, repr=False)

    def note_fields(self, fields: Mapping[str, object]) -> None:
        """Write down what the client asked for, and nothing secret."""
        self.fields = {name: shortened(value) for name, value in without_secrets(fields).items()}

    def note_audio(self, pcm: bytes) -> None:
        """Write down the sound that came with it."""
        if self.keep or self.recorder:
            self.audio = pcm

    def note_end(self, how: str, status: int | None, answer: bytes, took_ms: float) -> None:
        """Write down how it ended."""
        self.status, self.answer_size, self.took_ms = status, len(answer), took_ms
        self.answer = answer if self.keep else b""
        self.ended = how
        if self.recorder:
            self.recorder.keep(self)
            self.recorder = None
        self.audio = self.audio if self.keep else b""

    def summary(self) -> dict[str, object]:
        """Everything but sound and answer, fit for JSON."""
        names = (
            "number", "provider", "method", "path", "size", "fields", "status", "answer_size",
            "refusal", "fault", "took_ms", "ended",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


class Journal:
    """All connections and HTTP requests since the start; with a folder, also in files there."""

    def __init__(self, record: Path | None = None, *, keep: bool = True) -> None:
        self.connections: list[Connection] = []
        self.exchanges: list[Exchange] = []
        self._numbered = 0
        self._keep = keep
        self._record = record
        self._started = f"{datetime.now():%Y%m%d-%H%M%S}"
        if record:
            try:
                record.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RunError(f"cannot record in {record}: {error.strerror}") from None

    def open(self, provider: str, rate: int) -> Connection:
        """A new connection's page."""
        connection = Connection(len(self.connections) + 1, provider, rate, self._keep)
        if self._record:
            name = f"{self._started}-{connection.number:03}-{provider}"
            connection.recorder = Recorder(self._record / name, rate)
        self.connections.append(connection)
        return connection

    def exchange(self, provider: str, method: str, path: str) -> Exchange:
        """A new request's page. Without `keep` only its number is remembered."""
        self._numbered += 1
        exchange = Exchange(self._numbered, provider, method, path, self._keep)
        if self._record:
            exchange.recorder = ExchangeRecorder(self._record / f"{self._started}-requests")
        if self._keep:
            self.exchanges.append(exchange)
        return exchange


def blot(message: str) -> str:
    """The message with every credential but the emulator's own made unreadable."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return message
    if not isinstance(fields, dict):
        return message
    clean = without_secrets(fields)
    return message if clean == fields else json.dumps(clean)


def without_secrets(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields with every credential but the emulator's own made unreadable."""
    hidden = {name: "***" for name in _SECRETS if fields.get(name, DEMO) != DEMO}
    return {**fields, **hidden}


def shortened(value: object) -> object:
    """The value, or its size when it is a sound or a long text."""
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, str) and len(value) > _LONGEST_FIELD:
        return f"<{len(value)} characters>"
    return value
