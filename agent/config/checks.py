"""Rules that need more than one key: what is right alone but wrong together."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import fields, replace

from agent.config import own
from agent.config.build import has_file
from agent.config.credentials import CREDENTIALS
from agent.config.mistakes import KeyPath, Mistakes
from agent.config.proxies import FORM, parse
from agent.config.schema import MODEL_FILES, WAKE_WORDS, Config, Service
from agent.config.words import did_you_mean


class Finding(NamedTuple):
    """What is wrong at ``path``; unfounded if one of the ``others`` could not be read."""

    path: KeyPath
    words: str
    others: tuple[KeyPath, ...] = ()


_WITH_FILE = frozenset(field.name for field in fields(Service) if has_file(field))


def check(config: Config, mistakes: Mistakes) -> None:
    """Collect what is wrong between keys, but nothing about a key already known as wrong."""
    for path, words, others in _findings(config):
        keys = [path, *others]
        keys += [(*key[:-1], f"{key[-1]}_file") for key in keys]
        if not any(map(mistakes.touch, keys)):
            mistakes.add(path, words)


def _findings(config: Config) -> Iterator[Finding]:
    for path, service in _services(config):
        yield from check_service(service, path)
        yield from _fallback(config, service, path)
    yield from _network(config)
    yield from _channel(config)
    yield from _wake_words(config)
    yield from _pins(config)
    yield from _listeners(config)


def _services(config: Config) -> Iterator[tuple[KeyPath, Service]]:
    for name, service in config.services.items():
        yield ("services", name), service
    if not any(config.service is service for service in config.services.values()):
        yield ("service",), config.service


def check_service(service: Service, path: KeyPath) -> Iterator[Finding]:
    """What ``service``, configured at ``path``, lacks: a known name, credentials."""
    if service.name not in CREDENTIALS:
        hint = did_you_mean(service.name, CREDENTIALS)
        words = f"unknown service {service.name[:40]!r}; expected {', '.join(CREDENTIALS)}{hint}"
        yield Finding((*path, "name"), words)
    if service.url and not own.has_address(service.url):
        words = "no such host or port can be; expected a base URL such as wss://host:443"
        yield Finding((*path, "url"), words)
    for key in CREDENTIALS.get(service.name, ()):
        if not getattr(service, key):
            words = f"{service.name} needs {_article(key)}; {_ways(key, path)}"
            yield Finding((*path, key), words)
    for where, words, others in own.findings(service, path):
        yield Finding(where, words, others)


def _fallback(config: Config, service: Service, path: KeyPath) -> Iterator[Finding]:
    """What is wrong with the services to use while ``service`` does not serve."""
    for index, name in enumerate(service.fallback):
        here = (*path, "fallback", str(index))
        if name not in CREDENTIALS:
            hint = did_you_mean(name, CREDENTIALS)
            words = f"unknown service {name[:40]!r}; expected {', '.join(CREDENTIALS)}{hint}"
            yield Finding(here, words)
        elif name == service.name:
            yield Finding(here, f"{name} cannot stand in for itself; expected another service")
        elif name in service.fallback[:index]:
            yield Finding(here, f"{name} is there already; expected each service once")
        elif name not in config.services:
            for _, words, _ in check_service(replace(service, name=name), ("services", name)):
                yield Finding(here, words)


def _article(key: str) -> str:
    if key == "hear":
        return "ears"
    return f"an {key}" if key[0] in "aeiou" else f"a {key}"


def _ways(key: str, path: KeyPath) -> str:
    name = ".".join((*path, key))
    if key == "hear":
        return f"name a server, such as {name}: {{url: wyoming://nas:10300}}"
    return f"set {name}, {name}_file or ${{…}}" if key in _WITH_FILE else f"set {name}"


def _network(config: Config) -> Iterator[Finding]:
    network = config.network
    if network.proxy:
        try:
            parse(network.proxy.reveal())
        except ValueError as error:
            yield Finding(("network", "proxy"), f"{error}; expected {FORM}")
    if network.key_file and not network.cert_file:
        words = "a key without its certificate; expected network.cert_file too"
        yield Finding(("network", "key_file"), words, (("network", "cert_file"),))


def _channel(config: Config) -> Iterator[Finding]:
    capture = config.audio.capture
    if capture.channel != "mix" and capture.channel >= capture.channels:
        words = f"no channel {capture.channel} among {capture.channels}, as the first is 0"
        words += "; expected a number below audio.capture.channels, or mix"
        section = ("audio", "capture")
        yield Finding((*section, "channel"), words, ((*section, "channels"),))


def _wake_words(config: Config) -> Iterator[Finding]:
    wake = config.talk.wake
    for key, word in (("word", wake.word), ("stop_word", wake.stop_word)):
        if word is not None and word not in WAKE_WORDS and not word.endswith(MODEL_FILES):
            words = f"no wake word {word[:40]!r}; expected {', '.join(WAKE_WORDS)}"
            words += f" or the path of a model{did_you_mean(word, WAKE_WORDS)}"
            yield Finding(("talk", "wake", key), words)
    if wake.word == wake.stop_word:
        words = "is the wake word too; expected another word, or null"
        yield Finding(("talk", "wake", "stop_word"), words, (("talk", "wake", "word"),))


def _pins(config: Config) -> Iterator[Finding]:
    used: dict[int, str] = {}
    pins: list[tuple[KeyPath, int]] = []
    for index, button in enumerate(config.talk.buttons):
        pins.append((("talk", "buttons", str(index), "pin"), button.pin))
    led = config.talk.led
    if led:
        pins.append((("talk", "led", "pin"), led.pin))
        if (led.green is None) != (led.blue is None):
            words = "a light has one colour or three; expected both green and blue, or neither"
            yield Finding(("talk", "led"), words)
        colours = (("green", led.green), ("blue", led.blue))
        pins += [(("talk", "led", key), pin) for key, pin in colours if pin is not None]
    for path, pin in pins:
        if pin in used:
            yield Finding(path, f"pin {pin} is taken by {used[pin]}; expected a pin of its own")
        used.setdefault(pin, ".".join(path))


def _listeners(config: Config) -> Iterator[Finding]:
    for section, listen in (("web", config.web.listen), ("metrics", config.metrics.listen)):
        if listen and not 1 <= int(listen.rpartition(":")[2]) <= 65535:
            words = "no such port; expected a port from 1 to 65535"
            yield Finding((section, "listen"), words)
    if config.web.listen and not config.web.password and not is_loopback(_host(config.web.listen)):
        words = "open to the network without a password; "
        words += "expected web.password, web.password_file or an address such as 127.0.0.1:8080"
        yield Finding(("web", "listen"), words, (("web", "password"),))


def _host(listen: str) -> str:
    """The host of ``HOST:PORT``, without the brackets of an IPv6 address."""
    return listen.rpartition(":")[0].strip("[]")


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address, is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
