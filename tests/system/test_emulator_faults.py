"""What goes wrong on request, over loopback."""

from __future__ import annotations

import json
import time
import uuid
from itertools import pairwise

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from agent.emulator.faults import Fault
from agent.emulator.stream import Rules
from tests.patience import HANG_S
from tests.system.emulated import (
    PACKET,
    PATH,
    collect,
    emulator_speech,
    eventually,
    final,
    result,
    say,
    session,
    tones,
)


def test_reset_is_a_tcp_reset_on_the_connection_it_is_meant_for() -> None:
    with tones(faults=[Fault("reset", connection=1, after_audio_ms=200)]) as emulator:
        with session(emulator) as client, pytest.raises(ConnectionClosed) as raised:  # noqa: PT012
            say(client, 1, 2, 3)  # here or below, as the network has it
            final(client)
        assert raised.value.rcvd is None
        assert isinstance(raised.value.__cause__, ConnectionResetError | BrokenPipeError)
        eventually(lambda: emulator.connections[0].ended == "reset")
        assert emulator.connections[0].audio_ms == 200
        with session(emulator) as client:
            say(client, 4)
            assert final(client)["translation"] == "[en] w4"


def test_reset_needs_no_traffic() -> None:
    with tones(faults=[Fault("reset", after_ms=50)]) as emulator, session(emulator) as client:
        with pytest.raises(ConnectionClosed) as raised:
            client.recv(timeout=HANG_S)
        assert isinstance(raised.value.__cause__, ConnectionResetError)


def test_close_has_its_code_and_reason() -> None:
    fault = Fault("close", after_messages=2, code=4_001, msg="maintenance")
    with tones(faults=[fault]) as emulator, session(emulator) as client:
        client.send('{"ping": 1}')
        assert collect(client) == ['{"pong": 1}']
    assert client.close_code == 4_001
    assert client.close_reason == "maintenance"


def test_freeze_stops_everything_until_it_is_over() -> None:
    with tones(faults=[Fault("freeze", after_messages=1, for_ms=300)]) as emulator:
        began = time.monotonic()
        with session(emulator) as client:
            client.send('{"ping": 1}')
            pong = client.ping()
            assert result(client) == {"pong": 1}
            assert time.monotonic() - began >= 0.3
            assert pong.wait(HANG_S)


def test_freeze_silences_heartbeats_also_on_an_idle_line() -> None:
    fault = Fault("freeze", after_ms=50, for_ms=400)
    began = time.monotonic()
    with tones(faults=[fault]) as emulator, session(emulator) as client:
        time.sleep(0.15)
        assert client.ping().wait(HANG_S)
        assert time.monotonic() - began >= 0.45


def test_freeze_interrupts_speech() -> None:
    fault = Fault("freeze", after_ms=500, for_ms=800)
    with tones(faults=[fault]) as emulator:
        with session(emulator, enable_tts=True, is_tts_stream=True) as client:
            say(client, *range(12))
            spoken = emulator_speech(final(client))
            received = 0
            while received < len(spoken):
                received += len(client.recv(timeout=HANG_S))
        times = [sent.at_ms for sent in emulator.connections[0].sent if sent.kind == "speech"]
    assert max(b - a for a, b in pairwise(times)) > 600


def test_what_was_sent_into_a_freeze_is_no_offence() -> None:
    rules = Rules(gap_ms=2_000, slack_ms=100)
    faults = [Fault("freeze", after_messages=1, for_ms=2_500)]
    with tones(rules=rules, faults=faults) as emulator, session(emulator) as client:
        for _ in range(9):
            client.send(bytes(PACKET))
            time.sleep(0.04)
        client.send('{"ping": 1}')
        assert result(client) == {"pong": 1}


def test_nobody_is_late_in_a_freeze() -> None:
    fault = Fault("freeze", after_ms=50, for_ms=2_500)
    with tones(rules=Rules(gap_ms=2_000), faults=[fault]) as emulator, session(emulator) as client:
        time.sleep(0.1)
        client.send('{"ping": 1}')
        assert result(client) == {"pong": 1}


def test_slow_delays_each_message_and_keeps_the_order() -> None:
    fault = Fault("slow", after_messages=1, delay_ms=100)
    with tones(faults=[fault]) as emulator, session(emulator) as client:
        began = time.monotonic()
        for n in range(3):
            client.send(json.dumps({"ping": n}))
        assert [result(client)["pong"] for _ in range(3)] == [0, 1, 2]
        assert time.monotonic() - began >= 0.1


def test_garbage_comes_between_good_messages() -> None:
    fault = Fault("garbage", after_messages=1, count=12, seed=3)
    with tones(faults=[fault]) as emulator:
        url = emulator.url.replace("http", "ws") + PATH
        with connect(url, max_size=None) as client:
            client.send(json.dumps({"token": "demo", "request_id": str(uuid.uuid4())}))
            messages = [client.recv(timeout=HANG_S) for _ in range(12)]
            client.send('{"ping": 1}')
            assert client.recv(timeout=HANG_S) == '{"pong": 1}'
    assert any(isinstance(message, bytes) for message in messages)
    assert max(map(len, messages)) > 1_000_000


def test_error_is_a_refusal_as_the_provider_words_it() -> None:
    fault = Fault("error", after_ms=50, code=5_000, msg="engine error")
    with tones(faults=[fault]) as emulator, session(emulator) as client:
        assert json.loads(collect(client)[-1]) == {"code": 5_000, "msg": "engine error"}
    assert emulator.connections[0].refusal == {"code": 5_000, "msg": "engine error"}


def test_a_refusal_is_not_lost_on_a_slow_line() -> None:
    faults = [
        Fault("slow", after_messages=1, delay_ms=100),
        Fault("error", after_messages=3, code=9, msg="late"),
    ]
    with tones(faults=faults) as emulator, session(emulator) as client:
        client.send('{"ping": 1}')
        client.send('{"ping": 2}')
        answers = collect(client)
    assert answers == ['{"pong": 1}', '{"pong": 2}', '{"code": 9, "msg": "late"}']


def test_http_refuses_the_upgrade() -> None:
    fault = Fault("http", connection=1, status=503, body="busy")
    with tones(faults=[fault]) as emulator:
        with pytest.raises(InvalidStatus) as raised, session(emulator):
            pass
        assert raised.value.response.status_code == 503
        assert raised.value.response.body == b"busy"
        with session(emulator) as client:
            client.send('{"ping": 1}')
            assert result(client) == {"pong": 1}
    assert [page.refusal for page in emulator.connections] == [{"status": 503}, None]
