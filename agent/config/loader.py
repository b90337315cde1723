"""Load a configuration: file, then ``--set``, then ``--service`` and ``--cloud``.

Text becomes a tree with lines (``tree``), ``--set`` is laid over it (``overlay``), the
tree becomes structs (``build``, ``leaves``), and rules between keys come last
(``checks``).  Every step collects its mistakes and goes on, so all are told at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from agent.config import own, sources
from agent.config.build import Builder
from agent.config.checks import check, check_service, is_loopback
from agent.config.credentials import with_demo
from agent.config.former import renamed
from agent.config.leaves import Leaves
from agent.config.mistakes import Mistakes, Place, dotted
from agent.config.overlay import overlay, put
from agent.config.schema import Config, Mqtt, Service, Url
from agent.config.sources import Wrong
from agent.config.tree import Node, Scalar, Table, is_null, parse
from agent.config.words import expected
from agent.errors import ConfigError, UsageError

DEFAULT_PATH = "/etc/dragoman/dragoman.yaml"

_EMPTY = Scalar(Place("defaults"), "", null=True)


def load(
    path: str | None,
    sets: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cloud: str | None = None,
    service: str | Callable[[Config], str | None] | None = None,
    web: str | None = None,
) -> Config:
    """The configuration in the file at ``path``, checked and complete.

    Without a path it is :data:`DEFAULT_PATH` where that exists, else the defaults.
    ``sets`` are ``KEY.PATH=VALUE`` texts; ``env`` is for ``${NAME}`` (default: the
    process's); ``cloud`` replaces the ``url`` of every service, and on loopback stands
    for the emulator: credentials not given are its ``demo``; ``service`` selects one as
    :func:`profile` does, or tells from the configuration which; ``web`` is where the caption
    screen listens.  Raises :class:`ConfigError` with every mistake.
    """
    config, mistakes = _build(path, sets, env, web)
    name = service(config) if callable(service) else service
    config = _choose(config, cloud, name, mistakes)
    check(config, mistakes)
    if problems := mistakes.lines():
        raise ConfigError(problems)
    return config


def load_mqtt(
    path: str | None, sets: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Mqtt:
    """The section ``mqtt`` alone, for whoever only talks to the broker; as :func:`load`.

    Mistakes in other sections are no matter: the credentials of a service may be missing.
    """
    return load_part(path, sets, "mqtt", env=env).mqtt


def load_part(
    path: str | None,
    sets: Sequence[str],
    *sections: str,
    env: Mapping[str, str] | None = None,
) -> Config:
    """The configuration for whoever needs only these ``sections``; as :func:`load`.

    Mistakes in other sections are no matter: the credentials of a service may be missing.
    """
    config, mistakes = _build(path, sets, env)
    check(config, mistakes)
    if problems := mistakes.lines(*sections):
        raise ConfigError(problems)
    return config


def profile(config: Config, name: str) -> Service:
    """The service to switch to: the profile ``name``, else the ``service`` section as ``name``.

    Raises :class:`UsageError` for an unknown name or missing credentials.
    """
    path = ("services", name) if name in config.services else ("service",)
    service = _profile(config, name)
    problems = [f"{dotted(key)}: {words}" for key, words, _ in check_service(service, path)]
    if problems:
        raise UsageError("\n".join(problems))
    return service


def _build(
    path: str | None,
    sets: Sequence[str],
    env: Mapping[str, str] | None,
    web: str | None = None,
) -> tuple[Config, Mistakes]:
    """The file with ``sets`` laid over it, and the mistakes found so far."""
    file = path if path is not None else _default_path()
    mistakes = Mistakes(Place(_label(file), 1) if file else Place("defaults"))
    root = renamed(_read(file, mistakes), mistakes)
    for setting in sets:
        root = renamed(overlay(root, setting, mistakes), mistakes, over=True)
    if web is not None:
        root = put(root, ("web", "listen"), Scalar(Place("--web"), web), mistakes)
    leaves = Leaves(os.environ if env is None else env, Path(file or ".").parent)
    return Builder(mistakes, leaves).section(Config, _name_profiles(root)), mistakes


def _default_path() -> str | None:
    return DEFAULT_PATH if os.path.lexists(DEFAULT_PATH) else None


def _read(file: str | None, mistakes: Mistakes) -> Node:
    if file is None:
        return _EMPTY
    label = _label(file)
    try:
        text = sources.read(file, sources.MAX_CONFIG)
    except Wrong as wrong:
        mistakes.add((), str(wrong), Place(label, wrong.line))
        return _EMPTY
    return parse(text, lambda line: Place(label, line), (), mistakes) or _EMPTY


def _label(file: str) -> str:
    """The name of the file on one line, whatever characters it has."""
    return "".join(c if c.isprintable() else "?" for c in file)


def _name_profiles(root: Node) -> Node:
    """``root`` with a ``name`` in each profile: the profile's own, unless it has one."""
    services = root.entries.get("services") if isinstance(root, Table) else None
    if not isinstance(root, Table) or not isinstance(services, Table):
        return root
    named = {key: _named(key, node) for key, node in services.entries.items()}
    return Table(root.place, root.entries | {"services": Table(services.place, named)})


def _named(name: str, node: Node) -> Node:
    if not isinstance(node, Table) and not is_null(node):
        return node
    entries = node.entries if isinstance(node, Table) else {}
    return Table(node.place, {"name": Scalar(node.place, name), **entries})


def _choose(config: Config, cloud: str | None, name: str | None, mistakes: Mistakes) -> Config:
    if cloud is not None:
        config = _at(config, cloud, mistakes)
    if name is not None:
        if name not in config.services:
            mistakes.note(("service", "name"), Place("--service"))
        config = replace(config, service=_profile(config, name))
    if cloud is not None and is_loopback(urlsplit(cloud).hostname or ""):
        others = {each: with_demo(_profile(config, each)) for each in config.service.fallback}
        services = config.services | others
        config = replace(config, service=with_demo(config.service), services=services)
    return config


def _profile(config: Config, name: str) -> Service:
    """The profile; what the ``service`` section has in common with it otherwise."""
    if name in config.services:
        return config.services[name]
    kept = config.service.fallback if name == config.service.name else ()
    return replace(config.service, name=name, fallback=kept)


def _at(config: Config, cloud: str, mistakes: Mistakes) -> Config:
    """``config`` with every service at the URL ``cloud``."""
    try:
        url = msgspec.convert(cloud, Url)
    except msgspec.ValidationError:
        words = f"not a base URL; expected {expected(Url)}"
        mistakes.add(("service", "url"), words, Place("--cloud"))
        return config
    services = {name: own.at_cloud(service, url) for name, service in config.services.items()}
    return replace(config, service=own.at_cloud(config.service, url), services=services)
