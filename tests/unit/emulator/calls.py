"""Requests for the tests of providers over HTTP, and sounds to put into them."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Mapping
from urllib.parse import urlencode

import numpy as np

from agent.emulator.call import FORM, Call, Declined, HttpProvider, Reply
from agent.emulator.engines.script import Script
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.engines.tones import silence, tone_words

NOW = 1_763_600_000.5
TONES = ScriptedEngine(Script(hear="tones", endpoint_ms=100))


def call(body: bytes = b"", headers: Mapping[str, str] | None = None, **changes: object) -> Call:
    fields: dict[str, object] = {"method": "POST", "path": "/", "now_ms": 1e6, "unix_s": NOW}
    return Call(body=body, headers=headers or {}, **{**fields, **changes})  # type: ignore[arg-type]


def form_call(fields: Mapping[str, object], **changes: object) -> Call:
    return call(urlencode(fields).encode(), {"content-type": FORM}, **changes)


def multipart(fields: Mapping[str, str | bytes]) -> tuple[bytes, str]:
    """A form and its content type; bytes are files."""
    parts = []
    for name, value in fields.items():
        is_file = isinstance(value, bytes)
        file = '; filename="speech.wav"\r\nContent-Type: audio/wav' if is_file else ""
        head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(head.encode() + (value if isinstance(value, bytes) else value.encode()))
    return b"\r\n".join(parts) + b"\r\n--xyz--\r\n", "multipart/form-data; boundary=xyz"


def answer(provider: HttpProvider, request: Call) -> dict[str, object]:
    """The answer or the refusal, as JSON."""
    read = json.loads(reply(provider, request).body)
    assert isinstance(read, dict)
    return read


def reply(provider: HttpProvider, request: Call) -> Reply:
    try:
        return provider.answer(request)
    except Declined as declined:
        return provider.refusal(declined)


def speech(*words: int, rate: int = 16_000) -> bytes:
    """These words and the silence that ends a sentence, as s16le mono."""
    return tone_words(words, rate) + silence(rate, 200)


def wav(pcm: bytes, *, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    """s16le as a WAV file of that many channels, all the same, and that many bytes a sample."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int64).repeat(channels)
    if width == 1:
        frames = (samples // 256 + 128).astype(np.uint8).tobytes()
    else:
        scaled = samples << (8 * (width - 2))
        frames = scaled.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setframerate(rate)
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.writeframes(frames)
    return out.getvalue()
