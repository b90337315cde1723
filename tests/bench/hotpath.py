"""The hot path without threads and sockets, for counting what a packet costs.

``python -m tests.bench.hotpath N`` makes every stage ready and then forks: a child for each
sends ``N`` packets through it, and one does nothing.  Under valgrind every child tells its
count at its end; the difference to the idle one's is the stage alone.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable
from random import Random
from types import ModuleType

from agent.audio.alsa import AlsaMicrophone
from agent.audio.convert import Converter
from agent.audio.pcm import PACKET_MS, SAMPLE_BYTES, packet_bytes
from agent.audio.ring import VOICED, Ring
from agent.audio.scripted import ScriptedMicrophone, ScriptedSpeaker
from agent.audio.vad import Vad
from agent.clock import ManualClock
from agent.config.credentials import with_demo
from agent.config.schema import Config, Service
from agent.link.dial import Limits
from agent.link.uplink import Uplink
from agent.link.websocket import WebSocket
from agent.pipeline.answers import Answers
from agent.pipeline.capture import Capture
from agent.pipeline.cloud import Parts
from agent.pipeline.player import Player
from agent.pipeline.sender import Sender
from agent.pipeline.session import Connection, Session
from agent.report.telemetry import Telemetry
from agent.services.provider import Provider
from agent.threads import Wake

RATE = 16000
CARD_RATE, CARD_CHANNELS = 48000, 2  # of a card that has no 16 kHz mono
PACKET_S = PACKET_MS / 1000
WARM = 50  # packets before the count: the interpreter specialises what it runs often

Stage = Callable[[int], None]


def convert() -> Stage:
    """48 kHz stereo to 16 kHz mono: only for a card that does not give that by itself."""
    converter = Converter(CARD_RATE, CARD_CHANNELS, "s16", RATE)
    period = _sound(CARD_RATE * CARD_CHANNELS * PACKET_MS // 2000)

    def run(packets: int) -> None:
        for _ in range(2 * packets):
            converter.feed(period)

    return run


def capture() -> Stage:
    """A period is read, judged and written to the ring; the device's own share is ``card``."""
    period = _sound(RATE * PACKET_MS // 1000)

    class Device(ScriptedMicrophone):
        def read(self) -> bytes:
            return period

    clock = ManualClock()
    ring = Ring(packet_bytes(RATE), 1500)
    worker = Capture(Device(rate=RATE, clock=clock), ring, Vad(RATE), lambda _: None, clock)

    def run(packets: int) -> None:
        for _ in range(packets):
            worker._read_once()

    return run


def send() -> Stage:
    """From the ring by uplink, tape and pacing to a masked frame that the socket takes."""
    clock = ManualClock()
    config = Config(service=with_demo(Service(source="en", target="es")))
    provider = Provider(config.service)
    ring, telemetry = Ring(packet_bytes(RATE), 1500), Telemetry(0.0)
    speaker = ScriptedSpeaker(rate=RATE, clock=clock)
    player = Player(speaker, RATE, 0, 100, telemetry, lambda _: None, clock)
    parts = Parts(config, provider, ring, player, telemetry, lambda _: None, clock)
    session = Session(Uplink(ring), Answers(parts), True, clock)
    pair = provider.pair
    session.open(0, pair)
    session.uplink.connected(pair, clock.now())
    websocket = WebSocket(_Sink(), Limits(), clock)
    session.attach(Connection(websocket, provider.stream(pair, True), pair, True))
    sender, packet = Sender(session, parts), _sound(RATE * PACKET_MS // 1000)
    # Nobody answers here.
    sender._uplink.deaf = lambda now: False  # type: ignore[method-assign]

    def run(packets: int) -> None:
        left = packets

        def turn() -> bool:
            nonlocal left
            if left == 0:
                sender.stopping = True
                return False
            left -= 1
            clock.advance(PACKET_S)
            ring.write(packet, clock.now(), VOICED)
            return True

        sender.stopping = False
        session.sender_wake = _Turns(turn)
        before = telemetry.total("packets_sent")
        sender.run()
        assert telemetry.total("packets_sent") - before == packets

    return run


def card() -> Stage:
    """A period is waited for and read from ALSA, whose own share is not in it."""
    period = _sound(RATE * PACKET_MS // 1000)
    frames = len(period) // SAMPLE_BYTES

    class Pcm:
        def __init__(self, *args: object, **asked: object) -> None:
            """Gives what is asked for."""

        def info(self) -> dict[str, object]:
            return {
                "rate": RATE,
                "channels": 1,
                "format_name": "S16_LE",
                "period_size": frames,
                "buffer_size": 6 * frames,
            }

        def polldescriptors(self) -> list[tuple[int, int]]:
            return [(ready, select.POLLIN)]

        def state(self) -> int:
            return 3

        def read(self) -> tuple[int, bytes]:
            return frames, period

    ready, clock = os.eventfd(1), ManualClock()
    sys.modules["alsaaudio"] = alsa = ModuleType("alsaaudio")
    vars(alsa).update(
        PCM=Pcm, PCM_CAPTURE=1, PCM_NONBLOCK=1, PCM_FORMAT_S16_LE=2, PCM_STATE_XRUN=4,
        ALSAAudioError=OSError,
    )  # fmt: skip
    microphone = AlsaMicrophone("hw:0,0", rate=RATE, clock=clock)
    microphone.open()

    def run(packets: int) -> None:
        for _ in range(packets):
            clock.advance(PACKET_S)
            microphone.read()

    return run


class _Turns(Wake):
    """Waiting is the next packet's turn."""

    def __init__(self, turn: Callable[[], bool]) -> None:
        self._turn = turn

    def set(self) -> None:
        """Nobody else waits."""

    def wait(self, seconds: float | None) -> bool:
        return self._turn()


class _Sink(socket.socket):
    """Takes everything at once."""

    def send(self, data: object, flags: int = 0, /) -> int:
        return len(data)  # type: ignore[arg-type]


def _sound(samples: int) -> bytes:
    """Noise that any detector judges."""
    dice = Random(1)
    return b"".join(dice.randint(-6000, 6000).to_bytes(2, "little", signed=True)
                    for _ in range(samples))  # fmt: skip


IDLE = "idle"
STAGES = {"convert": convert, "card": card, "capture": capture, "send": send}


def main(packets: int) -> None:
    """Print the name of each stage and the process that ran it."""
    stages = {name: make() for name, make in STAGES.items()}
    for run in stages.values():
        run(WARM)
    for name, run in {IDLE: lambda packets: None, **stages}.items():
        child = os.fork()
        if not child:
            run(packets)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"stage {name} failed")
        print(name, child)


if __name__ == "__main__":
    main(int(sys.argv[1]))
