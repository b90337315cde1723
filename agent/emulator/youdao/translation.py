"""Youdao speech translation: a recording in, its text, translation and speech out.

After the speech translation API document. Every answer has status 200 and an `errorCode`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from agent.emulator.call import Call, Codes, Declined, Reply
from agent.emulator.engines import Engine, EngineFailed, Unsupported
from agent.emulator.hearing import first_heard, joined, listen
from agent.emulator.limits import Once, RateLimit
from agent.emulator.youdao.languages import AUTO, LANGUAGES
from agent.emulator.youdao.request import (
    LARGEST,
    WITHIN_S,
    check_signature,
    check_values,
    read_fields,
    read_recording,
)
from agent.emulator.youdao.speech import address

PATH = "/speechtransapi"
PER_HOUR = 3_000
_HOUR_MS = 3_600_000
_DICTIONARIES = {"en": "eng", "ja": "jap", "ko": "ko", "fr": "fr"}


class TranslationProvider:
    """Answers requests that are signed, in time and new."""

    name = "youdao"
    max_body = 3 * LARGEST  # URL-encoding triples what is not a letter or a digit
    codes = Codes("3303", "303", "3007")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._salts = Once(2_000 * WITHIN_S)  # an older one has no valid time any more
        self._rate = RateLimit(PER_HOUR, _HOUR_MS)

    def answer(self, call: Call) -> Reply:
        """See `HttpProvider.answer`."""
        fields = read_fields(call)
        check_signature(fields, call.unix_s)
        if not self._salts.take(fields["salt"], call.now_ms):
            raise Declined("207", "salt was used before")
        if not self._rate.take(call.now_ms):
            raise Declined("3411", f"more than {PER_HOUR} requests in an hour")
        check_values(fields)
        sound = read_recording(fields)
        call.page.note_audio(sound.mono)
        return Reply(json.dumps(self._result(fields, sound.mono, call.origin)).encode())

    def refusal(self, declined: Declined) -> Reply:
        """See `HttpProvider.refusal`; the reason is in the journal, the document has none."""
        return Reply(json.dumps({"errorCode": str(declined.code)}).encode())

    def _result(self, fields: Mapping[str, str], pcm: bytes, origin: str) -> dict[str, object]:
        source, target = self._languages(fields)
        heard = listen(self._engine, pcm, LANGUAGES[source])
        query = joined((sentence.text for sentence in heard), LANGUAGES[source])
        if not query:
            raise Declined("3301", "nothing was recognised")
        if source == target:  # "returns the result of recognition directly"
            return {"errorCode": "0", "query": query}
        translation = self._translated(query, LANGUAGES[source], LANGUAGES[target])
        voice, salt = fields.get("voice", "0"), fields["salt"]
        return {
            "errorCode": "0",
            "query": query,
            "translation": [translation],
            "tSpeakUrl": address(origin, translation, target, salt, voice),
            "speakUrl": address(origin, query, source, salt, voice),
            **_dictionary(query, LANGUAGES[source], LANGUAGES[target]),
        }

    def _languages(self, fields: Mapping[str, str]) -> tuple[str, str]:
        """From which and into which; `Declined` when the engine cannot do them."""
        given, target = fields["from"], fields["to"]
        into = LANGUAGES[target]
        sources = ["zh-CHS", "en"] if given == AUTO else [given]
        codes = {LANGUAGES[source]: source for source in sources}
        try:
            return codes[
                first_heard(self._engine, codes, None if given == target else into)
            ], target
        except Unsupported as unsupported:
            raise Declined("3005", str(unsupported)) from None

    def _translated(self, text: str, source: str, target: str) -> str:
        """Between two kinds of one language, the text as it is."""
        if source == target:
            return text
        try:
            return self._engine.translate(text, source, target)
        except EngineFailed as failed:
            raise Declined("3302", str(failed)) from failed


def _dictionary(query: str, source: str, target: str) -> dict[str, object]:
    """Links to the dictionary of the language that is not Chinese."""
    foreign = source if source not in ("zh", "yue") else target
    link = f"m.youdao.com/dict?le={_DICTIONARIES.get(foreign, foreign)}&q={quote(query, safe='')}"
    return {"dict": {"url": f"yddict://{link}"}, "webdict": {"url": f"http://{link}"}}
