"""Servers of one's own: what they hear, translate and speak with is configured by role."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from agent.config import own
from agent.config.schema import Hear, Service, Speak, Translate
from agent.errors import UsageError
from agent.events import Pair
from agent.services import libretranslate, openai, openai_chat, wyoming
from agent.services.entry import Entry, Limits, Shape, plain
from agent.services.languages import base
from agent.services.shapes import TextProtocol

_RATES = (16000, 8000)
_WAV = Limits(rates=_RATES)
_CLIP_S = 120  # the protocol has no limit, but a small machine has its patience
_UPLOADED = Limits(_CLIP_S, openai.MAX_BYTES, formats=openai.FORMATS, rates=_RATES)


def ears(
    service: Service, pair: Pair, request_id: str, tts: bool
) -> wyoming.Listening | openai.Transcription:
    """What hears: a stream or uploads, by the address."""
    hear = service.hear
    if hear is None:
        raise UsageError("own: no ears; name a server: service.hear")
    language = _language(hear, pair)
    if own.is_wyoming(hear):
        return wyoming.Listening(hear.url, language, hear.model)
    options = openai.Options(language, hear.prompt, hear.temperature, hear.format)
    there = _spoken(service, pair)
    return openai.Transcription(server(hear), options, english=own.to_english(there))


def _language(hear: Hear, pair: Pair) -> str | None:
    """Whisper and its relatives know no regions."""
    if hear.language == "auto":
        return None
    return hear.language or base(pair.source)


def _spoken(service: Service, pair: Pair) -> Service:
    """``service`` as it is used now."""
    return structs.replace(service, source=pair.source, target=pair.target)


def server(role: Hear | Translate | Speak) -> openai.Server:
    """The OpenAI-compatible server of a role."""
    return openai.Server(role.url, role.model, plain(role.key))


def translator(service: Service, pair: Pair) -> TextProtocol:
    """What translates ``pair``; UsageError where there is nothing to."""
    role = service.translate
    if role is None:
        raise UsageError("own: no translator; name a server: service.translate")
    if pair.target is None:
        raise UsageError("own: no language to translate to; set service.target")
    if own.is_libre(role):
        url = role.url.removeprefix(own.LIBRE)
        there = libretranslate.Server(url, plain(role.key))
        return libretranslate.Translate(there, pair.source, pair.target)
    prompt = role.prompt or openai_chat.TRANSLATE
    return openai_chat.Chat(server(role), prompt, role.temperature, pair.source, pair.target)


def summarizer(service: Service) -> TextProtocol:
    """What summarises: a chat; UsageError where there is none."""
    role = service.translate
    if role is None or own.is_libre(role):
        raise UsageError("own: no chat to summarise with; name one: service.translate")
    return openai_chat.Chat(
        server(role), role.summary_prompt or openai_chat.SUMMARIZE, role.temperature
    )


def configured(service: Service) -> Entry:
    """The entry with what the roles of ``service`` give."""
    hear = service.hear
    role = service.translate
    streams = hear is None or own.is_wyoming(hear)
    english = own.to_english(service)
    gives = ["English translation" if english else "text"]
    gives += ["translation"] if role is not None else []
    gives += ["partials", "times"] if streams else ["times", "words"]
    gives += ["speech"] if service.speak else []
    chat = role is not None and not own.is_libre(role)
    return replace(
        ENTRY,
        shape=Shape.STREAM if streams else Shape.UTTERANCE,
        gives=", ".join(gives),
        host=hear.url if hear else "",
        limits=_WAV if streams else _UPLOADED,
        translates=translator if role is not None else None,
        summarizes=summarizer if chat else None,
    )


ENTRY = Entry(
    "own",
    f"{wyoming.DOCUMENT}; {openai.DOCUMENT}; {libretranslate.DOCUMENT}",
    Shape.STREAM,
    "text, translation, partials, times, speech",
    "",
    ears,
    _WAV,
    configured,
    composed=True,
)
ENTRIES = (ENTRY,)
