"""Keeps what the emulator took and gave in files, for product teams to look at."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from agent.emulator.sound import RATE, wav_bytes

if TYPE_CHECKING:
    from agent.emulator.journal import Exchange, Received, Sent


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


class ExchangeRecorder:
    """All requests as lines of `NAME.jsonl`, and the sound of each that has any as a WAV file."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._lines = Path(f"{base}.jsonl")

    def keep(self, exchange: Exchange) -> None:
        """Write down a request that is over."""
        with self._lines.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(exchange.summary()) + "\n")
        if exchange.audio:
            name = f"{self._base}-{exchange.number:03}-{exchange.provider}.wav"
            Path(name).write_bytes(wav_bytes(exchange.audio, RATE))
