"""The stream session: what the controller asks of it, and what its two threads share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent.events import Pair, Result, Transcript
from agent.link.handover import Handover
from agent.link.tape import Take
from agent.link.uplink import Send, Uplink
from agent.pipeline.session import Connection, Session
from tests.unit.pipeline.rig import Rig
from tests.unit.pipeline.wire import ScriptedSocket, sentence

EN_ZH, EN_ES = Pair("en", "zh"), Pair("en", "es")


class Line(Rig):
    """A session with one connection attached to it."""

    def __init__(self, name: str = "twetalk-v2", **service: Any) -> None:
        super().__init__(name, service=service)
        self.session = Session(Uplink(self.ring), self.answers, True, self.clock)
        self.socket = ScriptedSocket(self.clock)
        protocol = self.provider.stream(EN_ZH, True)
        self.connection = Connection(self.socket, protocol, EN_ZH, True)
        self.session.uplink.connected(EN_ZH, self.clock.now())
        self.session.attach(self.connection)
        self.session.sender_wake.wait(0)

    def woken(self) -> tuple[bool, bool]:
        """Whether the sender and the receiver were."""
        return self.session.sender_wake.wait(0), self.session.receiver_wake.wait(0)


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.session.free()


def test_an_attached_connection_is_known_and_wakes_the_sender(line: Line) -> None:
    assert line.session.connected
    assert line.session.connection is line.connection
    line.session.attach(line.connection)
    assert line.woken() == (True, False)


def test_a_press_opens_the_gate_wakes_both_and_ends_a_backoff(line: Line) -> None:
    line.say(5)
    line.session.open(2, EN_ZH)
    assert line.woken() == (True, True)
    line.session.hurry()
    assert line.session.hurried_at == line.clock.now()
    assert line.woken() == (True, True)
    assert line.session.backlog_ms == 3 * 40
    line.session.close(4)
    assert line.woken() == (True, True)
    assert line.session.backlog_ms == 2 * 40
    assert line.session.unanswered_ms == 0


def test_a_captured_packet_wakes_only_the_sender_and_only_while_a_take_is_played(
    line: Line,
) -> None:
    line.session.captured()
    assert line.woken() == (False, False), "nobody speaks"
    line.session.open(0, EN_ZH)
    line.woken()
    line.session.captured()
    assert line.woken() == (True, False)
    line.session.close(1)
    line.woken()
    line.session.captured()
    assert line.woken() == (True, False), "the tail is still to come"
    line.say(1)
    line.session.uplink.sent(send(line), line.clock.now())
    line.woken()
    line.session.captured()
    assert line.woken() == (False, False), "all was sent"
    line.session.open(1, EN_ZH)
    line.session.drop(line.connection)
    line.woken()
    line.session.captured()
    assert line.woken() == (False, False), "there is no connection"


def send(line: Line) -> Send:
    step = line.session.uplink.step(line.clock.now())
    assert isinstance(step, Send)
    return step


def test_switching_speech_is_left_to_the_sender(line: Line) -> None:
    line.session.switch_tts(False)
    assert line.session.tts is False
    assert line.woken() == (True, False)
    assert line.socket.sent == []


def test_dropping_is_told_to_the_peer_only_when_it_was_wanted(line: Line) -> None:
    line.session.drop(line.connection, planned="idle")
    assert line.connection.planned == "idle"
    assert line.socket.said == ["goodbye"]
    assert not line.session.connected
    assert line.woken() == (True, True)


def test_a_broken_connection_is_aborted_and_dropping_it_again_changes_nothing(line: Line) -> None:
    line.session.drop(line.connection)
    line.session.drop(line.connection)
    assert line.connection.planned is None
    assert set(line.socket.said) == {"abort"}
    assert not line.session.connected


def test_a_late_drop_of_an_old_connection_spares_the_new_one(line: Line) -> None:
    new = Connection(ScriptedSocket(line.clock), line.connection.protocol, EN_ZH, True)
    line.session.attach(new)
    line.session.drop(line.connection)
    assert line.session.connection is new


def test_an_idle_connection_is_renewed_for_another_pair(line: Line) -> None:
    line.session.renew(EN_ZH)
    assert line.session.connected
    line.session.renew(EN_ES)
    assert not line.session.connected
    assert line.connection.planned == "language pair"


def test_a_busy_connection_keeps_its_pair_until_it_is_answered(line: Line) -> None:
    line.session.open(0, EN_ZH)
    line.session.renew(EN_ES)
    assert line.session.connected


def test_an_idle_connection_is_left_to_the_sender_where_the_service_can_go_on() -> None:
    line = Line("tencent-interpreter")
    line.session.renew(EN_ZH)
    assert line.connection.turn is None
    line.session.renew(Pair("zh", "en"))
    assert line.session.connected
    assert line.connection.turn == Pair("zh", "en")
    assert line.woken() == (True, False)
    assert line.socket.sent == []
    line.session.free()


def test_a_service_is_told_the_end_where_it_has_one(line: Line) -> None:
    line.session.drop(line.connection, planned="idle")
    assert line.socket.sent == []
    other = Line("tencent-interpreter")
    other.session.drop(other.connection, planned="idle")
    assert other.socket.sent == ['{"type": "end"}']
    assert other.socket.said == ["goodbye"]
    broken = Line("tencent-interpreter")
    broken.session.drop(broken.connection)
    assert broken.socket.sent == []
    for each in (other, broken):
        each.session.free()


def test_what_lacks_only_its_translation_is_handed_on_by_a_flush() -> None:
    line = Line("twetalk-v1")
    said = sentence(0, "hello", final=True).replace(', "translation": ""', "")
    [growing] = line.connection.protocol.receive(said)
    assert isinstance(growing, Result)
    assert not growing.final
    line.session.flush(line.connection)
    [final] = line.of(Transcript)
    assert (final.text, final.translation, final.final) == ("hello", None, True)
    line.session.free()


# --- with other services beside it -----------------------------------------------------------


def test_what_has_no_answer_goes_over_and_the_connection_ends(line: Line) -> None:
    line.say(5)
    line.session.open(2, EN_ZH)
    left = line.session.hand_over()
    assert [(take.start, take.end) for take in left.takes] == [(2, None)]
    assert line.socket.said == ["goodbye"]
    assert not line.session.connected
    assert line.session.backlog_ms == 0


def test_a_sentence_that_waits_for_its_translation_is_anothers_then(line: Line) -> None:
    line = Line("twetalk-v1")
    line.connection.protocol.receive(
        '{"original_detail": {"slice_type": 2, "index": 0, "voice_text_str": "hello"}}'
    )
    line.session.hand_over()
    line.session.flush(line.connection)
    assert line.of(Transcript) == []
    line.session.free()


def test_what_another_left_is_sent_on_a_connection_of_our_own(line: Line) -> None:
    line.say(50)
    line.woken()
    line.session.take_over(Handover((Take(10, 20, EN_ZH),)))
    assert line.woken() == (True, True)
    assert line.session.backlog_ms == 400
    assert line.session.uplink.wanted(line.clock.now(), EN_ES) == EN_ZH


def test_to_be_asked_whether_it_is_there_is_to_stay_warm(line: Line) -> None:
    line.clock.advance(1000)
    assert line.session.uplink.wanted(line.clock.now(), EN_ZH) is None
    line.woken()
    line.session.probe()
    assert line.session.uplink.wanted(line.clock.now(), EN_ZH) == EN_ZH
    assert line.woken() == (False, True)
