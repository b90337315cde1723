"""Tencent Cloud TSI and Tencent AI open platform: `tsi` with `tc3` and `sentences`, `long_asr`
with `job`."""

from __future__ import annotations

from aiohttp import web

from agent.emulator.http import handler
from agent.emulator.site import Site
from agent.emulator.tencent.long_asr import PATH, LongAsrProvider
from agent.emulator.tencent.tsi import TsiProvider

__all__ = ["routes"]


def routes(site: Site) -> list[web.RouteDef]:
    """The paths of both. TSI is at the root, told by its headers from whatever else is there."""
    return [
        web.post("/", handler(site, TsiProvider(site.engine, site.rules))),
        web.post(PATH, handler(site, LongAsrProvider(site.engine, site.rules, site.executor))),
    ]
