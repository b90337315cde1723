"""Tencent Cloud 实时语音同传 (WebSocket, page 1093/140336): Chinese to English and back, spoken.

The client says only the target; the other language is what it speaks, as far as this emulator is
concerned. The page at hand ends before the parameters: their names, the fields of subtitles and
the message that changes target or voice (`{"type": "update", …}`) are the emulator's own, after
page 1093/127565.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.emulator.engines import Heard
from agent.emulator.signed import Require
from agent.emulator.stream import Action, Code, Listen, Refused, Rules, Say
from agent.emulator.tencent.streams import (
    WRONG,
    Address,
    TencentSession,
    one_of,
)

PATH = "/asr/si"
_OTHER = {"zh": "en", "en": "zh"}
_VOICES = ("female", "male", "clone")
_RATES = ("8000", "16000", "24000", "48000")


class InterpreterSession(TencentSession):
    """The server's side of one connection."""

    def __init__(
        self,
        rules: Rules,
        address: Address,
        used: set[str],
        require: Require,
        open_streams: Callable[[], int],
        now: float,
    ) -> None:
        rules = replace(rules, gap_ms=rules.long_gap_ms)
        super().__init__(rules, address, used, require, open_streams, now)
        self._setup: dict[str, object] = {}

    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """The subtitle as it is now; a settled one is spoken."""
        target = _OTHER[heard.source]
        final = heard.kind == "final"
        result = {
            "source": heard.source,
            "target": target,
            "source_text": heard.text,
            "target_text": translation,
            "sentence_end": final,
        }
        sentence = f"{self._voice_id}_{heard.index}"
        subtitle = {"sentence_id": sentence, "result": result, "final": 0}
        actions: list[Action] = [self._message({**subtitle, **self._kind("subtitle")})]
        if final and translation:
            actions.append(Say(translation, target, streamed=True))
        return actions

    def finished(self) -> list[Action]:
        """All of the stream is translated, and still to be spoken."""
        return []

    def spoken(self) -> list[Action]:
        """All of it is spoken."""
        return [self._message({"final": 1, **self._kind("status")})]

    def _read(self, parameters: dict[str, str]) -> tuple[str, str]:
        required = ("target", "input_sample_rate")
        for name in required:
            if name not in parameters:
                raise Refused(WRONG, f"{name} is missing")
        for name in parameters.keys() - {*required, "voice_type"}:
            raise Refused(WRONG, f"unknown parameter {name[:40]!r}")
        if parameters["input_sample_rate"] not in _RATES:
            raise Refused(WRONG, f"input_sample_rate must be {' or '.join(_RATES)}")
        if int(parameters["input_sample_rate"]) != self._rules.rate:
            raise Refused(Code.AUDIO_FORMAT, f"this emulator works at {self._rules.rate} Hz")
        self._setup = {**parameters}
        return self._languages(parameters)

    def _languages(self, wish: dict[str, str]) -> tuple[str, str]:
        one_of(wish, "voice_type", _VOICES)
        if wish["target"] not in _OTHER:
            raise Refused(Code.LANGUAGE, "target must be zh or en")
        return _OTHER[wish["target"]], wish["target"]

    def _control(self, fields: dict[str, object]) -> list[Action]:
        if fields.get("type") != "update":
            return super()._control(fields)
        changes = {name: value for name, value in fields.items() if name != "type"}
        if not changes or changes.keys() - {"target", "voice_type"}:
            raise Refused(Code.MESSAGE, "update changes target or voice_type")
        self._setup |= changes
        source, target = self._languages({name: str(v) for name, v in self._setup.items()})
        self._require_languages(source, target)
        return [Listen({**self._setup}, source, target)]

    def _kind(self, kind: str) -> dict[str, str]:
        return {"message_type": kind}
