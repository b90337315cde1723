"""MaaS fast transcription: phrases and words with their times.

The table says that words are timed within their phrase, the sample has them timed within the
recording; the sample is followed. Engines know neither voices nor how sure they are: with
diarization the speakers take turns, and the confidence is always the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from agent.emulator.call import Call
from agent.emulator.engines import Heard
from agent.emulator.hearing import joined, listen, words
from agent.emulator.maas.gate import Gate, invalid, language_of
from agent.emulator.sound import Sound

API_VERSION = "2024-11-15"
LOCALES = (
    "en-US", "zh-CN", "de-DE", "en-IN", "es-ES", "es-MX", "fr-FR", "hi-IN", "it-IT", "ja-JP",
    "ko-KR", "pt-BR",
)  # fmt: skip
PROFANITY = ("None", "Masked", "Removed", "Tags")
_CONFIDENCE = 0.9
_KEYS = ("channels", "diarization", "locales", "profanityFilterMode")


@dataclass(frozen=True)
class Definition:
    """What `definition` asks for. `speakers` is 0 without diarization; no `channels`: mix them."""

    locales: tuple[str, ...]
    speakers: int
    channels: tuple[int, ...]


class FastAsr(Gate):
    """`/speechtotext/transcriptions:transcribe`."""

    name = "maas-fast-asr"
    file_field = "audio"
    known = ("definition",)

    def result(self, call: Call) -> Mapping[str, object]:
        """See `Gate.result`."""
        if call.query.get("api-version") != API_VERSION:
            raise invalid(f"api-version must be {API_VERSION}")
        form = self.form(call)
        definition = read_definition(form.fields.get("definition", "{}"))
        locale = self.heard_language(definition.locales or LOCALES)
        phrases: list[dict[str, object]] = []
        combined: list[dict[str, object]] = []
        for label, pcm in _tracks(form.sound, definition.channels):
            heard = listen(self._engine, pcm, language_of(locale))
            phrases += [{**label, **_phrase(h, locale, definition.speakers)} for h in heard]
            text = joined((h.text for h in heard), language_of(locale))
            combined += [{**label, "text": text}] if heard else []
        return {
            "durationMilliseconds": round(form.sound.ms),
            "combinedPhrases": combined,
            "phrases": phrases,
        }


def read_definition(text: str) -> Definition:
    """The options in this JSON; `Declined` for what the document does not allow."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid("definition is not valid JSON") from None
    if not isinstance(values, dict):
        raise invalid("definition must be a JSON object")
    for key in values.keys() - set(_KEYS):
        raise invalid(f"definition: unknown key {key[:40]!r}")
    if values.get("profanityFilterMode", "Masked") not in PROFANITY:
        raise invalid(f"profanityFilterMode must be one of {', '.join(PROFANITY)}")
    speakers = _speakers(values.get("diarization", {}))
    channels = _channels(values.get("channels", []))
    if speakers and len(channels) > 1:
        raise invalid("diarization of several channels is not supported")
    return Definition(_locales(values.get("locales", [])), speakers, channels)


def _locales(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(locale in LOCALES for locale in value):
        raise invalid(f"locales must be a list of {', '.join(LOCALES)}")
    return tuple(value)


def _speakers(value: object) -> int:
    if not isinstance(value, dict) or value.keys() - {"maxSpeakers", "enabled"}:
        raise invalid('diarization must be like {"maxSpeakers": 2, "enabled": true}')
    most, enabled = value.get("maxSpeakers", 2), value.get("enabled", False)
    if type(enabled) is not bool or type(most) is not int or most < 1:
        raise invalid("diarization: enabled must be a bool, maxSpeakers a number from 1")
    return most if enabled else 0


def _channels(value: object) -> tuple[int, ...]:
    numbers = value if isinstance(value, list) else [value]
    known = all(type(number) is int and number in (0, 1) for number in numbers)
    if not isinstance(value, list) or not known or len(set(numbers)) != len(numbers):
        raise invalid("channels must be a list of 0 and 1, at most two channels")
    return tuple(numbers)


def _tracks(sound: Sound, channels: tuple[int, ...]) -> list[tuple[dict[str, object], bytes]]:
    """What to transcribe, each with its label. The channels of a mono sound are ignored."""
    if len(sound.channels) == 1 or not channels:
        return [({}, sound.mono)]
    return [({"channel": number}, sound.channel(number)) for number in channels]


def _phrase(heard: Heard, locale: str, speakers: int) -> dict[str, object]:
    return {
        "speaker": heard.index % speakers if speakers else None,
        "offsetMilliseconds": heard.start_ms,
        "durationMilliseconds": heard.end_ms - heard.start_ms,
        "text": heard.text,
        "words": [
            {
                "text": word.text,
                "offsetMilliseconds": word.start_ms,
                "durationMilliseconds": word.end_ms - word.start_ms,
            }
            for word in words(heard)
        ],
        "locale": locale,
        "confidence": _CONFIDENCE,
    }
