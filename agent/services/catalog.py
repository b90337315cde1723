"""The catalog: which services there are, and whose they are.

Adding a provider is one protocol file, one file in :mod:`agent.services.offers` and one
line here.  Only the offers that are asked for are loaded: the protocols of the others
cost a small board memory and time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from urllib.parse import urlsplit

from msgspec.structs import replace

from agent.config.schema import Service
from agent.errors import UsageError
from agent.services.entry import Entry


@dataclass(frozen=True, slots=True)
class Offer:
    """A file of :mod:`agent.services.offers`: whose address it is at, the services in it."""

    module: str
    host: str
    services: tuple[str, ...]


_TWETALK = "twetalk.iotcloud.tencentdevices.com"

OFFERS = (
    Offer("twetalk", _TWETALK, ("twetalk-v2", "twetalk-v1", "twetalk-asr")),
    Offer("twetalk_text", _TWETALK, ("twetalk-translate", "twetalk-summary")),
    Offer("tencent_tsi", "tsi.tencentcloudapi.com", ("tencent-tsi",)),
    Offer(
        "tencent_streams",
        "asr.cloud.tencent.com",
        ("tencent-speech-translate", "tencent-interpreter"),
    ),
    Offer("tencent_long_asr", "api.ai.qq.com", ("tencent-long-asr",)),
    Offer(
        "maas",
        "genaiapi.cloudsway.net",
        (
            "maas-whisper",
            "maas-whisper-translate",
            "maas-fast-asr",
            "maas-realtime-asr",
            "maas-speech-translation",
        ),
    ),
    Offer("youdao", "openapi.youdao.com", ("youdao",)),
    Offer("youdao_stream", "openapi.youdao.com", ("youdao-stream",)),
    Offer("own", "", ("own",)),
)

_BY_SERVICE: Mapping[str, Offer] = {name: offer for offer in OFFERS for name in offer.services}

#: All names, in the order of the documents.
SERVICES = tuple(_BY_SERVICE)


def entry(name: str) -> Entry:
    """The entry of service ``name``; UsageError where there is none."""
    if name not in _BY_SERVICE:
        raise UsageError(f"no service '{name}'; there are {', '.join(SERVICES)}")
    entries = import_module(f"agent.services.offers.{_BY_SERVICE[name].module}").ENTRIES
    found: Entry = next(each for each in entries if each.name == name)
    return found


def configured(service: Service) -> Entry:
    """The entry of ``service`` as it is configured; UsageError as :func:`entry`."""
    found = entry(service.name)
    return found.configured(service) if found.configured else found


def at_home(service: Service) -> Service:
    """``service`` without a ``url`` that is another provider's own address.

    A device may switch to a service that has no profile of its own; then the ``url`` of
    the first must not get the credentials of the second.
    """
    own = _BY_SERVICE[service.name].host
    hosts = {offer.host for offer in OFFERS if offer.host} - {own}
    host = urlsplit(service.url or "").hostname
    return replace(service, url=None) if host in hosts else service
