"""Tencent simultaneous interpreting, ``TongChuanSync`` (TSI quick start, 2024-12-31).

A POST each 200 to 500 ms of sound; every answer brings the sentences that changed and, where it
is asked for (``TTS``), their translations spoken (``Audio``).  The pairs, ``Utc``, ``TTS`` and
``Audio`` are those of Tencent's own SDK (``tsi`` 2021-03-25) and the page 1399/107637.

Where the documents leave a choice:

* ``Data`` is raw PCM.  The text asks for "pcm" and ``AudioFormat`` 1 means PCM; that
  the sample exports each chunk as a WAV file puts 44 bytes of header, a click, into
  every chunk of the sound.
* ``Utc`` is when the speech began ("语音开始的时间戳", the SDK): the same with each chunk of an
  utterance, in seconds as in the sample (``int(time.time())``).  No unit is written down.
* ``TranslateTime`` 2 translates sentence by sentence, 0 not at all; the sample's 1 is
  in no list of values.
* Times of sentences are taken as ms from the start of the utterance.
* ``VoiceType`` 0, which a sample has, stands for "whichever"; ``Audio`` is asked for as ``wav``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from agent.errors import UsageError
from agent.events import About, Failure, Result, ServiceEvent, Speech
from agent.services import answers
from agent.services.base import SPEECH_RATE, at
from agent.services.locales import choose_pair
from agent.services.reading import Fields, Malformed
from agent.services.shapes import Nonce, Request, Response
from agent.services.signing import Tc3
from agent.services.wav import samples

HOST = "https://tsi.tencentcloudapi.com"
ACTION, VERSION = "TongChuanSync", "2021-03-25"
CONTENT_TYPE = "application/json; charset=utf-8"

#: From Chinese to all others, from them to Chinese (the SDK, ``Target``).
TARGETS: Mapping[str, tuple[str, ...]] = {
    "zh": ("en", "ja", "ko", "yue"),
    "en": ("zh",),
    "ja": ("zh",),
    "ko": ("zh",),
    "yue": ("zh",),
}
LANGUAGES = tuple(TARGETS)
_ALIASES = {"zh-hk": "yue"}

# Section 1, "接口描述": 16 kHz, 16 bit, one channel, 200 to 500 ms, 25 requests a second.
FORMATS = ("pcm",)
RATES = (16000,)
CHANNELS = 1
MIN_CHUNK_MS, MAX_CHUNK_MS = 200, 500
BYTES_PER_MS = 32
REQUESTS_PER_SECOND = 25

LIMIT = "RequestLimitExceeded"
#: Families of error codes (the part before the first dot) that a later attempt may mend.
RETRYABLE = frozenset(
    {
        "InternalError",
        LIMIT,
        "ResourceInsufficient",
        "ResourceUnavailable",
        "ServiceUnavailable",
    }
)
#: What to look at, for codes whose own wording does not say.
CLOCK = "AuthFailure.SignatureExpire"
HINTS = {CLOCK: "check the device's clock"}

CODEC = "wav"
MAX_AUDIO = 4 * 2**20  # characters of Base64: more than a minute


@dataclass(frozen=True, slots=True)
class Account:
    """The credentials; ``token`` only with temporary ones."""

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


def choose_voice(voice: str | None) -> int:
    """The number of a voice (``VoiceType``); 0 where none is chosen."""
    if voice and not (voice.isascii() and voice.isdigit() and len(voice) <= 9):
        raise UsageError(f"tencent-tsi: the voice is a number (VoiceType), not {voice[:20]!r}")
    return int(voice or 0)


def pad(pcm: bytes) -> bytes:
    """``pcm`` with silence up to the shortest chunk allowed, for the end of an utterance."""
    return pcm.ljust(MIN_CHUNK_MS * BYTES_PER_MS, b"\0")


class TencentTsi:
    """One utterance, named ``session`` (a UUID); ``host`` is scheme, host and port.

    Without a ``target``, or with that of the source, speech is recognised only; else, with a
    ``voice``, the translation is spoken.  Raises UsageError for pairs the service does not have.
    """

    def __init__(
        self,
        account: Account,
        source: str,
        target: str | None,
        session: str,
        host: str = HOST,
        voice: int | None = None,
    ) -> None:
        self._account = account
        self._signer = Tc3(account.secret_id, account.secret_key, "tsi")
        self._url = at(host, "/", "http")
        self._source, self._target = choose_pair("tencent-tsi", (source, target), TARGETS, _ALIASES)
        self._session = session
        self._voice = voice if self._source != self._target else None
        self._began: int | None = None
        self._sentences = _Sentences()
        self._spoken: set[str] = set()

    def request(self, pcm: bytes, seq: int, last: bool, nonce: Nonce) -> Request:
        """Chunk ``seq`` of 16 kHz s16le mono, 200 to 500 ms; the last may be short or empty."""
        if self._began is None:  # it was spoken before it could be sent
            self._began = int(nonce.time - len(pcm) / BYTES_PER_MS / 1000)
        body = json.dumps(self._payload(pad(pcm) if last else pcm, seq, last)).encode()
        return Request("POST", self._url, self._headers(body, int(nonce.time)), body)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """The sentences that are new or newer than known, or the service's ``Error``."""
        return answers.read(response, _refusal, self._results)

    def leftover(self) -> Sequence[Result]:
        """The sentences still growing, settled as they stand: when nothing more will come."""
        return self._sentences.settle()

    def _payload(self, pcm: bytes, seq: int, last: bool) -> dict[str, Any]:
        translate = self._target != self._source
        payload = {
            "SessionUuid": self._session,
            "Source": self._source,
            # Mandatory even when nothing is translated: then any valid pair will do.
            "Target": self._target if translate else TARGETS[self._source][0],
            "AudioFormat": 1,
            "Seq": seq,
            "Utc": self._began,
            "IsEnd": int(last),
            "TranslateTime": 2 if translate else 0,
            "Data": base64.b64encode(pcm).decode(),
        }
        if self._voice is not None:
            payload["TTS"] = {"Codec": CODEC, "VoiceType": self._voice, "SampleRate": SPEECH_RATE}
        return payload

    def _headers(self, body: bytes, timestamp: int) -> dict[str, str]:
        host = self._url.partition("://")[2].rstrip("/").lower()
        signed = {"content-type": CONTENT_TYPE, "host": host, "x-tc-action": ACTION}
        headers = {
            "Authorization": self._signer.authorization(signed, body, timestamp),
            "Content-Type": CONTENT_TYPE,
            "Host": host,
            "X-TC-Action": ACTION,
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Version": VERSION,
        }
        return headers | ({"X-TC-Token": self._account.token} if self._account.token else {})

    def _results(self, data: Fields) -> list[ServiceEvent]:
        items = data.nested("Response").objects("List")
        spoken = items if self._voice is not None else []
        return [
            *answers.each(items, self._sentences.merge),
            *answers.each(spoken, self._speech),
        ]

    def _speech(self, item: Fields) -> Speech | None:
        """The translation spoken, once for each sentence; Malformed for what is no speech."""
        audio, name = item.get("Audio"), str(item.get("SeId", item.get("StartTime")))
        if not audio or name in self._spoken:
            return None
        if not isinstance(audio, str) or len(audio) > MAX_AUDIO:
            raise Malformed("bad-audio", f"Audio: {type(audio).__name__}")
        self._spoken.add(name)
        try:
            pcm = samples(base64.b64decode(audio, validate=True))
        except ValueError as error:  # not Base64, or not ASCII; Malformed is one, too
            raise Malformed("bad-audio", str(error)) from error
        return Speech(pcm) if pcm else None


