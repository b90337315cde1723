"""Cloudsway MaaS: what its five speech services share (API document v1.1, 2024-12-03).

An upload is a multipart form to ``{host}/v1/ai/{endpoint}{path}`` with a Bearer key.
(The first section of the document counts ``/v1/ai`` to its base path, the later ones
write it out; the final URLs they print agree.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from agent.events import Failure
from agent.services import answers, multipart
from agent.services.base import at
from agent.services.multipart import Part
from agent.services.reading import Fields
from agent.services.shapes import Clip, Nonce, Request

HOST = "https://genaiapi.cloudsway.net"

MAX_BYTES = 25 * 1024 * 1024  # of the sound file: whisper "文件大小限制为25M", fast-asr "25M以下"
MAX_TEXT = 2_000_000  # characters of the transcript of a whole file

#: What a bare code means where a document lists several regions, and other spellings.
LOCALES: Mapping[str, str] = {
    "ar": "ar-SA",
    "cmn": "zh-CN",
    "en": "en-US",
    "es": "es-ES",
    "fr": "fr-FR",
    "no": "nb-NO",
    "pt": "pt-BR",
    "yue": "zh-HK",
    "zh": "zh-CN",
}

MIME: Mapping[str, str] = {
    "aac": "audio/aac",
    "amr": "audio/amr",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "mp4": "audio/mp4",
    "mpeg": "audio/mpeg",
    "mpga": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "webm": "audio/webm",
    "wma": "audio/x-ms-wma",
}

#: Codes in a body that are no error: the document has none, gateways like to say "fine".
_FINE = frozenset({"", "0", "200"})
_STATUS = re.compile(r"[45]\d\d")


@dataclass(frozen=True, slots=True)
class Account:
    """A model's random path and the key to it; ``host`` is scheme, host and port."""

    endpoint: str = field(repr=False)
    access_key: str = field(repr=False)
    host: str = HOST

    def upload(self, path: str, parts: Iterable[Part], nonce: Nonce) -> Request:
        """A POST of a multipart form; ``path`` begins after the endpoint."""
        boundary = f"dragoman-{nonce.id}"
        headers = {
            "Authorization": f"Bearer {self.access_key}",
            "Content-Type": multipart.content_type(boundary),
        }
        url = at(self.host, f"/v1/ai/{quote(self.endpoint, safe='')}{path}", "http")
        return Request("POST", url, headers, multipart.encode(parts, boundary))


def sound(name: str, clip: Clip) -> Part:
    """The file part ``name``; services tell formats by the ending of its file name."""
    kind = MIME.get(clip.format, "application/octet-stream")
    return Part(name, clip.data, f"audio.{clip.format}", kind)


def refusal(data: Fields, status: int) -> Failure | None:
    """The error in a body, None where there is none.

    Either ``{"error": {"code" | "type", "message"}}``, as OpenAI and Azure behind this
    gateway write it, or flat ``{"code", "msg" | "message"}``.  The status says what
    retrying mends, or a code that looks like one.
    """
    error = data.get("error")
    body = error if isinstance(error, dict) else data
    code = _word(body.get("code")) or (_word(body.get("type")) if error else "")
    if answers.ok(status) and not error and code in _FINE:
        return None
    message = _said(body.get("message")) or _said(body.get("msg")) or _said(error)
    if answers.ok(status):
        status = int(code) if _STATUS.fullmatch(code) else 0  # written into the body of a 200
        about, retryable = answers.blamed(status), answers.transient(status)
        return answers.failure(code or "error", message, retryable, about=about)
    plain = answers.status_failure(status)
    return answers.failure(
        code or plain.code, message or plain.message, plain.retryable, about=plain.about
    )


def text_of(data: Fields) -> str:
    """``text``: the transcript of a whole file, so longer than any sentence may be."""
    return data.text("text", None, MAX_TEXT).strip()


def _word(value: object) -> str:
    return str(value)[:60] if type(value) in (str, int) else ""


def _said(value: object) -> str:
    return value if isinstance(value, str) else ""
