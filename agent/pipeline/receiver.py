"""The receiver thread: makes the connection, reads it, and makes it again when it is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.errors import LinkError, Refused
from agent.events import (
    Garbage,
    LinkDown,
    Pair,
    Pong,
    Result,
    ServiceEvent,
)
from agent.link.channel import Channel
from agent.pipeline.cloud import Parts
from agent.pipeline.reach import Reach
from agent.pipeline.session import Connection, Session
from agent.services.base import Endpoint, Message
from agent.threads import Worker

log = logging.getLogger(__name__)

READY_S = 5.0  # for the answer to a handshake
LASTED_S = 10.0  # a connection this old, or one that gave a result, has worked


class Receiver(Worker):
    """Owns the life of the connection and its receiving half."""

    name = "receiver"

    def __init__(
        self,
        session: Session,
        parts: Parts,
        connect: Callable[[Endpoint, Callable[[], bool]], Channel],
    ) -> None:
        super().__init__(parts.clock)
        self._session, self._uplink = session, session.uplink
        self._provider = parts.provider
        self._telemetry, self._post = parts.telemetry, parts.post
        self._connect_socket = connect
        self._reach = Reach(
            session, parts, self, lambda seconds: session.receiver_wake.wait(seconds)
        )
        self._opening: Channel | None = None  # made, but not ready for audio yet
        self._unproven = False  # connected, but it refused us last time and has said nothing yet

    def wake(self) -> None:
        self._session.receiver_wake.set()
        opening = self._opening
        if opening is not None:
            opening.abort()
        connection = self._session.connection
        if connection is not None:
            self._session.drop(connection, planned="shutting down")

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            pair = self._uplink.wanted(self.clock.now(), self._provider.pair)
            if pair is None:
                self._rest()
                continue
            self._one_connection(pair)

    def _rest(self) -> None:
        """No connection is wanted: this conversation is over, and so is any outage."""
        if self._session.answers.session or self._reach.away:
            self._session.answers.session = ""
            self._reach.forget()
        self._session.receiver_wake.wait(1.0)

    # --- one connection ----------------------------------------------------------------------

    def _one_connection(self, pair: Pair) -> None:
        try:
            connection = self._open(pair)
        except LinkError as error:
            self._unreachable(error)
            return
        except Refused as error:
            self._reach.refused(error)
            return
        self._read_until_lost(connection)

    def _open(self, pair: Pair) -> Connection:
        tts = self._session.tts
        protocol = self._provider.stream(pair, tts)
        endpoint = protocol.endpoint(self.clock.utc().timestamp())
        socket = self._connect_socket(endpoint, lambda: self.stopping)
        connection = Connection(socket, protocol, pair, tts)
        self._opening, self._unproven = socket, False
        try:
            for message in protocol.begin():
                socket.send(message)
            self._await_ready(connection)
        except BaseException:  # whatever ends this, nothing half made stays open
            socket.close()
            raise
        finally:
            self._opening = None
        self._up(connection, pair)
        return connection

    def _await_ready(self, connection: Connection) -> None:
        """A service that answers its handshake has ``READY_S`` to do so."""
        until = self.clock.now() + READY_S
        while not connection.protocol.ready:
            for message in connection.socket.receive(until):
                self._handle_all(connection, message)

    def _up(self, connection: Connection, pair: Pair) -> None:
        now = self.clock.now()
        answers = self._session.answers
        if not answers.session:
            answers.session = self._provider.new_session()
            self._uplink.new_session()
        self._session.answers.new_stream()
        self._uplink.connected(pair, now)
        self._session.attach(connection)
        self._unproven = self._reach.doubted
        if not self._unproven:
            self._reached()

    def _reached(self) -> None:
        self._unproven = False
        self._reach.reached(self._session.answers.session, backlog_ms=self._uplink.backlog_ms)

    def _read_until_lost(self, connection: Connection) -> None:
        lasts_at = self.clock.now() + LASTED_S
        try:
            while not self.stopping:
                for message in self._messages(connection, lasts_at):
                    self._handle_all(connection, message)
                self._measure(connection)
                self.beat()
        except LinkError as error:
            self._dropped(connection, error, lasts_at)
        except Refused as error:
            self._session.drop(connection)
            self._reach.refused(error)
        finally:
            self._session.drop(connection)
            connection.socket.close()

    def _messages(self, connection: Connection, lasts_at: float) -> list[Message]:
        """What comes next; a connection that has lasted has worked, also where nobody speaks."""
        if not self._reach.away:
            return connection.socket.receive()
        try:
            messages = connection.socket.receive(lasts_at)
        except LinkError as error:
            if error.kind != "timeout" or self.clock.now() < lasts_at:
                raise
            messages = []
        if self.clock.now() >= lasts_at:
            self._proven()
        return messages

    def _proven(self) -> None:
        if self._unproven:
            self._reached()
        self._reach.worked()

    # --- messages ----------------------------------------------------------------------------

    def _handle_all(self, connection: Connection, message: Message) -> None:
        with connection.lock:
            events = connection.protocol.receive(message)
        for event in events:
            self._handle(connection, event)
        if self._unproven:
            self._reached()

    def _handle(self, connection: Connection, event: ServiceEvent) -> None:
        if isinstance(event, Result):
            self._result(connection, event)
        elif isinstance(event, Pong):
            self._pong(event)
        else:
            self._session.answers.other(event)

    def _result(self, connection: Connection, result: Result) -> None:
        answer = self._uplink.result(result, self.clock.now())
        if result.final:
            self._proven()
        if answer is not None:
            self._session.answers.result(result, answer, connection.pair)

    def _pong(self, event: Pong) -> None:
        try:
            sent = float(event.token)
        except ValueError:
            self._session.answers.other(Garbage("pong", event.token[:40]))
            return
        if 0 <= self.clock.now() - sent < 3600:
            self._telemetry.gauge("round_trip_ms", round((self.clock.now() - sent) * 1000, 1))

    def _measure(self, connection: Connection) -> None:
        if connection.socket.round_trip_s is not None:
            ms = round(connection.socket.round_trip_s * 1000, 1)
            self._telemetry.gauge("websocket_round_trip_ms", ms)

    # --- losing it ---------------------------------------------------------------------------

    def _dropped(self, connection: Connection, error: LinkError, lasts_at: float) -> None:
        self._session.drop(connection)
        if connection.planned:
            self._session.flush(connection)
            log.info("connection closed: %s", connection.planned)
            self._post(LinkDown(connection.planned, wanted=True))
            return
        if self.clock.now() >= lasts_at:
            self._reach.worked()
        self._unreachable(connection.failure or error)

    def _unreachable(self, error: LinkError) -> None:
        if not self.stopping and error.kind != "cancelled":
            self._reach.unreachable(error)
