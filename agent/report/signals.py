"""What a connection to the broker tells its owner, and what the owner needs of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Up:
    """The broker accepted the connection.

    It takes ``window`` unacknowledged messages, and packets of ``largest`` bytes.
    """

    window: int
    largest: int = 268_435_455


@dataclass(frozen=True, slots=True)
class Down:
    """The connection has ended, the last signal; ``refused`` when retrying soon is no use.

    ``hung_up``: the broker closed it, perhaps because of what was sent.
    """

    reason: str
    refused: bool = False
    hung_up: bool = False


@dataclass(frozen=True, slots=True)
class Acked:
    """The broker answered message ``message_id``; a ``code`` of 0x80 and up is a refusal."""

    message_id: int
    code: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message on a subscribed topic."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Unheard:
    """The broker refuses a subscription."""

    reason: str


@dataclass(frozen=True, slots=True)
class Alive:
    """The broker answered a :meth:`Link.ping`."""


Signal = Up | Down | Acked | Incoming | Unheard | Alive
Post = Callable[[Signal], None]


class Link(Protocol):
    """What the reporter needs of a connection; see :class:`~agent.report.connection.Connection`."""

    def open(self) -> None: ...
    def publish(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> int: ...
    def ping(self) -> None: ...
    def renew(self) -> None: ...
    def drop(self) -> None: ...
    def close(self) -> None: ...


#: Makes a connection that posts its signals to the given callable.
Connect = Callable[[Post], Link]
