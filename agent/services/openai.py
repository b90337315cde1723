"""OpenAI-compatible servers: speech to text, text to speech, which models there are.

OpenAI API reference: "Create transcription" and "Create translation" (multipart forms), "Create
speech", "List models"; chats are in :mod:`agent.services.openai_chat`.  Many servers speak it,
each a part of it: a field they do not know is theirs to pass over, and only ``model`` and what the
user wrote is sent besides what the reference requires.  Their errors are OpenAI's ``error``
object, or FastAPI's ``detail``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.events import Failure, Garbage, ServiceEvent
from agent.services import answers, maas, multipart
from agent.services.maas import MIME, sound
from agent.services.multipart import Part
from agent.services.reading import Fields, Malformed
from agent.services.shapes import Clip, Nonce, Request, Response
from agent.services.verbose import in_english, transcript

DOCUMENT = "OpenAI API reference, as compatible servers speak it"
JSON = "application/json"
FORMATS = ("mp3", "mp4", "mpeg", "mpga", "m4a", "wav", "webm", "flac", "ogg")
MAX_BYTES = 25 * 1024 * 1024  # of an upload ("file uploads are limited to 25 MB")
PCM_RATE = 24000  # Hz, s16le mono: "pcm" of "Create speech"

assert set(FORMATS) <= set(MIME)


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is (up to ``/v1``), the model asked for and the key, where it wants one."""

    url: str
    model: str | None = None
    key: str = field(default="", repr=False)

    def headers(self, content_type: str | None = None) -> dict[str, str]:
        made = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return made | ({"Content-Type": content_type} if content_type else {})

    def post(self, path: str, body: Mapping[str, Any]) -> Request:
        """A POST of JSON, with the model where one is configured."""
        whole = ({"model": self.model} if self.model else {}) | dict(body)
        data = json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace")
        return Request("POST", self.at(path), self.headers(JSON), data)

    def at(self, path: str) -> str:
        return self.url.rstrip("/") + path


# --- speech to text --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said besides; None leaves it to the server."""

    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    format: Literal["json", "verbose_json"] = "verbose_json"


class Transcription:
    """Uploads of utterances (:class:`agent.services.shapes.UtteranceProtocol`).

    With ``english`` they are translated to English instead: ``/audio/translations``.
    """

    def __init__(self, server: Server, options: Options, *, english: bool = False) -> None:
        self._server, self._options, self._english = server, options, english

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        boundary = f"dragoman-{nonce.id}"
        body = multipart.encode([*self._fields(), sound("file", clip)], boundary)
        headers = self._server.headers(multipart.content_type(boundary))
        path = "/audio/translations" if self._english else "/audio/transcriptions"
        return Request("POST", self._server.at(path), headers, body)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """A result for each segment, or one for the whole text."""
        events = answers.read(response, lambda data: refusal(data, response.status), transcript)
        return [in_english(event) for event in events] if self._english else events

    def _fields(self) -> list[Part]:
        """``model`` is required by the reference: a server with one model takes any name."""
        options, verbose = self._options, self._options.format == "verbose_json"
        warmth = None if options.temperature is None else f"{options.temperature:g}"
        given = [
            ("model", self._server.model or "whisper-1"),
            ("language", None if self._english else options.language),
            ("prompt", options.prompt),
            ("response_format", options.format),
            ("temperature", warmth),
        ]
        if verbose and not self._english:
            given += [("timestamp_granularities[]", each) for each in ("segment", "word")]
        return [Part(name, value) for name, value in given if value]


# --- text to speech --------------------------------------------------------------------------


def speech(
    server: Server, text: str, voice: str | None, format: Literal["wav", "pcm"] = "wav"
) -> Request:
    """Asks for ``text`` to be spoken; ``voice`` is required by the reference."""
    body = {"input": text, "voice": voice or "alloy", "response_format": format}
    return server.post("/audio/speech", body)


def spoken(response: Response) -> bytes | Failure | Garbage:
    """The sound of an answer, in whatever form; an error, or what is none."""
    if not answers.ok(response.status):
        events = answers.read(response, lambda data: refusal(data, response.status), _no_sound)
        return next(event for event in events if isinstance(event, Failure))
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in (JSON, "text/html", "text/plain") or not response.body:
        return Garbage("no-sound", kind or "an empty answer", whole=True)
    return response.body


def pcm_rate(response: Response) -> int:
    """Samples a second of raw PCM: as its content type says (``audio/pcm;rate=24000``)."""
    found = re.search(r"rate=(\d{4,6})\b", response.headers.get("content-type", ""))
    rate = int(found[1]) if found else PCM_RATE
    return rate if 8000 <= rate <= 192_000 else PCM_RATE


def _no_sound(data: Fields) -> list[ServiceEvent]:
    return []


# --- what there is ---------------------------------------------------------------------------


def list_models(server: Server) -> Request:
    """Asks which models there are."""
    return Request("GET", server.at("/models"), server.headers())


def models(response: Response) -> list[str] | Failure | Garbage:
    """Their names; an error, or what is no list."""
    names: list[str] = []

    def read(data: Fields) -> list[ServiceEvent]:
        if not isinstance(data.get("data"), list):
            raise Malformed("missing-field", "data: no list of models")
        names.extend(name for each in data.objects("data") if (name := each.word("id")))
        return []

    for event in answers.read(response, lambda data: refusal(data, response.status), read):
        if isinstance(event, Failure) or (isinstance(event, Garbage) and event.whole):
            return event
    return names


def refusal(data: Fields, status: int) -> Failure | None:
    """The error in a body (``error``, ``message`` or ``detail``), None where there is none."""
    detail = data.get("detail")
    if detail and "error" not in data and not answers.ok(status):
        text = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
        plain = answers.status_failure(status)
        return answers.failure(plain.code, text, plain.retryable, about=plain.about)
    return maas.refusal(data, status)
