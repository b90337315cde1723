"""Are one's own servers there, and can they do what they are asked for?  A line for each role."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from agent.clock import Clock
from agent.config import own
from agent.config.checks import is_loopback
from agent.config.own import Role
from agent.config.schema import Config, Service, Translate
from agent.doctor.check import Check, failed
from agent.doctor.cloud import MENDS, unreached
from agent.errors import DragomanError, LinkError, Refused
from agent.events import Failure, Garbage
from agent.link import exchange
from agent.link.dial import Dialer
from agent.link.http import HttpClient
from agent.link.refusal import refused
from agent.link.wyoming import Servers
from agent.printable import one_line
from agent.services import libretranslate, openai, wyoming
from agent.services.entry import plain
from agent.services.languages import base

SILENCE_S = 4.0
SHOWN = 4  # names in a line

T = TypeVar("T")


def role(name: str, config: Config, clock: Clock) -> Check:
    """What the server of role ``name`` says of itself, and whether that is what is wanted."""
    service = config.service
    asked: Role = getattr(service, name)
    begun = clock.now()
    try:
        check = _examined(name, asked, config, clock)
    except Refused as error:
        return Check(name, "fail", str(error), f"check service.{name}")
    except LinkError as error:
        mend = MENDS.get(error.kind, "").replace("service.url", f"service.{name}.url")
        return replace(unreached(name, error), mend=mend or f"check service.{name}.url")
    except DragomanError as error:
        return failed(name, error)
    if check.outcome == "pass":
        took = round((clock.now() - begun) * 1000)
        check = replace(check, text=f"{check.text}, answered in {took} ms")
    return _in_the_clear(check, name, asked)


def _examined(name: str, asked: Role, config: Config, clock: Clock) -> Check:
    if own.is_wyoming(asked):
        return _wyoming(name, asked, config, clock)
    with _http(config, clock) as http:
        if isinstance(asked, Translate) and own.is_libre(asked):
            return _libre(name, asked, config.service, http, clock)
        return _openai(name, asked, http, clock)


def _in_the_clear(check: Check, name: str, asked: Role) -> Check:
    """A key that anybody on the way can read."""
    there = urlsplit(asked.url.removeprefix(own.LIBRE))
    exposed = asked.key and there.scheme == "http" and not is_loopback(there.hostname or "")
    if check.outcome != "pass" or not exposed:
        return check
    mend = f"the key goes in the clear: use https:// in service.{name}.url"
    return Check(name, "warn", f"{check.text}, not encrypted", mend)


# --- Wyoming ---------------------------------------------------------------------------------


def _wyoming(name: str, asked: Role, config: Config, clock: Clock) -> Check:
    servers, where = Servers(config.network, clock), urlsplit(asked.url).netloc
    with closing(servers.ask(asked.url, wyoming.DESCRIBE, SILENCE_S)) as events:
        info = next((event for event in events if event.type == "info"), None)
    kind, does = ("asr", "hear") if name == "hear" else ("tts", "speak")
    offer = wyoming.offer(info, kind) if info is not None else None
    if offer is None:
        return Check(name, "fail", f"{where} does not {does}", f"check service.{name}.url")
    wanted = getattr(asked, "model", None) if name == "hear" else getattr(asked, "voice", None)
    if wanted and offer.names and wanted not in offer.names:
        key = "model" if name == "hear" else "voice"
        words = f"{where} has no {wanted}, but {_listed(offer.names)}"
        return Check(name, "fail", words, f"check service.{name}.{key}")
    service = config.service
    spoken = service.source if name == "hear" else service.target or service.source
    known = {base(code.replace("_", "-")) for code in offer.languages}
    text = f"{where}: {_listed(offer.names) or 'a server'}"
    if known and base(spoken) not in known and not (name == "speak" and wanted):
        words = f"{text}: {_listed(sorted(known))}, not {spoken}"
        return Check(name, "warn", words, "a model or a voice of that language is missing")
    return Check(name, "pass", text + (", text while you speak" if offer.streams else ""))


# --- HTTP ------------------------------------------------------------------------------------


def _openai(name: str, asked: Role, http: HttpClient, clock: Clock) -> Check:
    where = urlsplit(asked.url).netloc
    there = openai.Server(asked.url, asked.model, plain(asked.key))
    response = exchange.send(http, openai.list_models(there), clock)
    if response.status == 404:  # not every server lists them
        return Check(name, "pass", f"{where} is there, and does not list its models")
    names = _read(where, openai.models(response))
    if asked.model and names and asked.model not in names:
        words = f"{where} does not list {asked.model}, but {_listed(names)}"
        return Check(name, "warn", words, f"check service.{name}.model")
    return Check(name, "pass", f"{where}: {asked.model or _listed(names) or 'no models'}")


def _libre(name: str, asked: Translate, service: Service, http: HttpClient, clock: Clock) -> Check:
    url = asked.url.removeprefix(own.LIBRE)
    where, there = urlsplit(url).netloc, libretranslate.Server(url)
    response = exchange.send(http, libretranslate.list_languages(there), clock)
    pairs = _read(where, libretranslate.pairs(response))
    source, target = base(service.source), base(service.target or "")
    if target and target not in {base(code) for code in pairs.get(source, ())}:
        words = f"{where} does not translate from {source} to {target}"
        return Check(name, "fail", words, f"it knows {_listed(sorted(pairs)) or 'no language'}")
    return Check(name, "pass", f"{where}: {len(pairs)} languages")


def _read(where: str, found: T | Failure | Garbage) -> T:
    """What a server listed; Refused for an error of its own, LinkError for what is no list."""
    if isinstance(found, Failure):
        raise refused(where, found)
    if isinstance(found, Garbage):
        raise LinkError(f"{where} answers what nobody can read ({found.kind})", "garbage")
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name)[:40] for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


@contextmanager
def _http(config: Config, clock: Clock) -> Iterator[HttpClient]:
    http = HttpClient(Dialer(config.network, clock), SILENCE_S)
    try:
        yield http
    finally:
        http.close()
