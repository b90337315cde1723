"""Faults of the service itself, and of what stands between it and the device."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from agent.clock import SystemClock
from agent.emulator.faults import Fault
from tests.faults.case import Catalogue
from tests.faults.rig import Rig
from tests.faults.speech import Speech

unwell = Catalogue()

NAME = "speech.test"  # a name no resolver knows but ours
PAGE = b"<html>Welcome to our hotel</html>"
LOGIN = b"HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\nContent-Length: 0\r\n\r\n"
WELCOME = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE
)
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def on_first(do: Any, **fields: Any) -> dict[str, Any]:
    """Options of a rig whose emulator does this on its first connection after 2.5 s of audio."""
    return {"plan": (Fault(do=do, connection=1, after_audio_ms=2500, **fields),)}


def _back_by_itself(rig: Rig) -> None:
    """How long the service was away, as the device tells; it was there all the time."""
    rig.finish()
    told = [notice.detail["outage_ms"] for _, notice in rig.device.heard_of("reconnect")]
    if len(told) != 1:
        rig.notes.append(f"{len(told)} reconnects, not one")
    rig.recover_s = rig.late_s = max(told, default=0) / 1000


@unwell.fault("close frame 1011 in mid-sentence", "sent again within 1 s", **on_first("close"))
def close_frame(rig: Rig) -> None:
    rig.say(Speech(3))
    _back_by_itself(rig)


@unwell.fault("40 messages of garbage", "counted; nothing lost", **on_first("garbage", count=40))
def garbage(rig: Rig) -> None:
    rig.say(Speech(3))
    rig.finish()
    if rig.device.telemetry.total("garbage") < 5:
        rig.notes.append("the garbage was not counted")


@unwell.fault(
    "the service freezes for 5 s with TCP open (ping every 1 s)",
    "nothing lost",
    **on_first("freeze", for_ms=5000),
)
def freeze(rig: Rig) -> None:
    rig.say(Speech(4))


@unwell.fault(
    "every message of the service 1.5 s late", "nothing lost", **on_first("slow", delay_ms=1500)
)
def slow(rig: Rig) -> None:
    rig.say(Speech(3))


@unwell.fault(
    "the service answers with an error (retryable)",
    "sent again within 1 s",
    **on_first("error", code=1500, msg="engine busy"),
)
def error(rig: Rig) -> None:
    rig.say(Speech(3))
    _back_by_itself(rig)


def _page(rig: Rig, page: bytes) -> None:
    """Torn, and then a page instead of the service for 5 s."""
    speech = rig.say(Speech(5))
    rig.until(speech.ends[1] - 300)
    rig.strike()
    rig.proxy.answer(page)
    rig.proxy.cut()
    rig.wait(5)
    rig.proxy.restore()
    rig.recovers()


@unwell.fault("HTTP 503 for 5 s", "sent again after the backoff")
def unavailable(rig: Rig) -> None:
    _page(rig, BUSY)


@unwell.fault("captive portal (HTTP 302) for 5 s", "sent again after the backoff")
def portal_redirect(rig: Rig) -> None:
    _page(rig, LOGIN)
    rig.noticed("reset")


@unwell.fault("captive portal (HTTP 200) for 5 s", "sent again after the backoff")
def portal_page(rig: Rig) -> None:
    _page(rig, WELCOME)


class Resolver:
    """Resolves as before, and `NAME` too, while it is ``well``."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self.well = True
        self._ask = ask

    def __call__(self, host: str, *rest: Any, **more: Any) -> Any:
        if host != NAME:
            return self._ask(host, *rest, **more)
        if more.get("flags"):  # it is no address
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not self.well:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._ask("127.0.0.1", *rest, **more)


resolver = Resolver(socket.getaddrinfo)


@unwell.fault("DNS fails for 5 s", "the addresses of before are used", host=NAME)
def dns(rig: Rig) -> None:
    with patch("socket.getaddrinfo", resolver):
        speech = rig.say(Speech(5))
        rig.until(speech.ends[1] - 300)
        rig.strike()
        resolver.well = False
        rig.proxy.cut()
        rig.wait(5)
        resolver.well = True
        rig.recovers()
        rig.finish()


class Jumping(SystemClock):
    """A wall clock that somebody sets; the steady clock is the machine's."""

    def __init__(self) -> None:
        self.off = timedelta()

    def utc(self) -> datetime:
        return super().utc() + self.off


def _jump(rig: Rig, hours: int) -> None:
    assert isinstance(rig.clock, Jumping)
    speech = rig.say(Speech(4))
    rig.until(speech.ends[1] - 300)
    rig.clock.off = timedelta(hours=hours)
    rig.strike()
    rig.proxy.cut()
    rig.recovers()


@unwell.fault("wall clock jumps 1 h on, then torn", "as if it had not", clock=Jumping())
def clock_on(rig: Rig) -> None:
    _jump(rig, 1)


@unwell.fault("wall clock jumps 1 h back, then torn", "as if it had not", clock=Jumping())
def clock_back(rig: Rig) -> None:
    _jump(rig, -1)
