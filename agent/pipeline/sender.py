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
LOOK_S = 1.0  # looks around at least this often


class Sender(Worker):
    """Owns the ring's read position and the sending half of the connection."""

    name = "sender"

    def __init__(self, session: Session, parts: Parts) -> None:
        super().__init__(parts.clock)
        self._session, self._uplink = session, session.uplink
        self._telemetry, self._post = parts.telemetry, parts.post
        self._ping_interval = parts.config.network.ping_interval_s
        self._ping_at = self._look_at = 0.0
        self._losses = Losses(parts.telemetry, parts.post, parts.clock)
        self._latency = parts.telemetry.window("mic_to_wire")
        self._error = parts.telemetry.window("pacing_error")
        self._waits = self.waits  # bound once, not for each packet

    def wake(self) -> None:
        self._session.sender_wake.set()

    def run(self) -> None:
        self._packets = self._telemetry.counter("packets_sent")
        self._bytes = self._telemetry.counter("bytes_sent")
        while not self.stopping:
            self.last_beat = now = self.clock.now()
            connection = self._session.connection
            wait = self._rest() if connection is None else self._turn(connection, now)
            if wait > 0:
                self._session.sender_wake.wait(wait)
        self._losses.flush()

    def _turn(self, connection: Connection, now: float) -> float:
        """One step on a connection; returns how long to wait before the next (s).

        For the packet just captured this is all: take, frame and send, note.
        """
        try:
            step = self._uplink.step(now)
            if not isinstance(step, Send):
                return self._pause(connection, step)
            connection.socket.send(step.data, self._waits)
            now = self.clock.now()
            self._uplink.sent(step, now)
            self._packets.value += 1
            self._bytes.value += len(step.data)
            packet = step.packet
            if packet is not None and step.live:
                self._latency.append((now - packet.at) * 1000)
                self._error.append((now - step.due) * 1000)
                if now < self._look_at and connection.tts is self._session.tts:
                    return NEXT_S  # the next packet wakes this thread
            self._look(connection, now)
        except LinkError as error:
            connection.failure = connection.failure or error
            self._session.drop(connection)
        return 0.0

    # --- all but the live packet -------------------------------------------------------------

    def _rest(self) -> float:
        self._tell(None)
        return LOOK_S

    def _pause(self, connection: Connection, step: Wait | Hangup) -> float:
        """There is nothing to send now."""
        if isinstance(step, Hangup):
            if not self._turn_to(
                connection, self._uplink.wanted(self.clock.now(), connection.pair)
            ):
                self._session.drop(connection, planned=step.reason)
            return 0.0
        now = self.clock.now()
        self._look(connection, now)
        until = self._look_at if step.until is None else min(step.until, self._look_at)
        return until - now

    def _look(self, connection: Connection, now: float) -> None:
        """Do what is due besides audio: at least once a second, and whenever there is time."""
        self._control(connection)
        self._pulse(connection, now)
        if self._uplink.deaf(now):
            raise LinkError("speech was sent and nothing was answered", "deaf")
        self._tell(connection)
        self._look_at = min(self._ping_at, now + LOOK_S)

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
        if connection.tts == wanted or self._session.connection is not connection:
            return
        message = connection.protocol.switch_tts(wanted)
        if message is None:
            self._session.drop(connection, planned="speech switched")
            return
        connection.socket.send(message, self._waits)
        connection.tts = wanted

    def _pulse(self, connection: Connection, now: float) -> None:
        if now < self._ping_at or self._session.connection is not connection:
            return
        self._ping_at = now + self._ping_interval
        message = connection.protocol.ping(f"{now:.6f}")
        if message is not None:
            connection.socket.send(message, self._waits)
        connection.socket.ping(self._waits)

    def _tell(self, connection: Connection | None) -> None:
        """Tell the main thread what only the tape knows."""
        self._losses.watch(self._uplink.tape.lost)
        verdict = self._uplink.settled(self.clock.now())
        if verdict is False:
            return
        heard = verdict or (connection is not None and self._session.flush(connection))
        missing = 0 if heard else self._uplink.given_up_ms
        self._post(Settled(timed_out=verdict is None, unanswered_ms=missing))
