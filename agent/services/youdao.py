"""Youdao speech translation (``speechtransapi``, "语音翻译 API 文档").

A form with a Base64 file of up to 15 s; the answer has the text, its translation and
the address of a recording of the translation.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from agent.errors import UsageError
from agent.events import Failure, Garbage, Result, ServiceEvent, SpeechAt
from agent.services import answers
from agent.services.base import at
from agent.services.locales import choose
from agent.services.reading import Fields, Malformed
from agent.services.shapes import Clip, Nonce, Request, Response
from agent.services.signing import form, youdao_v3
from agent.services.youdao_codes import MESSAGES, NOTHING_HEARD, RETRYABLE, blamed

HOST = "https://openapi.youdao.com"
PATH = "/speechtransapi"

# "语音支持", "服务配置".
FORMATS = ("wav", "mp3")
RATES = (16000, 8000)  # the first is recommended
CHANNELS = 1
MAX_SECONDS = 15
MAX_BYTES = 2 * 1024 * 1024  # "编码后": of the Base64 text
REQUESTS_PER_HOUR = 3000
VOICES = ("0", "1")  # a woman's, a man's

# "支持语言".
LANGUAGES = (
    *("zh-CHS", "en", "en-AUS", "en-GBR", "en-IND", "ja", "ko", "fr", "es", "pt", "ru", "de"),
    *("ar", "id", "ca", "cs", "da", "el", "fi", "fr-CAN", "he", "hi", "hu", "it", "nl", "no"),
    *("pl", "pt-BRA", "ro", "sk", "sv", "th", "tr", "yue", "zh-TWN"),
)
CHINESE_ONLY = ("id",)  # "注意": translated to and from Chinese only
#: What the rest of the world calls them.
ALIASES: Mapping[str, str] = {
    "cmn": "zh-CHS",
    "en-au": "en-AUS",
    "en-gb": "en-GBR",
    "en-in": "en-IND",
    "fr-ca": "fr-CAN",
    "nb": "no",
    "nb-no": "no",
    "pt-br": "pt-BRA",
    "zh": "zh-CHS",
    "zh-cn": "zh-CHS",
    "zh-hans": "zh-CHS",
    "zh-hk": "yue",
    "zh-tw": "zh-TWN",
}


@dataclass(frozen=True, slots=True)
class Account:
    """The application's id (``appKey``) and its secret."""

    app_key: str
    app_secret: str = field(repr=False)


class Youdao:
    """Speech in ``source`` to text in it and in ``target``; without a target, to text only.

    ``voice`` is 0 (a woman's) or 1 (a man's); ``host`` is scheme, host and port.  Raises
    UsageError for languages and voices the document does not list.
    """

    def __init__(
        self, account: Account, source: str, target: str | None, voice: str = "0", host: str = HOST
    ) -> None:
        self._account = account
        self._source = choose("youdao", source, LANGUAGES, ALIASES)
        self._target = choose("youdao", target or source, LANGUAGES, ALIASES)
        self._voice = voice
        self._url = at(host, PATH, "http")
        _check(self._source, self._target, voice)

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        q = base64.b64encode(clip.data).decode()
        fields = self._signed(q, nonce) | {
            "q": q,
            "from": self._source,
            "to": self._target,
            "format": clip.format,
            "rate": str(clip.rate or RATES[0]),
            "channel": "1",
            "type": "1",
            "ext": "mp3",
            "voice": self._voice,
            "version": "v1",
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", self._url, headers, form(fields).encode())

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """One result, none for silence, and where it was translated, its speech."""
        return answers.read(response, _refusal, self._results)

    def _signed(self, q: str, nonce: Nonce) -> dict[str, str]:
        account, curtime = self._account, str(int(nonce.time))
        return {
            "appKey": account.app_key,
            "salt": nonce.id,
            "curtime": curtime,
            "signType": "v3",
            "sign": youdao_v3(account.app_key, q, nonce.id, curtime, account.app_secret),
        }

    def _results(self, data: Fields) -> list[ServiceEvent]:
        """``query`` and ``translation``; how a mere recognition looks, the document leaves open."""
        translated = self._target != self._source
        translation = _joined(data, "translation") if translated else ""
        text = data.text("query") or _joined(data, "result")
        if not text and not translation:
            return []
        result = Result(index=0, text=text, translation=translation or None, final=True)
        return [result, *(_speech(data) if translation else ())]


def _check(source: str, target: str, voice: str) -> None:
    pair = {source, target}
    if len(pair) == 2 and pair & set(CHINESE_ONLY) and "zh-CHS" not in pair:
        raise UsageError(f"youdao does not translate {source} to {target}; only Chinese goes")
    if voice not in VOICES:
        raise UsageError(f"youdao has no voice '{voice[:20]}'; expected 0 (female) or 1 (male)")


def _refusal(data: Fields) -> Failure | None:
    if data.get("errorCode") is None:
        if not data.get("query"):
            raise Malformed("missing-field", "errorCode")
        data.note("missing-field", "errorCode")
    code = data.code("errorCode", str)
    if code == "0" or code in NOTHING_HEARD:
        return None
    message = MESSAGES.get(code, "an error the document does not list")
    return answers.failure(code, message, code in RETRYABLE, about=blamed(code))


def _joined(data: Fields, key: str) -> str:
    """A list of texts as one; a bare text is taken as it is."""
    return " ".join(part.strip() for part in data.texts(key)).strip()


def _speech(data: Fields) -> list[ServiceEvent]:
    """``tSpeakUrl``; the sample has raw Chinese in it, so it is made plain ASCII."""
    url = data.text("tSpeakUrl")
    if not url:
        return []
    if not url.startswith(("http://", "https://")) or not _host(url):
        return [Garbage("bad-url", "tSpeakUrl")]
    return [SpeechAt(quote(url, safe="%/:?&=+#~,;@!$'()*[]"))]


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
