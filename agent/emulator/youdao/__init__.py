"""Youdao speech translation: `translation` with `request`, and `speech` for the URLs it gives;
`stream` while somebody speaks."""

from __future__ import annotations

import time

from aiohttp import web

from agent.emulator.connection import serve_stream
from agent.emulator.http import handler
from agent.emulator.site import Site
from agent.emulator.youdao.speech import PATH as SPEECH_PATH
from agent.emulator.youdao.speech import SpeechProvider
from agent.emulator.youdao.stream import PATH as STREAM_PATH
from agent.emulator.youdao.stream import StreamTranslation, Wish
from agent.emulator.youdao.translation import PATH, TranslationProvider

__all__ = ["routes"]


def routes(site: Site) -> list[web.RouteDef]:
    """The paths of Youdao."""

    async def stream(request: web.Request) -> web.StreamResponse:
        wish = Wish(tuple(request.query.items()), time.time())
        used, require = site.request_ids, site.engine.require
        return await serve_stream(
            request,
            site,
            "youdao-stream",
            lambda now: StreamTranslation(site.rules, wish, used, require, now),
        )

    return [
        web.post(PATH, handler(site, TranslationProvider(site.engine))),
        web.get(SPEECH_PATH, handler(site, SpeechProvider(site.engine))),
        web.get(STREAM_PATH, stream),
    ]
