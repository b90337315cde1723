"""What the translating WebSockets of Tencent Cloud have in common (``asr.cloud.tencent.com``).

The signed address, the messages with sentences, the end of the audio and the codes of refusals.
The address and the end are those of Tencent's own speech SDKs (Python, Go, Java).  The tables
of codes of both pages are not at hand: the last three digits are read as those of the sister
page 实时语音识别 (1093/48982), whichever family (4, 5 or 6 thousand) they belong to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from msgspec.structs import replace

from agent.events import (
    About,
    Failure,
    Finished,
    Garbage,
    Pair,
    Ready,
    Result,
    ServiceEvent,
    Speech,
)
from agent.services import answers
from agent.services.base import Message, at
from agent.services.reading import Fields, Malformed, parse_object
from agent.services.sentences import Sentences
from agent.services.signing import hmac_sha1

HOST = "wss://asr.cloud.tencent.com"
_SIGNED = HOST.partition("://")[2]  # also where ``service.url`` is a proxy's: it only passes on

VALID_S = 24 * 3600  # of a signature, as in the SDKs
VOICE_FORMAT = "1"  # pcm

END: Message = json.dumps({"type": "end"})

_WRONG, _AUTH, _CLOSED, _EMPTY, _ARREARS, _LIMIT = range(1, 7)
_FAMILIES = range(4, 7)  # thousands
_FAULTS = 5  # 5xxx: the service's own trouble
_LASTING = frozenset({_WRONG, _AUTH, _CLOSED, _EMPTY, _ARREARS})
_HINTS = {
    _AUTH: "check secret_id, secret_key and app_id",
    _CLOSED: "the service is not switched on for this account",
    _EMPTY: "nothing is left of what was paid for",
    _ARREARS: "the account is in arrears",
}
_CLOCK = ("timestamp", "expire", "过期", "时间")
_HOPELESS = ("auth", "signature", "permission", "invalid", "鉴权", "签名", "参数")


@dataclass(frozen=True, slots=True)
class Account:
    """The account's number and an API key of it."""

    app_id: str
    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)


def address(
    host: str, path: str, account: Account, voice_id: str, unix: float, wish: Mapping[str, str]
) -> str:
    """The signed address of a connection that asks for ``wish``, named ``voice_id``."""
    now = int(unix)
    query = {
        **wish,
        "expired": str(now + VALID_S),
        "nonce": str(now % 10**10),
        "secretid": account.secret_id,
        "timestamp": str(now),
        "voice_id": voice_id,
    }
    names = sorted(query)
    plain = "&".join(f"{name}={query[name]}" for name in names)
    signature = hmac_sha1(f"{_SIGNED}{path}/{account.app_id}?{plain}", account.secret_key)
    escaped = "&".join(f"{name}={quote(query[name], safe='')}" for name in names)
    where = f"{path}/{quote(account.app_id, safe='')}"
    return at(host, f"{where}?{escaped}&signature={quote(signature, safe='')}", "ws")


def failure(code: str, message: str) -> Failure:
    """What a code says of another attempt; its wording, where the code is unknown."""
    family, number = divmod(int(code), 1000) if code.isdigit() else (0, 0)
    low = message.lower()
    if family not in _FAMILIES:
        return answers.failure(code, message, not any(word in low for word in _HOPELESS))
    clock = number == _AUTH and any(word in low for word in _CLOCK)
    lasting = family != _FAULTS and number in _LASTING and not clock
    about: About = "clock" if clock else "limit" if number == _LIMIT and family != _FAULTS else ""
    hint = "check the device's clock" if clock else _HINTS.get(number, "") if lasting else ""
    said = f"{message or 'no reason given'} ({hint})" if hint else message
    return answers.failure(code, said, not lasting, about=about)


class Answers:
    """Reads the messages of one connection: the handshake's answer, then sentences.

    ``translated`` is whether their translations count, ``detects`` whether their languages are
    news; ``last`` is the ``final`` that ends all.
    """

    def __init__(self, *, translated: bool, detects: bool, last: int) -> None:
        self._translated, self._detects, self._last = translated, detects, last
        self._sentences = Sentences()
        self.ready = False  #: whether the handshake was answered with ``code`` 0

    def read(self, message: str | bytes) -> Sequence[ServiceEvent]:
        """The events of a JSON message; what cannot be read becomes ``Garbage``."""
        try:
            data = parse_object(message)
            code = data.code()
            events = self._meaning(data) if code == "0" else [failure(code, data.text("message"))]
            return [*events, *data.odd]
        except Malformed as error:
            return [Garbage(error.kind, str(error), whole=True)]

    def _meaning(self, data: Fields) -> list[ServiceEvent]:
        # A result that is null or left out: the stream lives, and there is nothing new.
        events = self._results(data) if data.get("result") else []
        if not self.ready:
            if data.get("code") is None and not data.get("result"):
                raise Malformed("missing-field", "code")
            events = [Ready(), *events]
            self.ready = True
        return [*events, Finished()] if _final(data) >= self._last else events

    def _results(self, data: Fields) -> list[ServiceEvent]:
        result = sentence(data)
        number = self._sentences.number(data.word("sentence_id"), result.final)
        if number is None:
            return []
        return [
            replace(
                result,
                index=number,
                translation=result.translation if self._translated else None,
                language=result.language if self._detects else None,
            )
        ]


class Conversation:
    """What both services do on a connection, but for its address; ``tts``: speech is wanted."""

    def __init__(self, answers: Answers, tts: bool) -> None:
        self._answers, self._tts = answers, tts

    def begin(self) -> Sequence[Message]:
        return []

    @property
    def ready(self) -> bool:
        """Whether the handshake was answered with ``code`` 0: no audio before."""
        return self._answers.ready

    def ping(self, token: str) -> Message | None:
        return None

    def switch_tts(self, enabled: bool) -> Message | None:
        return None

    def switch_pair(self, pair: Pair) -> Message | None:
        return None

    def end(self) -> Sequence[Message]:
        return [END]

    def flush(self) -> Sequence[ServiceEvent]:
        return []

    def receive(self, message: Message) -> Sequence[ServiceEvent]:
        if isinstance(message, bytes):
            return [Speech(message)] if message and self._tts else []
        return self._answers.read(message)


def sentence(data: Fields) -> Result:
    """``result`` without its number; Malformed where there is nothing of a sentence."""
    detail = data.nested("result")
    if not detail.keys() & {"source_text", "target_text", "sentence_end"}:
        raise Malformed("missing-field", "result: nothing of a sentence")
    start, end = detail.whole("start_time"), detail.whole("end_time")
    if start is not None and end is not None and end < start:
        end = None  # a sentence that has only begun has no end yet
    return Result(
        index=-1,
        text=detail.text("source_text"),
        translation=detail.text("target_text") or None,
        final=detail.flag("sentence_end"),
        start_ms=start,
        end_ms=end,
        language=detail.word("source"),
    )


def _final(data: Fields) -> int:
    """How far the whole stream is: 0 where it goes on."""
    value = data.get("final")
    return int(value) if isinstance(value, bool) else data.whole("final") or 0
