"""Cloudsway MaaS, speech to text: `whisper`, `fast`, `realtime`; `gate` is what they share."""

from __future__ import annotations

from aiohttp import web

from agent.emulator.http import handler
from agent.emulator.maas.fast import FastAsr
from agent.emulator.maas.gate import Gate
from agent.emulator.maas.realtime import Recognition, SpeechTranslation
from agent.emulator.maas.whisper import Whisper
from agent.emulator.site import Site

__all__ = ["routes"]

_BASE = "/v1/ai/{endpoint}"


def routes(site: Site) -> list[web.RouteDef]:
    """The paths of MaaS; there is no `/audio/translations` with an s, unlike OpenAI's."""
    engine = site.engine
    products: dict[str, Gate] = {
        "/audio/transcriptions": Whisper(engine, translates=False),
        "/audio/translation": Whisper(engine, translates=True),
        "/speechtotext/transcriptions:transcribe": FastAsr(engine),
        "/audio/recognize": Recognition(engine),
        "/audio/realtime/translation": SpeechTranslation(engine),
    }
    return [web.post(_BASE + path, handler(site, product)) for path, product in products.items()]
