"""Long speech recognition of Tencent's AI open platform (``aai_wxasrlong``).

Submitted with a form, answered later by a call of ``callback_url``.  Mandarin only.
The document lists no error codes, so only its wording tells what retrying mends.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.errors import UsageError
from agent.events import About, Failure, Result, ServiceEvent
from agent.services import answers
from agent.services.base import at
from agent.services.locales import choose
from agent.services.reading import Fields, Malformed
from agent.services.shapes import Clip, Nonce, Request, Response
from agent.services.signing import form, md5_sign

HOST = "https://api.ai.qq.com"
PATH = "/fcgi-bin/aai/aai_wxasrlong"

# "协议须知", sections 1, 2 and 4.
LANGUAGES = ("zh",)
FORMATS: Mapping[str, int] = {"pcm": 1, "wav": 2, "amr": 3, "silk": 4}
RATES = (8000, 16000)
CHANNELS = 1
MAX_BYTES = 5 * 1024 * 1024  # of the sound itself, before Base64
MAX_BYTES_BY_URL = 30 * 1024 * 1024
MAX_SECONDS = 15 * 60  # section 1 advises it, section 2 states it
REQUESTS_PER_SECOND = 1  # unverified accounts; 2 for verified persons, 10 for companies
MAX_NONCE = 32  # bytes
MAX_TEXT = 100_000  # characters of 15 minutes

_CLOCK = ("time_stamp", "timestamp", "time stamp", "sign expired", "时间戳")
_LIMIT = ("frequen", "too many", "per second", "频率")
_RECORDING = ("too long", "too large", "at most 15", "larger than", "speech is", "speech must")
#: Words of a refusal that asking again cannot change.
_HOPELESS = ("sign", "app_id", "appid", "auth", "invalid", "param", "format", "permission")


@dataclass(frozen=True, slots=True)
class Account:
    """The application."""

    app_id: str
    app_key: str = field(repr=False)


class TencentLongAsr:
    """Jobs of one application; ``host`` is scheme, host and port.

    Raises UsageError for a ``source`` other than Mandarin, and where a format has no code.
    """

    def __init__(self, account: Account, source: str = "zh", host: str = HOST) -> None:
        choose("tencent-long-asr", source, LANGUAGES)
        self._account = account
        self._url = at(host, PATH, "http")

    def submit(self, clip: Clip, nonce: Nonce, callback_url: str) -> Request:
        speech = base64.b64encode(clip.data).decode()
        return self._request(clip.format, nonce, callback_url, speech=speech)

    def submit_url(self, url: str, format: str, nonce: Nonce, callback_url: str) -> Request:
        return self._request(format, nonce, callback_url, speech_url=url)

    def submitted(self, response: Response) -> str | Sequence[ServiceEvent]:
        return answers.read(response, _refusal, _task)

    def delivered(self, body: bytes) -> tuple[str, Sequence[ServiceEvent]]:
        """The task's id and one final result, or none where nothing was said.

        A failed job is told with ``ret``; the document promises ``data``, which names
        the task, only with ``ret`` 0.
        """
        call = Response(200, body=body)
        task = answers.read(call, lambda _: None, _task)
        return task if isinstance(task, str) else "", answers.read(call, _refusal, _text)

    def receipt(self, ok: bool) -> bytes:
        """Section 8: ``ret`` other than 0 makes the service deliver again, twice at most."""
        return json.dumps({"ret": 0, "msg": "ok"} if ok else {"ret": 1, "msg": "later"}).encode()

    def _request(self, format: str, nonce: Nonce, callback_url: str, **speech: str) -> Request:
        fields = form(
            {
                "app_id": self._account.app_id,
                "time_stamp": str(int(nonce.time)),
                "nonce_str": nonce.id.replace("-", "")[:MAX_NONCE],
                "format": str(_code(format)),
                "callback_url": callback_url,
                **speech,
            }
        )
        body = f"{fields}&sign={md5_sign(fields, self._account.app_key)}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", self._url, headers, body.encode())


def _code(format: str) -> int:
    if format not in FORMATS:
        raise UsageError(f"tencent-long-asr takes {', '.join(FORMATS)}, not '{format[:20]}'")
    return FORMATS[format]


def _refusal(data: Fields) -> Failure | None:
    if data.get("ret") is None:
        raise Malformed("missing-field", "ret")
    ret = data.code("ret")
    if ret == "0":
        return None
    message = data.text("msg")
    about = _blamed(message.lower())
    hopeless = not about and any(word in message.lower() for word in _HOPELESS)
    return answers.failure(ret, message, retryable=not hopeless, about=about)


def _blamed(message: str) -> About:
    """What its wording blames: the clock, the number of requests or this sound."""
    if any(word in message for word in _CLOCK):
        return "clock"
    if any(word in message for word in _LIMIT):
        return "limit"
    return "recording" if any(word in message for word in _RECORDING) else ""


def _task(data: Fields) -> str:
    name = data.nested("data").word("task_id")
    if name is None:
        raise Malformed("missing-field", "task_id")
    return name


def _text(data: Fields) -> list[ServiceEvent]:
    text = data.nested("data").text("text", most=MAX_TEXT)
    return [Result(index=0, text=text, final=True, language="zh")] if text else []
