"""The sender thread: takes the uplink's steps, and keeps the connection's pulse."""

from __future__ import annotations

import logging

from agent.audio.pcm import PACKET_MS
from agent.errors import LinkError
from agent.events import Pair, Settled
from agent.link.uplink import Hangup, Send, Wait
from agent.pipeline.cloud import Parts
from agent.pipeline.news import Losses
from agent.pipeline.session import Connection, Session
from agent.threads import Worker

log = logging.getLogger(__name__)

NEXT_S = 2 * PACKET_MS / 1000  # only a microphone that has ended lets this pass
IDLE_S = 0.5  # looks around at least this often, so that a stop is never waited for


class Sender(Worker):
    """Owns the ring's read position and the sending half of the connection."""

    name = "sender"

    def __init__(self, session: Session, parts: Parts) -> None:
        super().__init__(parts.clock)
        self._session, self._uplink = session, session.uplink
        self._telemetry, self._post = parts.telemetry, parts.post
        self._ping_interval = parts.config.network.ping_interval_s
        self._ping_at = 0.0
        self._losses = Losses(parts.telemetry, parts.post, parts.clock)
        self._waits = self.waits  # bound once, not for each packet

    def wake(self) -> None:
        self._session.sender_wake.set()

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            connection = self._session.connection
            wait = IDLE_S if connection is None else self._turn(connection)
            self._watch(connection)
            if wait > 0:
                self._session.sender_wake.wait(min(wait, IDLE_S))
        self._losses.flush()

    def _turn(self, connection: Connection) -> float:
        """One step on a connection; returns how long to wait before the next (s)."""
        try:
            wait = self._step(connection)  # first: a packet that is there waits for nothing else
            if self._session.connection is connection:
                self._control(connection)
                self._pulse(connection)
                if self._uplink.deaf(self.clock.now()):
                    raise LinkError("speech was sent and nothing was answered", "deaf")
            return wait
        except LinkError as error:
            connection.failure = connection.failure or error
            self._session.drop(connection)
            return IDLE_S

    def _step(self, connection: Connection) -> float:
        step = self._uplink.step(self.clock.now())
        if isinstance(step, Send):
            connection.socket.send(step.data, self._waits)
            self._record(step)
            # The next packet wakes this thread; there is nothing to decide before.
            return NEXT_S if step.live and step.packet is not None else 0.0
        if isinstance(step, Hangup):
            if not self._turn_to(
                connection, self._uplink.wanted(self.clock.now(), connection.pair)
            ):
                self._session.drop(connection, planned=step.reason)
            return 0.0
        return self._wait(step)

    def _wait(self, step: Wait) -> float:
        return IDLE_S if step.until is None else step.until - self.clock.now()

    def _record(self, step: Send) -> None:
        now = self.clock.now()
        self._uplink.sent(step, now)
        self._telemetry.count("packets_sent")
        self._telemetry.count("bytes_sent", len(step.data))
        if step.packet is not None and step.live:
            self._telemetry.sample("mic_to_wire", (now - step.packet.at) * 1000)
            self._telemetry.sample("pacing_error", (now - step.due) * 1000)

    def _turn_to(self, connection: Connection, pair: Pair | None) -> bool:
        """Go on with ``pair`` on this connection; false where it is none, or needs another."""
        if pair is None or pair == connection.pair:
            return False
        message = connection.protocol.switch_pair(pair)
        if message is None:
            return False
        connection.socket.send(message, self._waits)
        connection.pair = pair
        self._uplink.turned(pair)
        return True

    def _control(self, connection: Connection) -> None:
        if connection.turn is not None and not self._uplink.busy:
            pair, connection.turn = connection.turn, None
            self._turn_to(connection, pair)
        wanted = self._session.tts
        if connection.tts == wanted:
            return
        message = connection.protocol.switch_tts(wanted)
        if message is None:
            self._session.drop(connection, planned="speech switched")
            return
        connection.socket.send(message, self._waits)
        connection.tts = wanted

    def _pulse(self, connection: Connection) -> None:
        now = self.clock.now()
        if now < self._ping_at:
            return
        self._ping_at = now + self._ping_interval
        message = connection.protocol.ping(f"{now:.6f}")
        if message is not None:
            connection.socket.send(message, self._waits)
        connection.socket.ping(self._waits)

    def _watch(self, connection: Connection | None) -> None:
        """Tell the main thread what only the tape knows."""
        self._losses.watch(self._uplink.tape.lost)
        verdict = self._uplink.settled(self.clock.now())
        if verdict is False:
            return
        heard = verdict or (connection is not None and self._session.flush(connection))
        missing = 0 if heard else self._uplink.given_up_ms
        self._post(Settled(timed_out=verdict is None, unanswered_ms=missing))
