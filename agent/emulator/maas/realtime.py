"""MaaS real-time recognition and speech translation: short recordings, up to 30 s.

No engine here tells languages apart: of several, the first one it can hear is taken. The table of
languages has no `en-US`, which the samples send; it is taken, too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from agent.emulator.call import Call
from agent.emulator.engines import Unsupported
from agent.emulator.hearing import joined, listen
from agent.emulator.maas.gate import Gate, durations, invalid, language_of, listed, number

LONGEST_MS = 30_000
_REGIONS = {
    "ar": ("AE", "BH", "DZ", "EG", "IQ", "JO", "KW", "LY", "MA", "OM", "QA", "SA", "SY", "YE"),
    "da": ("DK",), "nl": ("NL",), "en": ("AU", "US"), "et": ("EE",), "fi": ("FI",),
    "fr": ("CA", "FR"), "de": ("DE",), "el": ("GR",), "gu": ("IN",), "he": ("IL",), "hi": ("IN",),
    "hu": ("HU",), "id": ("ID",), "bn": ("IN",), "bg": ("BG",), "ca": ("ES",),
    "zh": ("CN", "HK", "TW"), "hr": ("HR",), "cs": ("CZ",), "ga": ("IE",), "it": ("IT",),
    "ja": ("JP",), "kn": ("IN",), "ml": ("IN",), "ko": ("KR",), "lv": ("LV",), "lt": ("LT",),
    "mt": ("MT",), "mr": ("IN",), "nb": ("NO",), "pl": ("PL",), "pt": ("BR", "PT"),
    "ro": ("RO",), "ru": ("RU",), "sk": ("SK",), "sl": ("SI",),
    "es": ("AR", "BO", "CL", "CO", "CR", "CU", "DO", "EC", "SV", "GQ", "GT", "HN", "MX", "NI",
           "PA", "PY", "PE", "PR", "ES", "UY", "US", "VE"),
    "sv": ("SE",), "ta": ("IN",), "te": ("IN",), "th": ("TH",), "tr": ("TR",), "uk": ("UA",),
    "vi": ("VN",),
}  # fmt: skip
LOCALES = tuple(f"{code}-{region}" for code, regions in _REGIONS.items() for region in regions)
_ANY = ("en-US", "zh-CN")


class Recognition(Gate):
    """`/audio/recognize`: WAV of at most 30 s."""

    name = "maas-realtime-asr"
    known = ("recognitionLanguages", "timeout")
    kinds = ("wav",)

    def result(self, call: Call) -> Mapping[str, object]:
        """See `Gate.result`."""
        form = self.form(call)
        number(form.fields, "timeout")
        if form.sound.ms > LONGEST_MS:
            raise invalid(f"file is {form.sound.ms / 1_000:.1f} s long, at most 30", "too_long")
        locale = self.heard_language(_locales(form.fields.get("recognitionLanguages")))
        heard = listen(self._engine, form.sound.mono, language_of(locale))
        text = joined((sentence.text for sentence in heard), language_of(locale))
        return {"text": text, "language": locale, **durations(form.sound.ms)}


class SpeechTranslation(Gate):
    """`/audio/realtime/translation`: of a longer recording, the first 30 s."""

    name = "maas-speech-translation"
    known = (
        "targetLanguages", "recognitionLanguages", "hasRecognize", "SegmentationSilenceTimeoutMs",
    )  # fmt: skip

    def result(self, call: Call) -> Mapping[str, object]:
        """See `Gate.result`."""
        form = self.form(call)
        number(form.fields, "SegmentationSilenceTimeoutMs")
        targets = _targets(form.fields.get("targetLanguages", ""))
        locale = self._locale(form.fields)
        self._require(locale, targets)
        pcm = form.sound.mono[: LONGEST_MS * 32]
        source = language_of(locale)
        heard = listen(self._engine, pcm, source)
        texts = [sentence.text for sentence in heard]
        return {
            "text": joined(texts, source),
            "translations": {target: self._translated(texts, source, target) for target in targets},
            "language": locale,
            "resultId": uuid.uuid4().hex,
            **durations(min(form.sound.ms, LONGEST_MS)),
        }

    def _locale(self, fields: Mapping[str, str]) -> str:
        """The first language, unless `hasRecognize` asks for telling several apart."""
        has_recognize = fields.get("hasRecognize", "false")
        if has_recognize not in ("true", "false"):
            raise invalid("hasRecognize must be true or false")
        locales = _locales(fields.get("recognitionLanguages"))
        return self.heard_language(locales if has_recognize == "true" else locales[:1])

    def _require(self, locale: str, targets: list[str]) -> None:
        for target in targets:
            try:
                self._engine.require(language_of(locale), language_of(target))
            except Unsupported as unsupported:
                raise invalid(str(unsupported), "unsupported_language") from None

    def _translated(self, texts: list[str], source: str, target: str) -> str:
        code = language_of(target)
        translated = texts
        if code != source:
            translated = [self._engine.translate(text, source, code) for text in texts]
        return joined(translated, code)


def _locales(value: str | None) -> list[str]:
    """The candidates in `recognitionLanguages`; a usual few when it is not there."""
    locales = list(_ANY) if value is None else listed(value)
    if not locales or not set(locales) <= set(LOCALES):
        raise invalid("recognitionLanguages must be locales of the document's table: en-US,es-MX")
    return locales


def _targets(value: str) -> list[str]:
    """Target languages come as locales and as bare codes: `en-US,ja`."""
    targets = list(dict.fromkeys(listed(value)))
    if not targets or not set(targets) <= {*LOCALES, *_REGIONS}:
        raise invalid("targetLanguages must be languages of the document's table: en-US,ja")
    return targets
