"""What a stream service is: protocol code without sockets, clocks or threads.

A :class:`StreamProtocol` is the state of *one* connection.  It turns intentions
(begin, audio, ping, speech on/off) into messages and messages into events.  ``str``
is a text message, ``bytes`` a binary one.  Ids and times come from the caller, so
every provider is tested on plain bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.events import Pair, ServiceEvent

Message = str | bytes

SPEECH_RATE = 16000
"""Samples a second of the speech a stream sends back, whatever it is sent (TWeTalk, "TTS")."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect: an absolute ``ws(s)://`` or ``http(s)://`` URL and header fields."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


def at(host: str, path: str, scheme: str) -> str:
    """``path`` on ``host`` (scheme, host and port) as ``ws`` or ``http``, secure if ``host`` is.

    One ``service.url`` may stand for services of both kinds, so its scheme only says
    whether TLS is used.
    """
    kind, _, rest = host.rstrip("/").partition("://")
    secure = "s" if kind in ("wss", "https") else ""
    return f"{scheme}{secure}://{rest}{path}"


class StreamProtocol(Protocol):
    """One connection of a stream service."""

    def endpoint(self, unix: float) -> Endpoint:
        """Where to open the WebSocket at ``unix`` (s since 1970), which signatures hold."""

    def begin(self) -> Sequence[Message]:
        """The first messages after the WebSocket handshake."""

    @property
    def ready(self) -> bool:
        """Whether audio may be sent (services with an answer to their handshake)."""

    def ping(self, token: str) -> Message | None:
        """A heartbeat on the service's own level, or None where it has none."""

    def switch_tts(self, enabled: bool) -> Message | None:
        """Turn synthesised speech on or off mid-session; None where that needs a reconnect."""

    def switch_pair(self, pair: Pair) -> Message | None:
        """Go on with ``pair`` on this connection, while nobody speaks; None where that needs a
        reconnect."""

    def end(self) -> Sequence[Message]:
        """What tells the service that no more audio comes, where there is such a message."""

    def flush(self) -> Sequence[ServiceEvent]:
        """What still waits for something that will not come any more (V1: a translation)."""

    def receive(self, message: Message) -> Sequence[ServiceEvent]:
        """What a message means.  Never raises: what it cannot read becomes ``Garbage``."""
