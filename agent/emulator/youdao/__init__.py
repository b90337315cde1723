"""Youdao speech translation: `translation` with `request`, and `speech` for the URLs it gives."""

from __future__ import annotations

from aiohttp import web

from agent.emulator.http import handler
from agent.emulator.site import Site
from agent.emulator.youdao.speech import PATH as SPEECH_PATH
from agent.emulator.youdao.speech import SpeechProvider
from agent.emulator.youdao.translation import PATH, TranslationProvider

__all__ = ["routes"]


def routes(site: Site) -> list[web.RouteDef]:
    """The paths of Youdao."""
    return [
        web.post(PATH, handler(site, TranslationProvider(site.engine))),
        web.get(SPEECH_PATH, handler(site, SpeechProvider(site.engine))),
    ]
