"""Is the speech service there, and is it really that one?"""

from __future__ import annotations

import ssl
from dataclasses import replace
from urllib.parse import urlsplit

from agent.clock import Clock
from agent.config.checks import is_loopback
from agent.config.proxies import Proxy
from agent.config.schema import Config
from agent.doctor.check import Check, failed
from agent.errors import DragomanError, LinkError
from agent.link.dial import Dialer, Limits, Target
from agent.services.provider import Provider

CONNECT_S = 3.0

#: What to look at, by the kind of a LinkError.
MENDS = {
    "dns": "check the network (ip address) and the name server (resolvectl); where only a proxy "
    "leads out, set network.proxy",
    "timeout": "a firewall or a dead network is in between; try another network",
    "unreachable": "check the network: ip route",
    "refused": "is the service running there? check service.url",
    "tls": "check the clock, and network.ca_file where a proxy is in between",
    "proxy": "",  # its own words say it
    "portal": "log in to the network",
}


def reach(config: Config, clock: Clock) -> Check:
    """Resolve, connect and, where the address is secure, verify the certificate."""
    provider = Provider(config.service)
    url = provider.service.url or provider.entry.host
    begun = clock.now()
    try:
        dialer, target = Dialer(config.network, clock), Target.of(url)
        sock = dialer.open(target, Limits(connect=CONNECT_S))
    except LinkError as error:
        return unreached("cloud", error)
    except DragomanError as error:
        return failed("cloud", error)
    secure = isinstance(sock, ssl.SSLSocket)
    sock.close()
    return reached(url, round((clock.now() - begun) * 1000), secure, dialer.proxy(target))


def unreached(name: str, error: LinkError) -> Check:
    """The verdict on a connection that could not be made; its question becomes the mend."""
    check = failed(name, error, MENDS.get(error.kind, "check service.url"))
    return replace(check, text=check.text.partition(": is ")[0])


def reached(url: str, milliseconds: int, secure: bool, proxy: Proxy | None = None) -> Check:
    """The verdict on an address that answered, perhaps through ``proxy``."""
    parts = urlsplit(url)
    text = f"{parts.netloc} reached in {milliseconds} ms"
    if proxy is not None:
        text += f" through the proxy {proxy}"
    if secure:
        return Check("cloud", "pass", f"{text}, certificate verified")
    if is_loopback(parts.hostname or ""):
        return Check("cloud", "pass", f"{text}, on this machine")
    mend = "credentials go in the clear: use wss:// or https:// in service.url"
    return Check("cloud", "warn", f"{text}, not encrypted", mend)
