"""The receiver thread's work: making connections, reading them, losing them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from agent.errors import LinkError, Refused
from agent.events import Blocked, LinkDown, LinkUp, Notice, Transcript
from agent.link.uplink import Uplink
from agent.link.websocket import WebSocket
from agent.pipeline.receiver import Receiver
from agent.pipeline.session import Session
from agent.services.base import Endpoint
from tests.unit.pipeline.rig import Rig, VirtualWake
from tests.unit.pipeline.wire import Item, ScriptedSocket, sentence

LOST = LinkError("the connection was lost", "reset")
Script = list[Item] | LinkError | Refused
FINAL = sentence(0, "hello", "你好", final=True)


class Line(Rig):
    """A receiver; each connection it makes is the next of ``scripts``, or fails with it."""

    def __init__(self, *scripts: Script, name: str = "twetalk-v2") -> None:
        super().__init__(name)
        self.scripts = list(scripts)
        self.made: list[tuple[float, ScriptedSocket]] = []
        self.tried: list[float] = []
        self.endpoints: list[Endpoint] = []
        uplink = Uplink(self.ring, idle_close_s=30)
        uplink.keep_warm(self.clock.now())
        self.session = Session(uplink, self.answers, True, self.clock)
        self.session.free()
        self.session.sender_wake = VirtualWake(self.clock)
        self.session.receiver_wake = VirtualWake(self.clock)
        self.receiver = Receiver(self.session, self.parts, self._connect)

    def _connect(self, endpoint: Endpoint, cancelled: Callable[[], bool]) -> WebSocket:
        self.endpoints.append(endpoint)
        self.tried.append(self.clock.now())
        self.clock.advance(0.05)
        if not self.scripts:
            self.receiver.stop()
        if cancelled():
            raise LinkError("connecting was cancelled", "cancelled")
        script = self.scripts.pop(0)
        if isinstance(script, LinkError | Refused):
            raise script
        socket = ScriptedSocket(self.clock, *script)
        self.made.append((self.clock.now(), socket))
        return socket

    def run(self) -> None:
        """Until every script was played and one more connection is wanted."""
        self.clock.at(200.0, self.receiver.stop)
        self.receiver.run()

    @property
    def sockets(self) -> list[ScriptedSocket]:
        return [socket for _, socket in self.made]


def test_a_connection_begins_with_the_set_up_and_is_then_handed_to_the_sender() -> None:
    seen: list[bool] = []
    line = Line([lambda: seen.append(line.session.connected)])
    line.run()
    [socket] = line.sockets
    assert line.endpoints[0].url.endswith("/v2/ws-voice-translate")
    [setup] = socket.texts
    assert (setup["lang_source"], setup["lang_target"]) == ("en", "zh")
    assert seen == [True]
    assert isinstance(line.events[0], LinkUp)


def test_results_become_transcripts_of_the_session_that_was_announced() -> None:
    line = Line([sentence(0, "hel"), FINAL, sentence(1, "bye", final=True)])
    line.run()
    session = line.of(LinkUp)[0].session
    assert [(t.session, t.index, t.text, t.final) for t in line.of(Transcript)] == [
        (session, 0, "hel", False),
        (session, 0, "hello", True),
        (session, 1, "bye", True),
    ]


def test_speech_goes_to_the_player() -> None:
    line = Line([b"\x01\x00" * 3200, LOST])
    line.run()
    assert line.spoken() == b"\x01\x00" * 3200


def test_heartbeats_measure_the_way_and_back() -> None:
    line = Line([json.dumps({"pong": "0.01"}), LOST])
    line.run()
    values = line.telemetry.snapshot(line.clock.now())
    assert values["round_trip_ms"] == pytest.approx(40, abs=1)
    assert values["websocket_round_trip_ms"] == 25


@pytest.mark.parametrize("token", ["soon", "nan", "inf", "1e300", "-5000"])
def test_a_pong_that_makes_no_sense_measures_nothing(token: str) -> None:
    line = Line([json.dumps({"pong": token}), LOST])
    line.run()
    assert "round_trip_ms" not in line.telemetry.snapshot(line.clock.now())


def test_a_lost_connection_is_made_again_in_the_same_session() -> None:
    line = Line([FINAL, LOST], [sentence(0, "again", final=True), LOST])
    line.run()
    assert len({up.session for up in line.of(LinkUp)}) == 1
    assert line.notices()[:2] == ["outage", "reconnect"]
    assert [t.index for t in line.of(Transcript)] == [0, 1]
    assert line.of(LinkDown)[0] == LinkDown("the connection was lost", wanted=False)
    assert line.telemetry.total("reconnects") >= 1


def test_the_first_attempt_after_a_loss_is_at_once_and_later_ones_wait() -> None:
    silent = LinkError("nothing heard for 10 s", "silent")  # a reset may be a server's end
    line = Line([FINAL, silent], LOST, LOST, LOST, [])
    line.run()
    gaps = [b - a - 0.05 for a, b in zip(line.tried, line.tried[1:], strict=False)]
    assert gaps[0] < 0.02
    assert min(gaps[1:4]) >= 0.1 - 1e-6


def test_a_press_ends_the_wait() -> None:
    line = Line(Refused("bad token", "401"), [FINAL])
    line.clock.at(5.0, lambda: line.session.open(0, line.provider.pair))
    line.clock.at(5.0, line.session.hurry)
    line.run()
    assert line.of(Blocked) == [Blocked("401", "bad token")]
    assert line.tried[1] == pytest.approx(5.0, abs=0.1)


def test_a_refusal_on_the_connection_blocks() -> None:
    line = Line([json.dumps({"code": 12, "msg": "invalid token"})])
    line.run()
    [blocked] = line.of(Blocked)
    assert blocked.code == "12"
    assert line.sockets[0].said[-1] == "close"


def test_who_was_refused_is_not_back_before_the_service_has_said_anything_else() -> None:
    refusal = json.dumps({"code": 12, "msg": "invalid token"})
    line = Line([refusal], [refusal], [refusal], [FINAL])
    line.session.open(0, line.provider.pair)
    line.run()
    assert len(line.made) == 4
    assert len(line.of(LinkUp)) == 2  # the first, nobody could know; and the last
    assert [name for name in line.notices() if name == "reconnect"] == ["reconnect"]


def test_a_service_that_takes_connections_and_drops_them_is_not_hammered() -> None:
    closed = LinkError("the service closed the connection (1013)", "closed")
    line = Line(*([closed_soon(closed)] * 60))
    line.session.open(0, line.provider.pair)
    line.clock.at(30.0, line.receiver.stop)
    line.run()
    assert len(line.tried) <= 15
    assert line.notices() == ["outage"]
    assert len(line.of(LinkUp)) == 2  # then it is doubted


def closed_soon(error: LinkError) -> Script:
    return [0.02, error]


def test_its_end_is_told_once_it_has_worked_with_the_attempts_it_took() -> None:
    line = Line([FINAL, LOST], [LOST], [LOST], [FINAL, LOST])
    line.run()
    assert line.notices()[:2] == ["outage", "reconnect"]
    told = line.of(Notice)[1].detail
    assert told["attempts"] == 3
    assert told["outage_ms"] == pytest.approx((line.made[3][0] - line.made[0][0]) * 1000, abs=60)


def test_a_connection_that_lasts_has_worked_where_nobody_speaks() -> None:
    line = Line([FINAL, LOST], [20.0])
    seen: list[list[str]] = []
    line.clock.at(9.0, lambda: seen.append(line.notices()))
    line.run()
    assert seen == [["outage"]]
    assert line.notices()[1] == "reconnect"


def test_a_hang_up_of_our_own_is_no_outage() -> None:
    def hang_up() -> None:
        connection = line.session.connection
        assert connection is not None
        line.session.drop(connection, planned="idle")

    line = Line([hang_up])
    line.run()
    assert line.of(LinkDown)[0] == LinkDown("idle", wanted=True)
    assert line.notices() == []


def test_what_the_sender_found_is_the_reason_told() -> None:
    stalled = LinkError("the connection took no data for 10 s", "stalled")

    def sender_fails() -> None:
        connection = line.session.connection
        assert connection is not None
        connection.failure = stalled
        line.session.drop(connection)

    line = Line([sender_fails])
    line.run()
    assert line.of(Notice)[0].detail == {"reason": str(stalled), "kind": "stalled"}


def test_without_speech_the_conversation_is_over_after_a_while() -> None:
    line = Line([35.0, LOST])
    line.run()
    assert line.answers.session == ""
    assert line.events[-1] == LinkDown("idle", wanted=True)
    assert len(line.tried) == 1


def test_a_new_conversation_is_numbered_afresh() -> None:
    line = Line([FINAL, 35.0, LOST], [FINAL])
    line.clock.at(60.0, lambda: line.session.open(0, line.provider.pair))
    line.run()
    first, second = (t for t in line.of(Transcript))
    assert first.session != second.session
    assert (first.index, second.index) == (0, 0)


def test_audio_waits_until_the_service_has_answered_its_handshake() -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(line.session.connected)

    line = Line([look, json.dumps({"code": 0, "message": "success"}), look], name="twetalk-asr")
    line.run()
    assert seen == [False, True]


def test_a_handshake_without_an_answer_is_given_up_after_five_seconds() -> None:
    line = Line([], [], name="twetalk-asr")
    line.run()
    assert line.tried[1] - line.tried[0] == pytest.approx(5.05, abs=0.1)
    assert line.sockets[0].said == ["close"]
    assert line.of(LinkUp) == []


def test_stopping_tears_down_a_connection_that_is_being_opened() -> None:
    line = Line([lambda: line.receiver.stop()], name="twetalk-asr")
    line.run()
    assert line.sockets[0].said == ["abort", "close"]
    assert line.events == []


def test_stopping_says_goodbye_on_the_open_connection() -> None:
    line = Line([lambda: line.receiver.stop()])
    line.run()
    assert line.sockets[0].said[0] == "goodbye"
    assert line.notices() == []


def test_garbage_is_survived() -> None:
    line = Line(["{", "[]", '{"original_detail": 5}', FINAL])
    line.run()
    assert line.telemetry.total("garbage") == 3
    assert [t.text for t in line.of(Transcript)] == ["hello"]
