"""How TSI is to speak (`TTS`, page 1399/107637): checked, and made into a file."""

from __future__ import annotations

import array
import io
import wave
from dataclasses import dataclass

from agent.emulator import ffmpeg
from agent.emulator.call import Declined
from agent.emulator.engines import SPEECH_RATE

_CODECS = ("wav", "mp3", "pcm")
_RATES = (16_000, 8_000)
_RANGES = {"Volume": (-10.0, 10.0), "Speed": (-2.0, 6.0)}


@dataclass(frozen=True)
class Voice:
    """The kind of file and the samples per second; the engine has but one voice and one speed."""

    codec: str
    rate: int = SPEECH_RATE

    def encoded(self, pcm: bytes) -> bytes:
        """Speech (16 kHz s16le) as such a file; `Declined` when there is no program for it."""
        sound = pcm if self.rate == SPEECH_RATE else _halved(pcm)
        if self.codec == "pcm":
            return sound
        if self.codec == "wav":
            return _wav(sound, self.rate)
        mp3 = ffmpeg.encode_mp3(sound, self.rate) if ffmpeg.installed() else None
        if mp3 is None:
            raise Declined("InternalError", "speech as MP3 needs ffmpeg")
        return mp3


def read_voice(value: object) -> Voice:
    """The parameter `TTS`; `Declined` when it is not as documented."""
    if not isinstance(value, dict):
        raise Declined("InvalidParameter", "The value type of `TTS` is not valid.")
    for name in value.keys() - {"Codec", "VoiceType", "SampleRate", *_RANGES}:
        raise Declined("UnknownParameter", f"The parameter `TTS.{name[:40]}` is not recognized.")
    for name in ("Codec", "VoiceType"):
        if name not in value:
            raise Declined(
                "InvalidParameter.MissingParameter", f"The parameter `TTS.{name}` is missing."
            )
    if value["Codec"] not in _CODECS:
        raise Declined("InvalidParameterValue", f"`TTS.Codec` must be {' or '.join(_CODECS)}.")
    if type(value["VoiceType"]) is not int or value["VoiceType"] < 0:
        raise Declined("InvalidParameter", "The value type of `TTS.VoiceType` is not valid.")
    for name, (least, most) in _RANGES.items():
        number = value.get(name, 0)
        if type(number) not in (int, float) or not least <= number <= most:
            raise Declined("InvalidParameterValue", f"`TTS.{name}` must be {least} to {most}.")
    if value.get("SampleRate", SPEECH_RATE) not in _RATES:
        raise Declined("InvalidParameterValue", "`TTS.SampleRate` must be 16000 or 8000.")
    return Voice(value["Codec"], int(value.get("SampleRate", SPEECH_RATE)))


def _halved(pcm: bytes) -> bytes:
    """Every other sample."""
    return array.array("H", pcm)[::2].tobytes()


def _wav(pcm: bytes, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(pcm)
    return file.getvalue()
