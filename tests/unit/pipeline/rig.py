"""The parts a cloud is built of, real ones, on a clock that moves only when somebody waits."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from agent.audio.pcm import packet_bytes
from agent.audio.ring import VOICED, Ring
from agent.audio.scripted import ScriptedSpeaker
from agent.config.credentials import with_demo
from agent.config.schema import Audio, Config, Mqtt, Network, Service, Talk
from agent.events import Event, Notice
from agent.pipeline.answers import Answers
from agent.pipeline.cloud import Parts
from agent.pipeline.player import Player
from agent.report.telemetry import Telemetry
from agent.services.provider import Provider
from agent.threads import Wake
from tests.unit.pipeline.timeline import Timeline

RATE: Literal[16000] = 16000
PACKET = packet_bytes(RATE)
PACKET_S = 0.04
STEP_S = 0.01

E = TypeVar("E")


class VirtualWake(Wake):
    """A wake-up whose waits pass virtual time."""

    def __init__(self, clock: Timeline) -> None:
        super().__init__()
        super().close()
        self._clock, self._given = clock, False

    def set(self) -> None:
        self._given = True

    def wait(self, seconds: float | None) -> bool:
        assert seconds is not None, "a wait for ever would never end"
        end = self._clock.now() + max(0.001, seconds)
        while not self._given and self._clock.now() < end - 1e-9:
            self._clock.advance(min(STEP_S, end - self._clock.now()))
        given, self._given = self._given, False
        return given

    def close(self) -> None:
        """Nothing to give back."""


def packet(mark: int) -> bytes:
    """A packet that can be told from others."""
    return mark.to_bytes(2, "little") * (PACKET // 2)


class Rig:
    """``events`` is what the main thread would get."""

    def __init__(
        self,
        name: str = "twetalk-v2",
        *,
        service: dict[str, Any] | None = None,
        talk: dict[str, Any] | None = None,
        network: dict[str, Any] | None = None,
        outbox: str = "/nonexistent/outbox.db",
        rate: Literal[16000, 8000] = RATE,
    ) -> None:
        self.clock = Timeline()
        described = {"source": "en", "target": "zh"} | (service or {})
        self.config = Config(
            service=with_demo(Service(name=name, **described)),
            talk=Talk(**(talk or {})),
            network=Network(**(network or {})),
            mqtt=Mqtt(outbox=outbox),
            audio=Audio(rate=rate),
        )
        self.provider = Provider(self.config.service)
        self.ring = Ring(PACKET, 500)
        self.events: list[Event] = []
        self.telemetry = Telemetry(0.0)
        self.speaker = ScriptedSpeaker(rate=rate, clock=self.clock)
        self.speaker.open()
        self.player = Player(
            self.speaker, rate, 0, 100, self.telemetry, lambda event: None, self.clock
        )
        self.player._wake.close()
        self.player._wake = VirtualWake(self.clock)
        self.parts = Parts(
            self.config,
            self.provider,
            self.ring,
            self.player,
            self.telemetry,
            self.events.append,
            self.clock,
        )
        self.answers = Answers(self.parts)

    def capture(self, mark: int, *, voiced: bool = True) -> None:
        """One packet of the microphone."""
        self.clock.advance(PACKET_S)
        self.ring.write(packet(mark), self.clock.now(), VOICED if voiced else 0)

    def say(self, packets: int, *, voiced: bool = True) -> None:
        """Packets numbered from 1 by their place on the ring."""
        for _ in range(packets):
            self.capture(self.ring.head + 1, voiced=voiced)

    def live(self, seconds: float, *, voiced: bool = True) -> None:
        """Have the microphone capture while somebody waits on the clock."""
        begin = self.clock.now()
        for n in range(1, round(seconds / PACKET_S) + 1):
            self.clock.at(begin + n * PACKET_S, lambda: self._write(voiced))

    def _write(self, voiced: bool) -> None:
        self.ring.write(packet(self.ring.head + 1), self.clock.now(), VOICED if voiced else 0)

    def spoken(self, seconds: float = 2.0) -> bytes:
        """What the speaker has played after a while, of what was handed to the player."""
        self.player.stopping = False
        self.clock.at(self.clock.now() + seconds, self.player.stop)
        self.player.run()
        self.speaker.open()
        return self.speaker.pcm

    def of(self, kind: type[E]) -> list[E]:
        """The posted events of one type."""
        return [event for event in self.events if isinstance(event, kind)]

    def notices(self) -> list[str]:
        return [event.event for event in self.of(Notice)]
