"""TWeTalk translation V2 (WebSocket, token): original and translation in one message.

Speech is switched in mid-session by `{"enable_tts": …}`, which has no answer.
"""

from __future__ import annotations

from agent.emulator.engines import Heard
from agent.emulator.stream import Action, Code, Refused, Say, Send
from agent.emulator.twetalk.messages import SLICE_TYPES, check_fields, dump
from agent.emulator.twetalk.session import TranslationSession

PATH = "/v2/ws-voice-translate"


class V2Session(TranslationSession):
    """The server's side of one V2 connection."""

    switch = "enable_tts"

    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """Original and translation in one message; only a final translation is spoken."""
        actions: list[Action] = [Send(self._result(heard, translation), "result")]
        setup = self._setup
        if setup and self._speak and heard.kind == "final" and translation:
            actions.append(Say(translation, setup.target, setup.streamed))
        return actions

    def _control(self, fields: dict[str, object]) -> list[Action]:
        if len(fields) != 1:
            raise Refused(Code.MESSAGE, "expected enable_tts or ping alone")
        if "ping" in fields:
            return super()._control(fields)
        check_fields(fields, {"enable_tts": bool}, Code.MESSAGE)
        self._speak = bool(fields["enable_tts"])
        return []

    def _result(self, heard: Heard, translation: str) -> str:
        detail = {
            "slice_type": SLICE_TYPES[heard.kind],
            "index": heard.index,
            "voice_text_str": heard.text,
        }
        message: dict[str, object] = {
            "msg": "success",
            "translation": translation,
            "original_detail": detail,
        }
        return dump({"code": 0, **message} if self._with_code() else message)
