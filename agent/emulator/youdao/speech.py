"""The addresses of speech that Youdao's answers hold, and what is at them.

The document shows them and does not describe them: the signature here is the emulator's own, only
its look is that of the samples. The sound is MP3, which needs ffmpeg.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import quote

from agent.emulator import ffmpeg
from agent.emulator.call import Call, Codes, Declined, Reply
from agent.emulator.engines import SPEECH_RATE, Engine
from agent.emulator.stream import DEMO
from agent.emulator.youdao.languages import LANGUAGES

PATH = "/ttsapi"


class SpeechProvider:
    """Speaks the text of an address that `address` made."""

    name = "youdao-speech"
    max_body = 0
    codes = Codes("2301", "2301", "2301")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        query = call.query
        call.page.note_fields({name: query[name] for name in query if name != "sign"})
        if not {"q", "langType", "sign", "salt", "appKey"} <= query.keys():
            raise Declined("101", "a parameter is missing")
        if query["appKey"] != DEMO:
            raise Declined("108", "appKey is not valid")
        right = _sign(query["q"], query["langType"], query["salt"])
        if not hmac.compare_digest(right.encode(), query["sign"].encode("utf-8", "replace")):
            raise Declined("202", "sign is not right")
        if query["langType"] not in LANGUAGES:
            raise Declined("2003", "langType is not in the table of languages")
        pcm = self._engine.speak(query["q"], LANGUAGES[query["langType"]])
        return _playable(pcm)

    def refusal(self, declined: Declined) -> Reply:
        """See `HttpProvider.refusal`."""
        return Reply(json.dumps({"errorCode": str(declined.code)}).encode())


def address(origin: str, text: str, language: str, salt: str, voice: str = "0") -> str:
    """Where this text can be heard; `language` is Youdao's code."""
    parameters = {
        "q": text,
        "langType": language,
        "sign": _sign(text, language, salt),
        "salt": salt,
        "voice": voice,
        "appKey": DEMO,
    }
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{origin}{PATH}?{query}"


def _sign(text: str, language: str, salt: str) -> str:
    whole = f"{DEMO}{text}{language}{salt}".encode("utf-8", "replace")
    return hashlib.md5(whole, usedforsecurity=False).hexdigest().upper()


def _playable(pcm: bytes) -> Reply:
    mp3 = ffmpeg.encode_mp3(pcm, SPEECH_RATE) if ffmpeg.installed() else None
    if mp3 is None:
        raise Declined("2301", "speech is MP3, and ffmpeg is not installed")
    return Reply(mp3, content_type="audio/mpeg")