def _refusal(data: Fields) -> Failure | None:
    response = data.nested("Response")
    if not response.get("Error"):
        return None
    error = response.nested("Error")
    code, message = error.text("Code") or "unknown", error.text("Message")
    hint = f" ({HINTS[code]})" if code in HINTS else ""
    family = code.partition(".")[0]
    about: About = "clock" if code == CLOCK else "limit" if family == LIMIT else ""
    retryable = code == CLOCK or family in RETRYABLE
    return answers.failure(code, message + hint, retryable, about=about)


class _Sentences:
    """The newest state of every sentence, by ``SeId``."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Result]] = {}

    def merge(self, item: Fields) -> Result | None:
        """The sentence if this is news; None for an old version or one already settled.

        The end of a sentence may come with the version of its last text.
        """
        name, version = _name(item), item.whole("SeVer")
        known = self._known.get(name)
        if version is None:  # newer, for all we know
            version = known[0] + 1 if known else 0
        result = _sentence(item, known[1].index if known else len(self._known))
        if known and (known[1].final or (version, result.final) <= (known[0], False)):
            return None
        self._known[name] = (version, result)
        return result

    def settle(self) -> list[Result]:
        rest = {k: (v, replace(r, final=True)) for k, (v, r) in self._known.items() if not r.final}
        self._known |= rest
        return [result for _, result in rest.values()]


def _name(item: Fields) -> str:
    """What tells a sentence from others; where it has no id, when it began."""
    name = item.word("SeId")
    if name is not None:
        return name
    if not item.keys() & {"SourceText", "TargetText"}:
        raise Malformed("missing-field", "SeId")
    item.note("missing-field", "SeId")
    return f"@{item.whole('StartTime')}"


def _sentence(item: Fields, index: int) -> Result:
    return Result(
        index=index,
        text=item.text("SourceText"),
        translation=item.text("TargetText") or None,
        final=item.flag("IsEnd"),
        start_ms=item.whole("StartTime"),
        end_ms=item.whole("EndTime"),
    )
