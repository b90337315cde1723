"""Ears against a server in this test: one utterance after the other, torn, slow and hostile."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from agent.audio.vad import Vad
from agent.clock import ManualClock
from agent.errors import LinkError
from agent.link import ears as module
from agent.link.cutter import LEAD, Cutter
from agent.link.ears import ALIVE_S, LASTED_S, SLOW_S, Ears
from agent.link.utterance import ANSWER_S
from agent.link.wyoming import unheard
from agent.services.wyoming import Decoder, Event
from tests.patience import HANG_S
from tests.unit.link.test_cutter import HUM, RATE, SPEECH, ZERO


class Server:
    """The other ends of the connections, worked by the test itself."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.ends: list[socket.socket] = []
        self._decoders: list[Decoder] = []
        self._heard: list[list[Event]] = []
        self.away = False

    def dial(self, cancelled: Callable[[], bool]) -> socket.socket:
        if self.away:
            raise LinkError("nas:10300 refused", "refused")
        ours = socket.create_connection(self._listening.getsockname())
        theirs, _ = self._listening.accept()
        ours.setblocking(False)
        theirs.settimeout(HANG_S)
        self.ends.append(theirs)
        self._decoders.append(Decoder())
        self._heard.append([])
        return ours

    def heard(self, number: int, until: str = "") -> list[Event]:
        """All events of a connection so far; waits for one ``until``."""
        while until and not any(event.type == until for event in self._heard[number]):
            data = self.ends[number].recv(65536)
            assert data, "hung up"
            for event in self._decoders[number].feed(data):
                assert isinstance(event, Event)
                self._heard[number].append(event)
        return self._heard[number]

    def say(self, number: int, kind: str, **data: Any) -> None:
        self.ends[number].sendall(Event(kind, data).encode())

    def close(self) -> None:
        for end in [*self.ends, self._listening]:
            end.close()


class Rig:
    def __init__(self, *, pauses: bool = False) -> None:
        self.clock = ManualClock()
        self.server = Server()
        self.played = False
        self.slow = 0
        cutter = Cutter(Vad(RATE), pauses=pauses)
        self.ears = Ears(
            self.server.dial, cutter, RATE, self.clock, lambda: self.played, self._tell
        )
        self.ears.send('{"type": "transcribe"}\n')
        self.hear(*HUM * 10)

    def _tell(self) -> None:
        self.slow += 1

    def hear(self, *packets: bytes) -> None:
        for packet in packets:
            self.ears.send(packet)

    def utterance(self, packets: int = 20) -> None:
        """One press with speech in it."""
        self.played = False
        self.hear(*SPEECH[:packets])
        self.played = True
        self.hear(ZERO)

    def receive(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.ears.receive()]

    def look(self) -> list[dict[str, Any]]:
        """What there is now."""
        try:
            return [json.loads(m) for m in self.ears.receive(self.clock.now())]
        except LinkError as error:
            if error.kind != "timeout":
                raise
            return []

    def broken_by(self, call: Callable[[], object]) -> str:
        """The kind of the LinkError that ``call`` raises, sooner or later."""
        try:
            while True:
                call()
        except LinkError as error:
            return error.kind

    def transcripts(self) -> list[tuple[int, str]]:
        found = [note for note in self.receive() if note["type"] == "transcript"]
        return [(note["utterance"], note["data"]["text"]) for note in found]


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.ears.close()
    made.server.close()


def test_a_connection_stands_ready_and_nothing_is_said_on_it(rig: Rig) -> None:
    assert len(rig.server.ends) == 1
    rig.server.ends[0].setblocking(False)
    with pytest.raises(BlockingIOError):
        rig.server.ends[0].recv(1)


def test_an_utterance_is_asked_for_as_the_readme_has_it(rig: Rig) -> None:
    rig.utterance()
    events = rig.server.heard(0, "audio-stop")
    assert [event.type for event in events[:2]] == ["transcribe", "audio-start"]
    chunks = [event for event in events if event.type == "audio-chunk"]
    sound = b"".join(event.payload for event in chunks)
    assert sound == b"".join(HUM[n % 2] for n in range(LEAD)) + b"".join(SPEECH[:20]) + ZERO
    assert all(event.data["rate"] == RATE for event in chunks)
    rig.server.say(0, "transcript", text="hello")
    (note,) = rig.receive()
    assert note["data"] == {"text": "hello"}
    assert (note["start_ms"], note["end_ms"]) == ((20 - LEAD) * 40, 41 * 40)


def test_the_next_is_sent_while_the_first_is_recognised_and_asked_for_later(rig: Rig) -> None:
    rig.utterance()
    rig.look()  # a connection for the next
    rig.utterance()
    assert any(event.type == "audio-stop" for event in rig.server.heard(0, "audio-stop"))
    assert len(rig.server.heard(1, "audio-chunk")) >= 3
    rig.server.say(0, "transcript", text="one")
    assert rig.transcripts() == [(0, "one")]
    rig.look()
    rig.server.heard(1, "audio-stop")
    rig.server.say(1, "transcript", text="two")
    assert rig.transcripts() == [(1, "two")]


