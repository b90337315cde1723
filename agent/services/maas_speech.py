"""MaaS-Arealtime-asr and MaaS-ASpeech-Translation: short speech to text and translations.

API document v1.1.  Both take up to 30 s of WAV; durations are in units of 100 ns (the
first section leaves the unit blank, its sample is 65 200 000 beside 7 s).  curl drops
the double quotes around the values of the samples, so none are sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from agent.errors import UsageError
from agent.events import Result, ServiceEvent
from agent.services import answers
from agent.services.locales import choose
from agent.services.maas import LOCALES, Account, refusal, sound, text_of
from agent.services.multipart import Part
from agent.services.reading import Fields, mended
from agent.services.shapes import Clip, Nonce, Request, Response

MAX_SECONDS = 30  # "音频时长不能超过30s"; translation silently ignores what comes later
FORMATS = ("wav",)  # "目前支持wav格式"; translation names no format, its samples are WAV
TICKS_PER_MS = 10_000

# "支持语言", as it stands there, and en-US, which only the document's samples have.
LANGUAGES = (
    *("ar-AE", "ar-BH", "ar-DZ", "ar-EG", "ar-IQ", "ar-JO", "ar-KW", "ar-LY", "ar-MA", "ar-OM"),
    *("ar-QA", "ar-SA", "ar-SY", "ar-YE", "da-DK", "nl-NL", "en-AU", "en-US", "et-EE", "fi-FI"),
    *("fr-CA", "fr-FR", "de-DE", "el-GR", "gu-IN", "he-IL", "hi-IN", "hu-HU", "id-ID", "bn-IN"),
    *("bg-BG", "ca-ES", "zh-CN", "zh-HK", "zh-TW", "hr-HR", "cs-CZ", "ga-IE", "it-IT", "ja-JP"),
    *("kn-IN", "ml-IN", "ko-KR", "lv-LV", "lt-LT", "mt-MT", "mr-IN", "nb-NO", "pl-PL", "pt-BR"),
    *("pt-PT", "ro-RO", "ru-RU", "sk-SK", "sl-SI", "es-AR", "es-BO", "es-CL", "es-CO", "es-CR"),
    *("es-CU", "es-DO", "es-EC", "es-SV", "es-GQ", "es-GT", "es-HN", "es-MX", "es-NI", "es-PA"),
    *("es-PY", "es-PE", "es-PR", "es-ES", "es-UY", "es-US", "es-VE", "sv-SE", "ta-IN", "te-IN"),
    *("th-TH", "tr-TR", "uk-UA", "vi-VN"),
)
#: Targets have no list; the samples write ``en-US`` and ``ja``, so both forms are taken.
TARGETS = (*LANGUAGES, *dict.fromkeys(code.partition("-")[0] for code in LANGUAGES))
_TARGETS: Mapping[str, str] = {"en": "en-US", "zh": "zh-CN"}


class RealtimeAsr:
    """Recognition of speech in one of ``sources`` (empty: the service finds out).

    ``timeout`` is the pause between words that ends the speech; the document gives it
    no unit (its sample is 100).  Raises UsageError for a language it does not list.
    """

    def __init__(
        self, account: Account, sources: Sequence[str] = (), timeout: int | None = None
    ) -> None:
        self._account = account
        self._sources = _locales("maas-realtime-asr", sources)
        self._timeout = timeout

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        parts = [sound("file", clip)]
        if self._sources:
            parts.append(Part("recognitionLanguages", ",".join(self._sources)))
        if self._timeout is not None:
            parts.append(Part("timeout", str(self._timeout)))
        return self._account.upload("/audio/recognize", parts, nonce)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """One result, none for silence."""
        return answers.read(response, lambda data: refusal(data, response.status), _recognised)


class SpeechTranslation:
    """Translation of speech in one of ``sources`` to all ``targets`` at once.

    Several sources make the service recognise which one it hears (``hasRecognize``);
    otherwise it would take the first for granted.  ``silence_ms`` is the pause that
    ends a segment (the service's default is 2000).  Raises UsageError for a language
    the document does not list, and for no language at all.
    """

    def __init__(
        self,
        account: Account,
        sources: Sequence[str],
        targets: Sequence[str],
        silence_ms: int | None = None,
    ) -> None:
        if not sources or not targets:
            raise UsageError("maas-speech-translation needs a source and a target language")
        self._account = account
        self._sources = _locales("maas-speech-translation", sources)
        self._targets = [_target(code) for code in targets]
        self._silence_ms = silence_ms

    def request(self, clip: Clip, nonce: Nonce) -> Request:
        parts = [
            Part("targetLanguages", ",".join(self._targets)),
            sound("file", clip),
            Part("recognitionLanguages", ",".join(self._sources)),
            Part("hasRecognize", "true" if len(self._sources) > 1 else "false"),
        ]
        if self._silence_ms is not None:
            parts.append(Part("SegmentationSilenceTimeoutMs", str(self._silence_ms)))
        return self._account.upload("/audio/realtime/translation", parts, nonce)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """One result; ``translation`` is that to the first target, ``translations`` has the
        others."""
        return answers.read(response, lambda data: refusal(data, response.status), self._translated)

    def _translated(self, data: Fields) -> list[ServiceEvent]:
        translations = _translations(data)
        main = _written(self._targets[0], translations)
        return _result(data, translations.pop(main, None), translations)


def _recognised(data: Fields) -> list[ServiceEvent]:
    return _result(data, None, {})


def _result(
    data: Fields, translation: str | None, translations: Mapping[str, str]
) -> list[ServiceEvent]:
    duration = data.whole("duration")
    end = None if duration is None else duration // TICKS_PER_MS
    result = Result(
        index=0,
        text=text_of(data),
        translation=translation,
        final=True,
        start_ms=None if end is None else 0,
        end_ms=end,
        translations=translations,
        language=data.word("language"),
    )
    return [result] if result.text or translation or translations else []


def _translations(data: Fields) -> dict[str, str]:
    if data.get("translations") is None:
        return {}
    if not isinstance(data["translations"], dict):
        data.note("wrong-type", "translations")
        return {}
    given = data.nested("translations")
    return {mended(code): text for code in given if (text := given.text(code))}


def _written(target: str, codes: Collection[str]) -> str:
    """Which of an answer's ``codes`` is ``target``: written in full or bare."""
    by_language = {code.partition("-")[0].lower(): code for code in codes}
    return target if target in codes else by_language.get(target.partition("-")[0], target)


def _locales(service: str, codes: Sequence[str]) -> list[str]:
    return [choose(service, code, LANGUAGES, LOCALES) for code in codes]


def _target(code: str) -> str:
    """The code as a user wrote it if it is one, but ``en`` and ``zh`` as the document does."""
    return _TARGETS.get(code.lower()) or choose("maas-speech-translation", code, TARGETS)
