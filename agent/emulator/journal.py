"""What happened on every connection, for tests to look at and for product teams to keep."""

from __future__ import annotations

import json
import wave
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

from agent.emulator.stream import DEMO
from agent.errors import RunError

_SECRETS = ("token", "secret_id", "secret_key", "app_key", "app_secret", "access_key")

Kind: TypeAlias = Literal["result", "pong", "speech", "refusal", "garbage"]


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


class Journal:
    """All connections since the start; with a folder, each one's audio and messages in files."""

    def __init__(self, record: Path | None = None, *, keep: bool = True) -> None:
        self.connections: list[Connection] = []
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


class Recorder:
    """One connection as `NAME.wav` (audio received) and `NAME.jsonl` (messages both ways)."""

    def __init__(self, base: Path, rate: int) -> None:
        self._wav = wave.open(f"{base}.wav", "wb")  # noqa: SIM115 - open as long as the connection
        self._wav.setnchannels(1)
        self._wav.setsampwidth(2)
        self._wav.setframerate(rate)
        self._wav.writeframes(b"")
        self._lines: TextIO = Path(f"{base}.jsonl").open("w", encoding="utf-8")  # noqa: SIM115

    def received(self, received: Received, message: str | bytes) -> None:
        """Keep a message from the client."""
        if isinstance(message, bytes):
            self._wav.writeframes(message[: len(message) // 2 * 2])
        self._line(received.at_ms, "received", received.text, received.size)

    def sent(self, sent: Sent) -> None:
        """Keep a message to the client; of speech, its size."""
        text = sent.message if isinstance(sent.message, str) else None
        self._line(sent.at_ms, sent.kind, text, len(sent.message))

    def close(self, how: str) -> None:
        """Finish both files."""
        self._lines.write(json.dumps({"ended": how}) + "\n")
        self._lines.close()
        self._wav.close()

    def _line(self, at_ms: float, what: str, text: str | None, size: int) -> None:
        line = {"at_ms": round(at_ms, 1), "what": what, "bytes": size, "text": text}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()


def blot(message: str) -> str:
    """The message with every credential but the emulator's own made unreadable."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return message
    if not isinstance(fields, dict):
        return message
    hidden = {name: "***" for name in _SECRETS if fields.get(name, DEMO) != DEMO}
    return json.dumps({**fields, **hidden}) if hidden else message
