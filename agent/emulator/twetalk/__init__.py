"""TWeTalk, as its provider describes it: translation, recognition and text.

After the TWeTalk service interface document (version of 2025-08-18). Each file is one of its
interfaces: `v1` and `v2` (translation while speaking), `asr` (recognition), `text` (over HTTP).
"""

from __future__ import annotations

from aiohttp import web

from agent.emulator.connection import serve_stream
from agent.emulator.http import handler
from agent.emulator.site import Site
from agent.emulator.twetalk.asr import PATH as ASR_PATH
from agent.emulator.twetalk.asr import AsrSession, Wish
from agent.emulator.twetalk.text import PATH as TEXT_PATH
from agent.emulator.twetalk.text import TextProvider
from agent.emulator.twetalk.v1 import PATH as V1_PATH
from agent.emulator.twetalk.v1 import V1Session
from agent.emulator.twetalk.v2 import PATH as V2_PATH
from agent.emulator.twetalk.v2 import V2Session

__all__ = ["routes"]


def routes(site: Site) -> list[web.RouteDef]:
    """The paths of TWeTalk."""
    require = site.engine.require

    async def first(request: web.Request) -> web.StreamResponse:
        return await serve_stream(
            request,
            site,
            "twetalk-v1",
            lambda now: V1Session(site.rules, site.request_ids, require, now),
        )

    async def second(request: web.Request) -> web.StreamResponse:
        return await serve_stream(
            request,
            site,
            "twetalk-v2",
            lambda now: V2Session(site.rules, site.request_ids, require, now),
        )

    async def recognition(request: web.Request) -> web.StreamResponse:
        wish = Wish(request.match_info["appid"], tuple(request.query.items()))
        return await serve_stream(
            request, site, "twetalk-asr", lambda now: AsrSession(site.rules, wish, require, now)
        )

    return [
        web.get(V1_PATH, first),
        web.get(V2_PATH, second),
        web.get(ASR_PATH, recognition),
        web.post(TEXT_PATH, handler(site, TextProvider(site.engine, site.rules))),
    ]
