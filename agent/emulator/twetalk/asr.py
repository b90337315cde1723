"""TWeTalk recognition (WebSocket, allow-listed application id).

The handshake is all in the address and answered at once: `code` 0, or not 0 and a close. The
document says how a stream's end is announced (`final` 1) and not what causes it; here it is the
message of Tencent's other recognition services, `{"type": "end"}`.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.emulator.engines import Heard
from agent.emulator.stream import (
    Action,
    AudioMeter,
    Code,
    Finish,
    Refused,
    Rules,
    Send,
)
from agent.emulator.twetalk.messages import SLICE_TYPES, Require, dump
from agent.emulator.twetalk.session import TwetalkSession

PATH = "/asr/v2/{appid}"
APP_ID = "1000001"
MODELS = {
    "iot_16k_zh": "zh",
    "iot_16k_en": "en",
    "iot_16k_it": "it",
    "iot_16k_ru": "ru",
    "iot_16K_ja": "ja",  # with a capital K in the document, unlike the others
}


@dataclass(frozen=True)
class Wish:
    """What the address asks for: the application and the parameters, in order."""

    app_id: str
    query: tuple[tuple[str, str], ...] = ()

    def language(self) -> str:
        """The language to recognise; `Refused` when the address is not as the document has it."""
        if self.app_id != APP_ID:
            raise Refused(Code.AUTH, "auth error")
        parameters = dict(self.query)
        if len(parameters) != len(self.query):
            raise Refused(Code.SETUP, "a parameter is there twice")
        for name in parameters.keys() - {"engine_model_type", "voice_format"}:
            raise Refused(Code.SETUP, f"unknown parameter {name[:40]!r}")
        if parameters.get("voice_format", "1") != "1":
            raise Refused(Code.AUDIO_FORMAT, "voice_format must be 1 (pcm)")
        if "engine_model_type" not in parameters:
            raise Refused(Code.SETUP, "engine_model_type is missing")
        model = parameters["engine_model_type"]
        if model not in MODELS:
            raise Refused(Code.LANGUAGE, f"unknown engine_model_type {model[:40]!r}")
        return MODELS[model]


class AsrSession(TwetalkSession):
    """The server's side of one recognition."""

    error_key = "message"

    def __init__(self, rules: Rules, wish: Wish, require: Require, now: float) -> None:
        super().__init__(rules, require, now)
        self._wish = wish
        self._ended = False

    def opened(self, now: float) -> list[Action]:
        """The handshake's answer (section 1 of the recognition interface)."""
        try:
            setup: dict[str, object] = {"appid": self._wish.app_id, **dict(self._wish.query)}
            listen = self._listen(self._wish.language(), None, setup)
        except Refused as refused:
            return [self.refuse(refused.code, refused.msg)]
        self._meter = AudioMeter(self._rules, now)
        return [Send(dump({"code": 0, "message": "success"}), "handshake"), listen]

    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """The original with its place in the audio."""
        result = {
            "slice_type": SLICE_TYPES[heard.kind],
            "index": heard.index,
            "voice_text_str": heard.text,
            "start_time": heard.start_ms,
            "end_time": heard.end_ms,
        }
        return [self._result({"final": 0, "result": result})]

    def finished(self) -> list[Action]:
        """All of the stream is recognised; there is no result that would be new."""
        return [self._result({"final": 1})]

    def audio(self, message: bytes, now: float) -> list[Action]:
        """See `StreamSession.audio`."""
        if self._ended:
            return [self.refuse(Code.MESSAGE, "audio after the end")]
        return super().audio(message, now)

    def _set_up(self, message: str, now: float) -> list[Action]:
        raise Refused(Code.SETUP, "refused already")

    def _control(self, fields: dict[str, object]) -> list[Action]:
        if fields != {"type": "end"}:
            return super()._control(fields)
        if self._ended:
            raise Refused(Code.MESSAGE, "ended already")
        self._ended = True
        return [Finish()]

    def _result(self, content: dict[str, object]) -> Send:
        """`code` and `message` "are usually left out" of a result without an error."""
        success = {"code": 0, "message": ""} if self._with_code() else {}
        return Send(dump({**success, **content}), "result")
