"""The receiver thread: makes the connection, reads it, and makes it again when it is lost."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from agent.clock import Backoff, Clock, rfc3339
from agent.errors import LinkError, Refused
from agent.events import (
    Blocked,
    Event,
    Failure,
    Garbage,
    LinkDown,
    LinkUp,
    Notice,
    Pair,
    Pong,
    Result,
    ServiceEvent,
    Speech,
    Transcript,
)
from agent.link.websocket import WebSocket
from agent.pipeline.player import Player
from agent.pipeline.session import Connection, Session
from agent.report.telemetry import Telemetry
from agent.services.base import Endpoint, Message
from agent.services.provider import Provider
from agent.threads import Worker

log = logging.getLogger(__name__)

LASTED_S = 10.0  # a connection this old, or one that gave a result, has worked
SLOW_RETRY_S = 60.0  # after a refusal that retrying cannot mend


class Receiver(Worker):
    """Owns the life of the connection and its receiving half."""

    name = "receiver"

    def __init__(
        self,
        session: Session,
        provider: Provider,
        player: Player,
        telemetry: Telemetry,
        post: Callable[[Event], None],
        clock: Clock,
        connect: Callable[[Endpoint, Callable[[], bool]], WebSocket],
    ) -> None:
        super().__init__(clock)
        self._session, self._uplink = session, session.uplink
        self._provider, self._player, self._telemetry = provider, player, telemetry
        self._post, self._connect_socket = post, connect
        self._backoff = Backoff()
        self._garbage: Counter[str] = Counter()
        self._lost_at: float | None = None
        self.session_id = ""

    def wake(self) -> None:
        self._session.receiver_wake.set()
        connection = self._session.connection
        if connection is not None:
            self._session.drop(connection, planned="shutting down")

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            pair = self._uplink.wanted(self.clock.now(), self._provider.pair)
            if pair is None:
                self._session.receiver_wake.wait(1.0)
                continue
            self._one_connection(pair)

    # --- one connection ----------------------------------------------------------------------

    def _one_connection(self, pair: Pair) -> None:
        try:
            connection = self._open(pair)
        except LinkError as error:
            self._failed(str(error), error.kind)
            return
        except Refused as error:
            self._blocked(error)
            return
        self._read_until_lost(connection)

    def _open(self, pair: Pair) -> Connection:
        tts = self._session.tts
        protocol = self._provider.protocol(pair, tts)
        socket = self._connect_socket(protocol.endpoint(), lambda: self.stopping)
        connection = Connection(socket, protocol, pair, tts)
        try:
            for message in protocol.begin():
                socket.send(message)
            self._await_ready(connection)
        except BaseException:
            socket.close()
            raise
        self._up(connection, pair)
        return connection

    def _await_ready(self, connection: Connection) -> None:
        while not connection.protocol.ready:
            for message in connection.socket.receive():
                self._handle_all(connection, message)

    def _up(self, connection: Connection, pair: Pair) -> None:
        now = self.clock.now()
        if not self.session_id:
            self.session_id = self._provider.new_session()
            self._uplink.new_session()
        self._player.new_stream()
        self._uplink.connected(pair, now)
        self._session.attach(connection)
        self._post(LinkUp(self.session_id))
        if self._lost_at is not None:
            away = round((now - self._lost_at) * 1000)
            self._telemetry.count("reconnects")
            detail = {"outage_ms": away, "backlog_ms": self._uplink.backlog_ms}
            self._post(Notice("reconnect", detail))
            log.info("connected again after %d ms, %d ms behind", away, detail["backlog_ms"])
            self._lost_at = None

    def _read_until_lost(self, connection: Connection) -> None:
        since = self.clock.now()
        try:
            while not self.stopping:
                for message in connection.socket.receive():
                    self._handle_all(connection, message)
                self._measure(connection)
                self.beat()
        except LinkError as error:
            self._dropped(connection, error, since)
        except Refused as error:
            self._session.drop(connection)
            self._blocked(error)
        finally:
            self._session.drop(connection)
            connection.socket.close()

    # --- messages ----------------------------------------------------------------------------

    def _handle_all(self, connection: Connection, message: Message) -> None:
        for event in connection.protocol.receive(message):
            self._handle(connection, event)

    def _handle(self, connection: Connection, event: ServiceEvent) -> None:
        if isinstance(event, Result):
            self._result(connection, event)
        elif isinstance(event, Speech):
            self._player.speech(event.pcm)
        elif isinstance(event, Pong):
            self._pong(event)
        elif isinstance(event, Failure):
            raise Refused(
                f"{self._provider.name} says: {event.message} (code {event.code})",
                event.code,
                retryable=event.retryable,
            )
        elif isinstance(event, Garbage):
            self._count_garbage(event)

    def _result(self, connection: Connection, result: Result) -> None:
        answer = self._uplink.result(result, self.clock.now())
        if result.final:
            self._backoff.reset()
            self._player.sentence()
            self._telemetry.count("finals")
        if not result.text and not result.translation:
            return
        self._post(
            Transcript(
                session=self.session_id,
                index=answer.number,
                text=result.text,
                translation=result.translation,
                source=connection.pair.source,
                target=connection.pair.target,
                start_ms=answer.start_ms,
                end_ms=answer.end_ms,
                service=self._provider.name,
                time=rfc3339(self.clock.utc()),
                final=result.final,
                replayed=answer.replayed,
            )
        )

    def _pong(self, event: Pong) -> None:
        try:
            sent = float(event.token)
        except ValueError:
            self._count_garbage(Garbage("pong", event.token[:40]))
            return
        if 0 <= self.clock.now() - sent < 3600:
            self._telemetry.gauge("round_trip_ms", round((self.clock.now() - sent) * 1000, 1))

    def _measure(self, connection: Connection) -> None:
        if connection.socket.round_trip_s is not None:
            ms = round(connection.socket.round_trip_s * 1000, 1)
            self._telemetry.gauge("websocket_round_trip_ms", ms)

    def _count_garbage(self, garbage: Garbage) -> None:
        self._garbage[garbage.kind] += 1
        self._telemetry.count("garbage")
        if self._garbage[garbage.kind] == 1:
            log.warning(
                "%s sent something undocumented (%s: %.80s); more of it is only counted",
                self._provider.name,
                garbage.kind,
                garbage.detail,
            )

    # --- losing it ---------------------------------------------------------------------------

    def _dropped(self, connection: Connection, error: LinkError, since: float) -> None:
        self._session.drop(connection)
        if connection.planned:
            log.info("connection closed: %s", connection.planned)
            self._post(LinkDown(connection.planned, wanted=True))
            if connection.planned == "idle":
                self.session_id = ""
            return
        if self.clock.now() - since >= LASTED_S:
            self._backoff.reset()
        self._failed(str(error), error.kind)

    def _failed(self, reason: str, kind: str) -> None:
        if self.stopping or kind == "cancelled":
            return
        if self._lost_at is None:
            self._lost_at = self.clock.now()
            log.warning("%s: %s; reconnecting", self._provider.name, reason)
            self._post(Notice("outage", {"reason": reason, "kind": kind}))
        else:
            log.debug("still no connection: %s", reason)
        self._post(LinkDown(reason, wanted=False))
        self._pause(self._backoff.next())

    def _blocked(self, error: Refused) -> None:
        self._post(Notice("refused", {"code": error.code, "reason": str(error)}))
        self._lost_at = self._lost_at if self._lost_at is not None else self.clock.now()
        if error.retryable:
            self._failed(str(error), "refused")
            return
        log.error("%s; trying again in %d s", error, SLOW_RETRY_S)
        self._post(Blocked(error.code, str(error)))
        self._pause(SLOW_RETRY_S)

    def _pause(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while not self.stopping and (left := end - self.clock.now()) > 0:
            self.beat()
            self._session.receiver_wake.wait(min(left, 1.0))
