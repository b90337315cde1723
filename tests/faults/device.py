"""The device under test: the real `App`, with scripted sound and its sending watched."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from agent.app import App
from agent.audio.pcm import PACKET_MS, SAMPLE_BYTES
from agent.audio.scripted import ScriptedMicrophone, ScriptedSpeaker
from agent.clock import Backoff, Clock
from agent.config.schema import Config
from agent.errors import Overrun
from agent.events import Event, Notice, Transcript
from agent.link.channel import Channel
from agent.link.waiter import Cancelled, never
from agent.pipeline.receiver import Receiver
from agent.services.base import Endpoint, Message
from tests.faults.speech import RATE

READ_MS = 20

Connect = Callable[[Endpoint, Callable[[], bool]], Channel]


class Hush(bytes):
    """Sound that nobody makes."""


class LiveMicrophone(ScriptedMicrophone):
    """Scripted, but as in a room: silence is heard too, and what is said while it is away is gone.

    After :meth:`end` it gives nothing more.
    """

    def __init__(self, *, rate: int, clock: Clock) -> None:
        super().__init__(rate=rate, clock=clock, paced=True)
        self._left_at: float | None = None
        self._fed = 0
        self._closing = False
        self.missed: list[tuple[int, int]] = []  #: stretches of the speech nobody heard (ms)

    def feed(self, pcm: bytes) -> None:
        super().feed(pcm)
        self._fed += len(pcm) * 1000 // (SAMPLE_BYTES * self._rate)

    @property
    def said_ms(self) -> int:
        """How much of what was fed has been said."""
        sound = sum(type(item) is bytes for item in list(self._script))
        return self._fed - sound * READ_MS

    def end(self) -> None:
        self._closing = True
        super().end()

    def read(self) -> bytes:
        if not self._script and not self._closing:
            self._script.extend([Hush(self._chunk)] * (PACKET_MS // READ_MS))
        return super().read()

    def vanish(self) -> None:
        self._left_at = self._clock.now()
        super().vanish()

    def open(self) -> None:
        super().open()
        if self._left_at is not None:
            self._miss(self._clock.now() - self._left_at)
            self._left_at = None

    def overrun_now(self, lost_ms: int = 0) -> None:
        """Report an overrun at the next read; ``lost_ms`` of speech are lost with it."""
        self._miss(lost_ms / 1000)
        self._script.appendleft(Overrun("scripted microphone: overrun"))

    def _miss(self, seconds: float) -> None:
        start = self.said_ms
        for _ in range(round(seconds * 1000 / READ_MS)):
            if not self._script or not isinstance(self._script[0], bytes):
                break
            self._script.popleft()
        self.missed.append((start, self.said_ms))


class Device(App):
    """An `App` that speaks to scripted sound and writes down what it captures and sends."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.microphone = LiveMicrophone(rate=RATE, clock=clock)
        self.speaker = ScriptedSpeaker(rate=RATE, clock=clock)
        super().__init__(config, clock=clock)
        self.captured: list[bytes] = []  #: every packet
        self.voiced: list[bytes] = []  #: those that hold speech
        self.sends: list[list[float]] = []  #: when packets left, by connection (s)
        self.finals: list[Transcript] = []
        self.notices: list[tuple[float, Notice]] = []
        self.patience_s = inf  #: the longest backoff
        self.retry_at = 0.0  #: when the backoff lets the newest attempt begin (s)
        self._microphone = self.capture._source = self.microphone
        self._speaker = self.player._sink = self.speaker
        self.watch(self._note)
        self._tap_ring()
        for worker in self.cloud.workers:
            if isinstance(worker, Receiver):
                worker._connect_socket = self._tapped(worker._connect_socket)
                self._tap_backoff(worker._reach._backoff)

    def _note(self, event: Event) -> None:
        if isinstance(event, Transcript) and event.final:
            self.finals.append(event)
        elif isinstance(event, Notice):
            self.notices.append((self.clock.now(), event))

    def _tap_ring(self) -> None:
        write = self.ring.write

        def noted(packet: bytes, at: float, flags: int = 0) -> int:
            seq = write(packet, at, flags)
            if any(packet):  # not silence that stands in for a microphone
                self.captured.append(bytes(packet))
                if self.ring.voiced(seq):
                    self.voiced.append(bytes(packet))
            return seq

        self.ring.write = noted  # type: ignore[method-assign]

    def _tap_backoff(self, backoff: Backoff) -> None:
        draw = backoff.next

        def noted(away: float = inf) -> float:
            seconds = min(draw(away), self.patience_s)
            self.retry_at = self.clock.now() + seconds
            return seconds

        backoff.next = noted  # type: ignore[method-assign]

    def _tapped(self, connect: Connect) -> Connect:
        """``connect``, noting the moment before each packet goes to the socket."""

        def connected(endpoint: Endpoint, cancelled: Callable[[], bool]) -> Channel:
            socket = connect(endpoint, cancelled)
            times: list[float] = []
            self.sends.append(times)
            send = socket.send

            def noted(message: Message, cancelled: Cancelled = never) -> None:
                if isinstance(message, bytes):
                    times.append(self.clock.now())
                send(message, cancelled)

            socket.send = noted  # type: ignore[method-assign]
            return socket

        return connected

    def heard_of(self, event: str) -> list[tuple[float, Notice]]:
        """The notices of this name, with their times (s)."""
        return [(at, notice) for at, notice in self.notices if notice.event == event]
