"""Servers of one's own: Wyoming on the same port, OpenAI-compatible paths, LibreTranslate."""

from __future__ import annotations

from aiohttp import web

from agent.emulator.http import handler
from agent.emulator.own.libretranslate import Languages, LibreTranslate
from agent.emulator.own.openai import Chat, Models, Speech, Transcription
from agent.emulator.site import Site

__all__ = ["routes"]


def routes(site: Site) -> list[web.RouteDef]:
    """The paths over HTTP; Wyoming is told by its first byte (`switch`)."""
    engine = site.engine
    return [
        web.get("/v1/models", handler(site, Models())),
        web.post("/v1/audio/transcriptions", handler(site, Transcription(engine))),
        web.post("/v1/audio/translations", handler(site, Transcription(engine, english=True))),
        web.post("/v1/audio/speech", handler(site, Speech(engine))),
        web.post("/v1/chat/completions", handler(site, Chat(engine))),
        web.post("/translate", handler(site, LibreTranslate(engine))),
        web.get("/languages", handler(site, Languages(engine))),
    ]