def test_pieces_come_as_they_are_said(rig: Rig) -> None:
    rig.hear(*SPEECH[:20])
    rig.server.say(0, "transcript-start")
    rig.server.say(0, "transcript-chunk", text="hel")
    notes = rig.receive()
    while len(notes) < 2:
        notes += rig.receive()
    assert [note["type"] for note in notes] == ["transcript-start", "transcript-chunk"]


def test_a_server_may_find_the_end_itself(rig: Rig) -> None:
    rig.hear(*SPEECH[:20])
    rig.server.heard(0, "audio-chunk")
    rig.server.say(0, "transcript", text="hello")
    assert rig.transcripts() == [(0, "hello")]
    rig.look()
    rig.utterance()  # it goes on: another
    rig.server.heard(1, "audio-stop")


def test_an_utterance_waits_for_its_connection(rig: Rig) -> None:
    rig.utterance()
    rig.utterance()  # nobody has connected yet
    assert len(rig.server.ends) == 1
    rig.look()
    rig.look()
    assert len(rig.server.heard(1, "audio-chunk")) >= 3


def test_a_slow_server_is_told_of_once_and_waited_for(rig: Rig) -> None:
    rig.utterance()
    rig.look()
    assert rig.slow == 0
    rig.clock.advance(SLOW_S + 1)
    rig.look()
    rig.clock.advance(60)
    rig.look()
    assert rig.slow == 1
    rig.server.say(0, "transcript", text="at last")
    assert (0, "at last") in rig.transcripts()


def test_who_waits_counts_as_heard(rig: Rig) -> None:
    rig.hear(*SPEECH[:20])
    rig.clock.advance(ALIVE_S)
    assert [note["type"] for note in rig.look()] == ["listening"]
    assert rig.look() == []


def test_a_server_that_never_answers_is_given_up(rig: Rig) -> None:
    rig.utterance()
    rig.clock.advance(ANSWER_S + 1)
    with pytest.raises(LinkError) as info:
        rig.look()
    assert info.value.kind == "silent"


def test_a_server_that_hangs_up_without_a_transcript(rig: Rig) -> None:
    rig.utterance()
    rig.server.ends[0].close()
    with pytest.raises(LinkError) as info:
        rig.receive()
    assert info.value.kind in ("closed", "reset")


def test_an_idle_connection_that_is_hung_up_is_made_anew(rig: Rig) -> None:
    rig.clock.advance(LASTED_S + 1)
    rig.server.ends[0].close()
    rig.look()
    rig.look()
    assert len(rig.server.ends) == 2
    rig.utterance()
    rig.server.heard(1, "audio-stop")


def test_one_that_hangs_up_at_once_is_none(rig: Rig) -> None:
    rig.server.ends[0].close()
    with pytest.raises(LinkError) as info:
        rig.look()
    assert info.value.kind == "closed"


def test_a_server_that_is_gone_ends_it(rig: Rig) -> None:
    rig.clock.advance(LASTED_S + 1)
    rig.server.away = True
    rig.server.ends[0].close()
    assert rig.broken_by(rig.look) == "refused"


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b'{"type": "x", "data_length": 1e99}\n', b"x" * 300_000],
)
def test_what_is_no_wyoming_ends_it(rig: Rig, garbage: bytes) -> None:
    rig.utterance()
    sending = threading.Thread(target=lambda: _send(rig.server.ends[0], garbage), daemon=True)
    sending.start()
    assert rig.broken_by(rig.receive) == "garbage"


def _send(end: socket.socket, data: bytes) -> None:
    with suppress(OSError):  # it is dropped in the middle of it
        end.sendall(data)


def test_odd_events_are_passed_over(rig: Rig) -> None:
    rig.utterance()
    rig.server.ends[0].sendall(b'{"typ": 1}\n{"type": "transcript", "data": {"text": "x"}}\n')
    assert rig.transcripts() == [(0, "x")]


def test_a_server_that_takes_nothing_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.link.utterance.UNSENT_MOST", 100_000)
    assert rig.broken_by(lambda: rig.hear(*SPEECH)) == "stalled"


def test_a_drop_wakes_whoever_receives(rig: Rig) -> None:
    woken: list[str] = []

    def receive() -> None:
        try:
            rig.ears.receive()
        except LinkError as error:
            woken.append(error.kind)

    thread = threading.Thread(target=receive)
    thread.start()
    time.sleep(0.05)
    rig.ears.abort()
    thread.join(HANG_S)
    assert woken == ["aborted"]
    with pytest.raises(LinkError):
        rig.ears.send(ZERO)


@contextmanager
def dead_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("agent.link.utterance.unheard", lambda sock: True)
        yield


def test_a_dead_network_is_noticed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.hear(*SPEECH[:20])
    with dead_network(monkeypatch):
        rig.look()  # what was sent a moment ago is not acknowledged yet
        rig.clock.advance(11)
        assert rig.broken_by(rig.look) == "silent"


def test_the_limits_belong_together() -> None:
    assert ALIVE_S < SLOW_S < ANSWER_S
    assert module.LOOK_S < ALIVE_S


def test_a_kernel_that_tells_little_of_a_connection_is_no_fault() -> None:
    """An emulated one answers with four bytes."""

    class Emulated(socket.socket):
        def getsockopt(self, *asked: int) -> bytes:  # type: ignore[override]
            return bytes(4)

    with Emulated() as sock:
        assert not unheard(sock)
