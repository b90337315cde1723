"""The cloud as chunks: a request each few hundred milliseconds, answered one by one.

One thread does it all: it takes packets as the uplink paces them, gathers them to
chunks, sends each and reads its answer.  A chunk that got no answer is sent again
under its own number; when that does not help, a new utterance begins where the last
finished sentence ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import inf

from agent.clock import Clock
from agent.errors import LinkError, Refused
from agent.events import LinkUp, Pair, Result, ServiceEvent, Settled, Unanswered
from agent.link.handover import Handover
from agent.link.uplink import Hangup, Send, Uplink
from agent.pipeline.answers import Answers
from agent.pipeline.cloud import Parts
from agent.pipeline.news import Losses
from agent.pipeline.reach import Reach
from agent.services.shapes import ChunkProtocol, Nonce, Request, Response
from agent.threads import Wake, Worker

log = logging.getLogger(__name__)

CHUNK_PACKETS = 10  # 400 ms: between the 200 and 500 ms TSI asks for
PROBE_PACKETS = 5  # the shortest chunk there is
RESENDS = 3

Post = Callable[[Request], Response]


class Chunks:
    """A service that takes chunks (see :class:`agent.pipeline.cloud.Cloud`)."""

    def __init__(self, uplink: Uplink, answers: Answers, clock: Clock) -> None:
        self.uplink, self.answers = uplink, answers
        self.provider = answers.provider
        self.tts = self.provider.service.tts
        self.workers: Sequence[Worker] = ()
        self.connected = True
        self.hurried_at = -inf
        self.wanted = False  #: somebody asks whether the service is there
        self.wake = Wake()
        self._clock = clock

    @property
    def backlog_ms(self) -> int:
        return self.uplink.backlog_ms

    @property
    def unanswered_ms(self) -> int:
        return self.uplink.unanswered_ms

    def captured(self) -> None:
        if self.uplink.tape.current is not None:
            self.wake.set()

    def open(self, start: int, pair: Pair) -> None:
        self.uplink.open(start, pair, self._clock.now())
        self.wake.set()

    def close(self, end: int) -> None:
        self.uplink.close(end)
        self.wake.set()

    def hurry(self) -> None:
        self.hurried_at = self._clock.now()
        self.wake.set()

    def switch_tts(self, enabled: bool) -> None:
        self.tts = enabled

    def renew(self, pair: Pair) -> None:
        """Each utterance goes with the pair it is spoken in; there is nothing to renew."""

    def hand_over(self) -> Handover:
        return self.uplink.hand_over()

    def take_over(self, left: Handover) -> None:
        self.answers.session = left.session or self.answers.session
        self.uplink.take_over(left, self._clock.now())
        self.wake.set()

    def remember(self, keep: Callable[[Unanswered], None] | None) -> None:
        self.uplink.remember(self.answers.named(keep))

    def probe(self) -> None:
        self.wanted = True

    def free(self) -> None:
        self.wake.close()


class _Utterance:
    """One utterance on its way: the protocol, the next number, the chunk being filled."""

    def __init__(self, protocol: ChunkProtocol, pair: Pair) -> None:
        self.protocol, self.pair = protocol, pair
        self.seq = 0
        self.chunk = bytearray()
        self.packets = 0

    def add(self, data: bytes) -> None:
        self.chunk += data
        self.packets += 1

    def next(self) -> None:
        self.seq += 1
        self.chunk.clear()
        self.packets = 0


class Chunker(Worker):
    """Sends chunks and reads their answers."""

    name = "sender"

    def __init__(self, cloud: Chunks, parts: Parts, post: Post) -> None:
        super().__init__(parts.clock)
        self._cloud, self._uplink, self._parts = cloud, cloud.uplink, parts
        self._answers, self._send = cloud.answers, post
        self._reach = Reach(cloud, parts, self, lambda seconds: cloud.wake.wait(seconds))
        self._utterance: _Utterance | None = None
        self._losses = Losses(parts.telemetry, parts.post, parts.clock)

    def wake(self) -> None:
        self._cloud.wake.set()

    def run(self) -> None:
        while not self.stopping:
            self.beat()
            try:
                wait = self._turn()
            except LinkError as error:
                self._drop()
                if not self.stopping:
                    self._reach.unreachable(error)
                continue
            except Refused as error:
                self._drop()
                self._reach.refused(error)
                continue
            self._watch()
            if wait > 0:
                self._cloud.wake.wait(min(wait, 0.5))
        self._losses.flush()

    def _turn(self) -> float:
        now = self.clock.now()
        if not self._uplink.is_connected:
            self._utterance = None  # another service has taken it over
        if self._utterance is None:
            pair = self._uplink.pending_pair
            if pair is None:
                self._probe()
                if self._uplink.played and self._uplink.finish():
                    self._parts.post(Settled())  # all of it was answered before the end was lost
                return 0.5
            self._begin(pair)
        step = self._uplink.step(now)
        if isinstance(step, Send):
            self._take(step)
            return 0.0
        if isinstance(step, Hangup) or self._uplink.played:
            self._end()
            return 0.0
        return 0.5 if step.until is None else step.until - now

    # --- one utterance -----------------------------------------------------------------------

    def _begin(self, pair: Pair) -> None:
        if not self._answers.session:
            self._answers.session = self._parts.provider.new_session()
            self._uplink.new_session()
        protocol = self._parts.provider.chunks(pair, self._cloud.tts)
        self._utterance = _Utterance(protocol, pair)
        self._uplink.connected(pair, self.clock.now())
        if self._cloud.connected:
            self._parts.post(LinkUp(self._answers.session))

    def _take(self, step: Send) -> None:
        assert self._utterance is not None
        self._utterance.add(step.data)
        self._uplink.sent(step, self.clock.now())
        self._parts.telemetry.count("packets_sent")
        if self._utterance.packets >= CHUNK_PACKETS:
            self._exchange(self._utterance, last=False)

    def _probe(self) -> None:
        """The service was lost, and somebody wants to know whether it is back: a little silence."""
        wanted, self._cloud.wanted = self._cloud.wanted, False
        if wanted and self._reach.away:
            pair = self._parts.provider.pair
            silence = _Utterance(self._parts.provider.chunks(pair, False), pair)
            silence.add(bytes(self._parts.ring.packet_bytes * PROBE_PACKETS))
            self._exchange(silence, last=True)

    def _end(self) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            try:
                self._exchange(utterance, last=True)
            except (LinkError, Refused):
                self._utterance = utterance
                raise
            self._hand_on(utterance, utterance.protocol.leftover())
        self._uplink.disconnected()
        if self._uplink.finish():
            self._parts.post(Settled())

    def _exchange(self, utterance: _Utterance, last: bool) -> None:
        """Send a chunk, again under the same number while nothing comes back.

        In an outage the backoff decides alone: no resends.
        """
        resends = 0 if self._reach.away else RESENDS
        for attempt in range(resends + 1):
            self.beat()
            nonce = Nonce(self._parts.clock.utc().timestamp(), "")
            request = utterance.protocol.request(bytes(utterance.chunk), utterance.seq, last, nonce)
            try:
                response = self._send(request)
                break
            except LinkError:
                if attempt == resends or self.stopping:
                    raise
                self.clock.sleep(0.1 * 2**attempt)
        self._parts.telemetry.count("bytes_sent", len(utterance.chunk))
        events = utterance.protocol.answer(response)
        self._answers.need(events)
        if not self._cloud.connected:
            self._cloud.connected = True
            self._reach.reached(self._answers.session)
        self._reach.worked()
        self._hand_on(utterance, events)
        utterance.next()

    def _hand_on(self, utterance: _Utterance, events: Sequence[ServiceEvent]) -> None:
        for event in events:
            if isinstance(event, Result):
                if (answer := self._uplink.result(event, self.clock.now())) is not None:
                    self._answers.result(event, answer, utterance.pair)
            else:
                self._answers.other(event)

    # --- trouble -------------------------------------------------------------------------------

    def _drop(self) -> None:
        """This utterance is lost on the way; the next begins at the last finished sentence."""
        self._utterance = None
        self._cloud.connected = False
        self._uplink.disconnected()

    def _watch(self) -> None:
        self._losses.watch(self._uplink.tape.lost)
