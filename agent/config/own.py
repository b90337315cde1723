"""Servers of one's own: the roles of the service ``own``, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec.structs import replace

from agent.config.mistakes import KeyPath
from agent.config.schema import Hear, Service, Speak, Translate
from agent.config.secret import DEMO, Secret

OWN = "own"
ROLES = ("hear", "translate", "speak")
WYOMING = "wyoming://"
LIBRE = "libretranslate+"

#: What a Wyoming server is not told, whatever one writes.
_UNHEARD = ("key", "prompt", "temperature")

Role = Hear | Translate | Speak


def roles(service: Service) -> Iterator[tuple[str, Role]]:
    """The roles that are named (and have an address), in the order of a sentence's way."""
    for name in ROLES:
        role = getattr(service, name)
        if role is not None and role.url:
            yield name, role


def findings(service: Service, path: KeyPath) -> Iterator[tuple[KeyPath, str, tuple[KeyPath, ...]]]:
    """What is wrong with the roles of ``service``: where, in which words, and the keys that
    must be right for that to be true."""
    for name, role in roles(service):
        for key, words in _wrong(role):
            yield (*path, name, key), words, ((*path, name, "url"),)
    if service.name == OWN and service.speak and not service.translate and not to_english(service):
        words = "what is spoken is the translation; expected a translate: server too"
        yield (*path, "speak"), words, ((*path, "translate"),)


def _wrong(role: Role) -> Iterator[tuple[str, str]]:
    if not has_address(role.url):
        yield "url", "no such host or port can be; expected a base URL"
    elif is_wyoming(role):
        if urlsplit(role.url).port is None:
            yield "url", "a port is missing; expected one such as wyoming://HOST:10300"
        for key in _UNHEARD:
            if getattr(role, key, None) is not None:
                yield key, f"a Wyoming server takes no {key}; leave it out"
    elif isinstance(role, Translate) and not is_libre(role) and not role.model and not _demo(role):
        yield "model", "a chat server has many models; expected one, such as model: qwen3"


def _demo(role: Role) -> bool:
    """Whether it is the emulator's, which has one model."""
    return role.key is not None and role.key.reveal() == DEMO


def has_address(url: str) -> bool:
    """Whether there can be a host and a port such as those of ``url``."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port over 65535, a bracket too few
        return False


def is_wyoming(role: Role) -> bool:
    """Whether a role is done by a Wyoming server."""
    return role.url.startswith(WYOMING)


def is_libre(role: Translate) -> bool:
    """Whether a role is done by LibreTranslate."""
    return role.url.startswith(LIBRE)


def to_english(service: Service) -> bool:
    """Whether the ears of ``service`` translate by themselves: OpenAI-compatible ones do to
    English, where no translator is named."""
    hear, target = service.hear, service.target or ""
    if hear is None or service.translate is not None or is_wyoming(hear):
        return False
    return _base(target) == "en" and _base(service.source) != "en"


def _base(code: str) -> str:
    return code.partition("-")[0].lower()


# --- the emulator, and any other place for all of them ---------------------------------------


def at_cloud(service: Service, url: str) -> Service:
    """``service`` at the base URL ``url``, with all its roles: each goes on in its own way."""
    moved = {name: replace(role, url=_moved(role.url, url)) for name, role in roles(service)}
    return replace(service, url=url, **moved)


def _moved(role: str, url: str) -> str:
    """A role's address with the host and port of ``url``, and its kind of TLS."""
    there = urlsplit(url)
    if role.startswith(WYOMING):
        return f"{WYOMING}{there.netloc}"
    scheme = "https" if there.scheme in ("wss", "https") else "http"
    head = LIBRE if role.startswith(LIBRE) else ""
    return f"{head}{scheme}://{there.netloc}{urlsplit(role).path.rstrip('/')}"


def with_demo(service: Service) -> Service:
    """``service`` with the emulator's key for what has none; without any role, with its Wyoming
    ears and voice and its chat."""
    key = Secret(DEMO)
    if not any(roles(service)):
        there = urlsplit(service.url or "").netloc
        service = replace(
            service,
            hear=Hear(url=f"{WYOMING}{there}"),
            translate=Translate(url=f"http://{there}/v1"),
            speak=Speak(url=f"{WYOMING}{there}"),
        )
    keyed = {
        name: replace(role, key=key)
        for name, role in roles(service)
        if not role.key and not is_wyoming(role)
    }
    return replace(service, **keyed)
