"""TWeTalk translation V1 (WebSocket, token): original and translation in separate messages.

They belong together by `index`. A translation does not say whether it is final, so there is one
for each sentence, after its final original. Speech is on unless the set-up says `disable_tts`;
later messages can be heartbeats only.
"""

from __future__ import annotations

from agent.emulator.engines import Heard
from agent.emulator.stream import Action, Say, Send
from agent.emulator.twetalk.messages import SLICE_TYPES, dump
from agent.emulator.twetalk.session import TranslationSession

PATH = "/ws-voice-translate"


class V1Session(TranslationSession):
    """The server's side of one V1 connection."""

    switch = "disable_tts"

    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """The original; after a final one its translation, spoken if that is wanted."""
        actions: list[Action] = [self._result(_original(heard))]
        setup = self._setup
        if setup is None or heard.kind != "final" or not translation:
            return actions
        actions.append(self._result({"translation": translation, "index": heard.index}))
        if self._speak:
            actions.append(Say(translation, setup.target, setup.streamed))
        return actions

    def _result(self, content: dict[str, object]) -> Send:
        message = {"msg": "success", **content}
        return Send(dump({"code": 0, **message} if self._with_code() else message), "result")


def _original(heard: Heard) -> dict[str, object]:
    """The document's sample has an `original` that is empty: the text is in the detail."""
    detail = {
        "slice_type": SLICE_TYPES[heard.kind],
        "index": heard.index,
        "voice_text_str": heard.text,
    }
    return {"original": "", "original_detail": detail}
