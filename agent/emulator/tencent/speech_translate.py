"""Tencent Cloud 实时语音翻译 (WebSocket, page 1093/127565): speech in, text and speech out.

Each message is the newest state of one sentence. The stream's end is announced by `final` 1, and
by 2 where speech was asked for and is over. What the page at hand leaves open (the languages, the
parameters of speech) is as clients that quote the whole of it have it.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.emulator.engines import Heard
from agent.emulator.signed import Require
from agent.emulator.stream import Action, Code, Refused, Rules, Say
from agent.emulator.tencent.streams import (
    WRONG,
    Address,
    TencentSession,
    one_of,
    within,
)

PATH = "/asr/speech_translate"
RATE = 16_000

TARGETS = {
    "zh": "zh en ja ko yue id th",
    "en": "zh en ja ko yue id th",
    "zh_en": "zh_en zh en ja ko yue id th",
    "ja": "zh en ja ko yue",
    "ko": "zh en ja ko yue",
    "yue": "zh en ja ko yue",
    "id": "zh en id",
    "th": "zh en th",
    "ru": "zh en ru",
}
_SPOKEN_AS = {"zh_en": "zh"}  # for engines, which know of no mixture
_FORMATS = {"1": "pcm", "8": "mp3", "12": "wav"}
_OTHERS = frozenset(
    {
        "trans_model", "enable_tts", "voice_type", "fast_voice_type", "sample_rate", "speed",
        "volume", "codec", "hotword_list", "filter_dirty", "filter_modal", "filter_punc",
        "convert_num_mode", "noise_threshold", "domain", "vad_silence_time", "max_speak_time",
    }
)  # fmt: skip
_MODELS = ("hunyuan-translation-lite", "hunyuan-translation")


class SpeechTranslateSession(TencentSession):
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
        super().__init__(rules, address, used, require, open_streams, now)
        self._languages = ("", "")
        self._speaks = False

    @property
    def speaking(self) -> bool:
        """See `StreamSession.speaking`."""
        return self._speaks

    def heard(self, heard: Heard, translation: str) -> list[Action]:
        """The sentence as it is now; a settled one is spoken."""
        source, target = self._languages
        final = heard.kind == "final"
        result = {
            "source": source,
            "target": target,
            "source_text": heard.text,
            "target_text": translation if source != target else heard.text,
            "start_time": heard.start_ms,
            "end_time": heard.end_ms,
            "sentence_end": final,
        }
        sentence = f"{self._voice_id}_{heard.index}"
        actions: list[Action] = [
            self._message({"sentence_id": sentence, "result": result, "final": 0})
        ]
        if self._speaks and final and translation:
            actions.append(Say(translation, _SPOKEN_AS.get(target, target), streamed=True))
        return actions

    def finished(self) -> list[Action]:
        """All of the stream is translated."""
        return [self._message({"result": None, "final": 1})]

    def spoken(self) -> list[Action]:
        """All of it is spoken."""
        return [self._message({"result": None, "final": 2})] if self._speaks else []

    def _read(self, parameters: dict[str, str]) -> tuple[str, str]:
        required = ("source", "target", "voice_format")
        for name in required:
            if name not in parameters:
                raise Refused(WRONG, f"{name} is missing")
        for name in parameters.keys() - {*required, *_OTHERS}:
            raise Refused(WRONG, f"unknown parameter {name[:40]!r}")
        if parameters["voice_format"] not in _FORMATS:
            raise Refused(WRONG, "voice_format must be 1, 8 or 12")
        if parameters["voice_format"] != "1":
            raise Refused(Code.AUDIO_FORMAT, "the emulator decodes voice_format 1 (pcm) only")
        _check_others(parameters)
        source, target = parameters["source"], parameters["target"]
        if source not in TARGETS or target not in TARGETS[source].split():
            raise Refused(Code.LANGUAGE, f"{source[:20]} is not translated to {target[:20]}")
        self._languages = source, target
        self._speaks = parameters.get("enable_tts", "0") == "1"
        return _SPOKEN_AS.get(source, source), _SPOKEN_AS.get(target, target)


def _check_others(parameters: dict[str, str]) -> None:
    one_of(parameters, "trans_model", _MODELS)
    one_of(parameters, "enable_tts", ("0", "1"))
    one_of(parameters, "codec", ("pcm",))  # mp3 too, which the emulator does not speak
    one_of(parameters, "sample_rate", ("16000",))
    within(parameters, "voice_type", 0, 999_999_999)
    within(parameters, "vad_silence_time", 500, 2_000)
    within(parameters, "volume", -10, 10)
