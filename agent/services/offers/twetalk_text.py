"""Tencent IoT TWeTalk: translation and summary of text."""

from __future__ import annotations

from agent.config.schema import Service
from agent.events import Pair
from agent.services import twetalk_text
from agent.services.entry import Entry, Shape, plain
from agent.services.locales import choose

TWETALK = "TWeTalk service interface document (Tencent IoT)"


def translate(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> twetalk_text.TwetalkTranslate:
    host = service.url or twetalk_text.HOST
    target = pair.target or pair.source
    return twetalk_text.TwetalkTranslate(plain(service.token), pair.source, target, host)


def summary(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> twetalk_text.TwetalkSummary:
    host = service.url or twetalk_text.HOST
    return twetalk_text.TwetalkSummary(plain(service.token), host=host)


def _translates(service: Service, pair: Pair) -> twetalk_text.TwetalkTranslate:
    """UsageError for languages the document does not list."""
    source = choose(service.name, pair.source, twetalk_text.LANGUAGES)
    target = choose(service.name, pair.target or pair.source, twetalk_text.LANGUAGES)
    return translate(service, Pair(source, target), "", False)


ENTRIES = (
    Entry(
        "twetalk-translate",
        TWETALK,
        Shape.TEXT,
        "translation, streamed or whole",
        twetalk_text.HOST,
        translate,
        translates=_translates,
    ),
    Entry(
        "twetalk-summary",
        TWETALK,
        Shape.TEXT,
        "summary, streamed or whole",
        twetalk_text.HOST,
        summary,
        summarizes=lambda service: summary(service, Pair(service.source, None), "", False),
    ),
)
