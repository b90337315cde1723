"""Tencent Cloud and Tencent AI open platform.

`tsi` with `tc3` and `sentences`; `speech_translate` and `interpreter` with `streams`; `long_asr`
with `job`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from agent.emulator.connection import serve_stream
from agent.emulator.http import handler
from agent.emulator.site import Site
from agent.emulator.tencent.interpreter import PATH as INTERPRETER
from agent.emulator.tencent.interpreter import InterpreterSession
from agent.emulator.tencent.long_asr import PATH, LongAsrProvider
from agent.emulator.tencent.speech_translate import PATH as SPEECH_TRANSLATE
from agent.emulator.tencent.speech_translate import SpeechTranslateSession
from agent.emulator.tencent.streams import Address, TencentSession
from agent.emulator.tencent.tsi import TsiProvider

__all__ = ["routes"]

_STREAMS: tuple[tuple[str, str, type[TencentSession]], ...] = (
    ("tencent-speech-translate", SPEECH_TRANSLATE, SpeechTranslateSession),
    ("tencent-interpreter", INTERPRETER, InterpreterSession),
)


def routes(site: Site) -> list[web.RouteDef]:
    """The paths of all. TSI is at the root, told by its headers from whatever else is there."""
    return [
        web.post("/", handler(site, TsiProvider(site.engine, site.rules))),
        *(
            web.get(f"{path}/{{appid}}", _stream(site, name, path, made))
            for name, path, made in _STREAMS
        ),
        web.post(PATH, handler(site, LongAsrProvider(site.engine, site.rules, site.executor))),
    ]


def _stream(
    site: Site, name: str, path: str, made: type[TencentSession]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    def open_streams() -> int:
        return sum(page.provider == name and not page.ended for page in site.journal.connections)

    async def connect(request: web.Request) -> web.StreamResponse:
        query = tuple(request.query.items())
        address = Address(path, request.match_info["appid"], query, time.time())
        used, require = site.request_ids, site.engine.require
        return await serve_stream(
            request,
            site,
            name,
            lambda now: made(site.rules, address, used, require, open_streams, now),
        )

    return connect
