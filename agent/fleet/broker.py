"""One connection to the broker, to listen to a fleet and to speak to it."""

from __future__ import annotations

import queue
import secrets
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol

from agent.clock import Clock
from agent.config.schema import Mqtt
from agent.errors import Refused, RunError
from agent.fleet.roster import Roster
from agent.report.connection import Connection, tls_context
from agent.report.signals import Acked, Alive, Down, Incoming, Signal, Unheard, Up
from agent.report.terms import Terms

CONNECT_S = 12.0  # a little longer than the connection itself tries
GOODBYE_S = 1.0

_MEND = "; check mqtt.host, mqtt.port and mqtt.tls, or --broker"

#: What the broker keeps has come when so long nothing kept came any more, seconds.
QUIET_S = 0.5

#: The same, while there was nothing at all: the line may be slow.
FIRST_S = 2.0


class Wire(Protocol):
    """What the rest of the package needs of a connection; see :class:`Broker`."""

    where: str  #: ``host:port``

    def next(self, seconds: float) -> Incoming | Acked | Alive | None: ...
    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int: ...
    def ping(self) -> None: ...


class Broker:
    """A context manager; connected inside.

    Args:
        settings: the section ``mqtt`` with a host.
        topics: what to listen to.

    Raises RunError with one line where the broker cannot be reached, and later when the
    connection is lost; Refused where trying again is no use.
    """

    def __init__(self, settings: Mqtt, topics: Sequence[str], clock: Clock) -> None:
        self.where = address(settings)
        self._clock = clock
        self._signals: queue.SimpleQueue[Signal] = queue.SimpleQueue()
        name = f"dragoman-fleet-{secrets.token_hex(4)}"  # many may look at one fleet
        tls = tls_context(settings)
        # A broker keeps only so many messages of QoS 1 for a listener (mosquitto 1000) and leaves
        # out the others without a word; what it keeps of a large fleet comes all at once.
        terms = Terms(listen=0)
        self._link = Connection(settings, tls, name, None, topics, self._signals.put, terms)
        self._connected = self._ended = False

    def __enter__(self) -> Broker:
        self._link.open()
        try:
            signal = self._signals.get(timeout=CONNECT_S)
        except queue.Empty:
            self._link.close()
            raise RunError(f"the broker at {self.where} does not answer{_MEND}") from None
        if isinstance(signal, Down):
            raise self._lost(signal)
        self._connected = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say goodbye, and wait a moment for it to be sent."""
        self._link.close()
        deadline = self._clock.now() + GOODBYE_S
        while not self._ended and (left := deadline - self._clock.now()) > 0:
            self._ended = isinstance(self._next(left), Down | None)

    def next(self, seconds: float) -> Incoming | Acked | Alive | None:
        """The next message or answer, or None after ``seconds``."""
        signal = self._next(seconds)
        match signal:
            case Down():
                raise self._lost(signal)
            case Unheard():
                mend = "check the broker's access list for this user"
                words = f"the broker at {self.where} refuses to be listened to ({signal.reason})"
                raise Refused(f"{words}: {mend}")
            case Up():
                return None
        return signal

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Send, with QoS 1; the id its :class:`Acked` will name."""
        return self._link.publish(topic, payload, 1, retain)

    def ping(self) -> None:
        """Ask the broker for a sign of life: :class:`Alive`."""
        self._link.ping()

    def _next(self, seconds: float) -> Signal | None:
        try:
            return self._signals.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None

    def _lost(self, signal: Down) -> RunError:
        self._ended = True
        words = f"broker at {self.where}: {signal.reason}"
        if signal.refused:
            return Refused(words)
        return RunError(words if self._connected else words + _MEND)


def address(settings: Mqtt) -> str:
    """``host:port`` of the broker, as ``--broker`` takes it."""
    host = settings.host or ""
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"


def gather(
    broker: Wire, roster: Roster, clock: Clock, wait_s: float, enough: Callable[[], bool]
) -> None:
    """Fill ``roster``: with all the broker keeps, then until ``enough`` or for ``wait_s``."""
    begin = quiet = clock.now()
    while True:
        now, settled_at = clock.now(), quiet + (QUIET_S if len(roster) else FIRST_S)
        if now >= settled_at and (enough() or now >= begin + wait_s):
            return
        message = broker.next((settled_at if now < settled_at else begin + wait_s) - now)
        if isinstance(message, Incoming):
            if message.retained:
                quiet = clock.now()
            roster.take(message, clock.now(), clock.utc())
