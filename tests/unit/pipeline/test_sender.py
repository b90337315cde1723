"""The sender thread's work in virtual time: steps, pulse, switches and losses."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agent.audio.ring import GUARDED, VOICED
from agent.errors import LinkError
from agent.events import Notice, Pair, Result, Settled, Transcript
from agent.link.uplink import Uplink
from agent.link.waiter import Cancelled, never
from agent.pipeline.sender import Sender
from agent.pipeline.session import Connection, Session
from agent.services.base import Message
from tests.unit.pipeline.rig import PACKET, Rig, VirtualWake, packet
from tests.unit.pipeline.wire import ScriptedSocket, sentence


class Line(Rig):
    """A sender with a connection; ``run`` is its thread for some seconds."""

    def __init__(self, name: str = "twetalk-v2", *, idle_close_s: float = 600) -> None:
        super().__init__(name, network={"ping_interval_s": 5.0})
        self.uplink = Uplink(self.ring, idle_close_s=idle_close_s)
        self.session = Session(self.uplink, self.answers, True, self.clock)
        self.session.free()
        self.session.sender_wake = VirtualWake(self.clock)
        self.session.receiver_wake = VirtualWake(self.clock)
        self.ring.on_write(self.session.captured)
        self.sender = Sender(self.session, self.parts)
        self.socket = self.connect()

    def connect(self) -> ScriptedSocket:
        pair = self.provider.pair
        socket = ScriptedSocket(self.clock)
        self.connection = Connection(socket, self.provider.stream(pair, True), pair, True)
        self.uplink.connected(pair, self.clock.now())
        self.session.attach(self.connection)
        return socket

    def run(self, seconds: float) -> None:
        self.sender.stopping = False
        self.clock.at(self.clock.now() + seconds, self.sender.stop)
        self.sender.run()

    def speech(self) -> list[int]:
        """The marks of the packets sent that were no silence."""
        assert all(len(data) == PACKET for data in self.socket.sound)
        marks = [int.from_bytes(data[:2], "little") for data in self.socket.sound]
        return [mark for mark in marks if mark]


@pytest.fixture
def line() -> Line:
    return Line()


def test_speech_leaves_whole_in_order_and_as_it_is_captured(line: Line) -> None:
    line.session.open(0, line.provider.pair)
    line.live(2.0)
    line.run(2.2)
    assert line.speech() == list(range(1, 51))
    assert line.telemetry.total("packets_sent") == len(line.socket.sound)
    assert line.telemetry.total("bytes_sent") == sum(map(len, line.socket.sound))
    times = line.telemetry.snapshot(line.clock.now())
    assert times["mic_to_wire_p99_ms"] <= 20
    assert times["pacing_error_p99_ms"] <= 20


def test_a_packet_costs_one_wake_up_even_when_pacing_has_no_token_to_spare(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.session.open(0, line.provider.pair)
    line.say(3)  # spends the tokens
    line.live(4.0)
    line.run(2.0)
    waits = 0
    wait = line.session.sender_wake.wait

    def counted(seconds: float | None) -> bool:
        nonlocal waits
        waits += 1
        return wait(seconds)

    monkeypatch.setattr(line.session.sender_wake, "wait", counted)
    before = len(line.socket.sound)
    line.clock.at(line.clock.now() + 1.9, line.sender.stop)
    line.sender.stopping = False
    line.sender.run()
    assert abs(waits - (len(line.socket.sound) - before)) <= 3


def test_nothing_is_sent_while_there_is_no_connection(line: Line) -> None:
    line.session.drop(line.connection)
    line.session.open(0, line.provider.pair)
    line.live(1.0)
    line.run(1.1)
    assert line.socket.sent == []
    line.socket = line.connect()
    line.run(3.0)
    assert line.speech() == list(range(1, 26))


def test_the_pulse_goes_on_at_its_interval(line: Line) -> None:
    line.run(21.0)
    pings = line.socket.pings
    assert [round(b - a) for a, b in pairwise(pings)] == [5] * 4
    assert [float(text["ping"]) for text in line.socket.texts] == pytest.approx(line.socket.pings)


def test_a_service_without_a_heartbeat_of_its_own_is_pinged_all_the_same() -> None:
    line = Line("twetalk-v1")
    line.run(6.0)
    assert len(line.socket.pings) == 2
    assert line.socket.texts == []


def test_speech_is_switched_on_the_connection_where_the_service_can(line: Line) -> None:
    line.session.switch_tts(False)
    line.run(0.5)
    line.session.switch_tts(True)
    line.run(0.5)
    switches = [text["enable_tts"] for text in line.socket.texts if "enable_tts" in text]
    assert switches == [False, True]
    assert line.session.connected


def test_speech_is_switched_by_a_new_connection_where_it_cannot() -> None:
    line = Line("twetalk-v1")
    line.session.switch_tts(False)
    line.run(0.1)
    assert line.connection.planned == "speech switched"
    assert line.socket.said == ["goodbye"]


def test_an_idle_connection_goes_on_with_another_pair_where_the_service_can() -> None:
    line = Line("tencent-interpreter")
    back = Pair("zh", "en")
    line.session.renew(back)
    line.run(0.5)
    assert line.socket.texts == [{"type": "update", "target": "en"}]
    assert (line.connection.pair, line.connection.turn) == (back, None)
    line.session.open(0, back)
    line.live(1.0)
    line.run(1.1)
    assert line.speech() == list(range(1, 26))
    assert line.session.connected


def test_the_next_take_in_another_language_goes_on_the_same_connection() -> None:
    line = Line("tencent-interpreter")
    back = Pair("zh", "en")
    line.session.open(0, line.provider.pair)
    line.live(1.0)
    line.clock.at(0.5, lambda: line.session.close(12))
    line.clock.at(0.5, lambda: line.session.open(12, back))
    line.clock.at(0.9, lambda: line.session.close(22))
    line.run(1.9)
    assert line.socket.texts == []  # the first is answered before the second is sent
    line.uplink.result(Result(0, "x", final=True), line.clock.now())
    line.run(2.0)
    assert line.socket.texts == [{"type": "update", "target": "en"}]
    before = line.socket.sent.index('{"type": "update", "target": "en"}')
    marks = [int.from_bytes(data[:2], "little") for data in line.socket.sent[:before]]  # type: ignore[arg-type]
    assert max(marks) == 12
    assert line.speech() == list(range(1, 23))
    assert line.session.connected
    line.uplink.result(Result(1, "y", final=True), line.clock.now())
    line.run(3.0)
    assert line.of(Settled) == [Settled()]


def test_a_pair_that_was_wanted_while_nobody_spoke_waits_for_who_speaks_now() -> None:
    line = Line("tencent-interpreter")
    line.connection.turn = Pair("zh", "en")
    line.session.open(0, line.provider.pair)
    line.live(0.2)
    line.run(0.3)
    assert line.socket.texts == []
    assert line.connection.turn is not None


def test_an_idle_connection_is_hung_up() -> None:
    line = Line(idle_close_s=10)
    line.uplink.keep_warm(0.0)
    line.run(9.0)
    assert line.session.connected
    line.run(2.0)
    assert line.connection.planned == "idle"


def test_a_connection_that_breaks_while_sending_is_dropped_with_its_reason(line: Line) -> None:
    line.socket.breaks_on_send = LinkError("the connection took no data for 10 s", "stalled")
    line.session.open(0, line.provider.pair)
    line.live(0.2)
    line.run(0.3)
    assert not line.session.connected
    assert line.connection.failure is line.socket.breaks_on_send
    assert line.connection.planned is None
    assert line.socket.said[0] == "abort"


def test_what_a_broken_connection_took_is_sent_again_on_the_next(line: Line) -> None:
    line.session.open(0, line.provider.pair)
    line.live(1.0)
    line.run(1.1)
    line.session.drop(line.connection)
    line.socket = line.connect()
    line.run(2.0)
    assert line.speech() == list(range(1, 26))


def test_a_service_that_answers_nothing_to_speech_is_deaf(line: Line) -> None:
    line.session.open(0, line.provider.pair)
    line.live(40.0)
    line.run(40.0)
    assert line.connection.failure is not None
    assert line.connection.failure.kind == "deaf"


def test_what_memory_could_not_hold_is_reported_exactly_once(line: Line) -> None:
    line.session.drop(line.connection)
    line.session.open(0, line.provider.pair)
    line.say(600)
    line.socket = line.connect()
    line.run(1.0)
    assert line.of(Notice) == [Notice("lost_audio", {"packets": 100, "duration_ms": 4000})]
    assert line.telemetry.total("lost_packets") == 100
    line.run(1.0)
    assert len(line.of(Notice)) == 1


def test_a_turn_that_is_answered_settles(line: Line) -> None:
    line.session.open(0, line.provider.pair)
    line.live(1.0)
    line.clock.at(1.0, lambda: line.session.close(25))
    line.run(1.2)
    line.uplink.result(Result(0, "x", final=True), line.clock.now())
    line.run(3.0)
    assert line.of(Settled) == [Settled()]


def test_a_turn_without_an_answer_settles_late_with_what_lacked_its_translation() -> None:
    line = Line("twetalk-v1")
    line.session.open(0, line.provider.pair)
    line.live(1.0)
    line.clock.at(1.0, lambda: line.session.close(25))
    said = sentence(0, "hello", final=True).replace(', "translation": ""', "")
    line.clock.at(1.5, lambda: _receive(line, said))
    line.run(12.0)
    assert line.of(Settled) == [Settled(timed_out=True)]
    assert [t.text for t in line.of(Transcript) if t.final] == ["hello"]
    assert isinstance(line.events[-1], Settled)


def _receive(line: Line, message: str) -> None:
    for event in line.connection.protocol.receive(message):
        assert isinstance(event, Result)
        line.uplink.result(event, line.clock.now())


def test_a_guarded_packet_leaves_as_silence(line: Line) -> None:
    line.session.open(0, line.provider.pair)
    line.ring.write(packet(1), 0.0, VOICED)
    line.ring.write(packet(2), 0.0, VOICED | GUARDED)
    line.ring.write(packet(3), 0.0, VOICED)
    line.run(0.3)
    assert line.speech() == [1, 3]
    assert line.socket.sound[1] == bytes(PACKET)


def test_a_send_that_waits_for_the_network_is_progress(line: Line) -> None:
    """The watchdog must tell a thread that waits for the network from one that is stuck."""
    beats: list[float] = []

    class Swallowing(ScriptedSocket):
        def send(self, message: Message, cancelled: Cancelled = never) -> None:
            for _ in range(300):
                line.clock.advance(0.1)
                cancelled()
                beats.append(line.clock.now() - line.sender.last_beat)
            super().send(message)

    line.connection.socket = Swallowing(line.clock)
    line.session.open(0, line.provider.pair)
    line.live(0.5)
    line.run(1.0)
    assert beats
    assert max(beats) == 0
