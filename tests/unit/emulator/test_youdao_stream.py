"""Youdao's stream: who is let in, what is told, how it ends."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.engines import Heard, Unsupported
from agent.emulator.stream import Action, Code, Finish, Hear, Listen, Refuse, Rules, Send
from agent.emulator.youdao.stream import StreamTranslation, Wish

UNIX_S = 1_735_609_992.5
PACKET = bytes(1_280)


def signed(**changes: str) -> dict[str, str]:
    """The parameters of an address; those of ``changes`` are signed too, an empty one left out."""
    fields = {"appKey": "demo", "salt": "salt-1", "curtime": "1735609992", "signType": "v4"}
    fields |= {"from": "zh-CHS", "to": "en", "format": "wav", "rate": "16000", "channel": "1"}
    fields |= {"version": "v1", **changes}
    fields = {name: value for name, value in fields.items() if value}
    whole = "".join(fields.get(name, "") for name in ("appKey", "salt", "curtime")) + "demo"
    return {"sign": hashlib.sha256(whole.encode()).hexdigest(), **fields}


def at(query: dict[str, str], used: set[str] | None = None) -> StreamTranslation:
    wish = Wish(tuple(query.items()), UNIX_S)
    names = set() if used is None else used
    return StreamTranslation(Rules(), wish, names, lambda *_: None, 0)


def started(**changes: str) -> StreamTranslation:
    made = at(signed(**changes))
    made.opened(0)
    return made


def told(actions: list[Action]) -> dict[str, Any]:
    (action,) = actions
    assert isinstance(action, Send)
    found: dict[str, Any] = json.loads(action.text)
    return found


def refusal(actions: list[Action]) -> tuple[int, str]:
    (action,) = actions
    assert isinstance(action, Refuse)
    answer = json.loads(action.text)
    assert answer == {"action": "error", "errorCode": str(action.code), "result": []}
    return action.code, action.msg


def test_a_signed_address_is_welcome() -> None:
    send, listen = at(signed(**{"from": "en-GBR", "to": "zh-TWN"})).opened(0)
    assert isinstance(send, Send)
    assert json.loads(send.text) == {"action": "started", "errorCode": "0", "result": []}
    assert isinstance(listen, Listen)
    assert (listen.source, listen.target) == ("en", "zh")
    assert "sign" not in listen.setup


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"appKey": "other"}, 108, "appKey is not valid"),
        ({"curtime": "1735609600"}, 206, "curtime is not the time"),
        ({"curtime": "now"}, 206, "curtime is not the time"),
        ({"signType": "v3"}, 105, "signType must be v4"),
        ({"format": "mp3"}, 3001, "format must be wav"),
        ({"rate": "8000"}, 3002, "rate must be 16000"),
        ({"channel": "2"}, 3003, "channel must be 1"),
        ({"version": "v2"}, 101, "version must be v1"),
        ({"to": ""}, 101, "to is missing"),
        ({"voice": "0"}, 101, "unknown parameter 'voice'"),
        ({"transPattern": "word"}, 101, "transPattern must be"),
        ({"from": "sw"}, 102, "not in the table"),
        ({"from": "id"}, 102, "id goes with zh-CHS only"),
        ({"salt": "s" * 129}, 101, "longer than 128"),
    ],
)
def test_a_wrong_address_is_refused(changes: dict[str, str], code: int, said: str) -> None:
    refused = refusal(at(signed(**changes)).opened(0))
    assert refused[0] == code
    assert said in refused[1]


@pytest.mark.parametrize("name", ["salt", "sign", "curtime"])
def test_nothing_signed_can_be_changed(name: str) -> None:
    query = signed()
    changed = query | {name: query[name][:-1] + ("1" if query[name][-1] != "1" else "3")}
    assert refusal(at(changed).opened(0))[0] == 202


def test_a_salt_serves_once_and_a_parameter_stands_once() -> None:
    used: set[str] = set()
    assert len(at(signed(), used).opened(0)) == 2
    assert refusal(at(signed(), used).opened(0))[0] == 207
    wish = Wish((*signed().items(), ("to", "en")), UNIX_S)
    twice = StreamTranslation(Rules(), wish, set(), lambda *_: None, 0)
    assert refusal(twice.opened(0)) == (101, "a parameter is there twice")


def test_what_the_engine_cannot_translate_is_refused() -> None:
    def require(source: str, target: str | None) -> None:
        raise Unsupported(f"not {source}")

    made = StreamTranslation(Rules(), Wish(tuple(signed().items()), UNIX_S), set(), require, 0)
    assert refusal(made.opened(0)) == (102, "not zh")


def test_a_sentence_is_told_as_it_is_now() -> None:
    stream = started(transPattern="stream")
    assert stream.heard(Heard("start", 0, "", 0, 0), "") == []
    growing = told(stream.heard(Heard("partial", 0, "早", 0, 40), "Mor"))
    assert growing == {
        "action": "recognition",
        "errorCode": "0",
        "result": {"context": "早", "tranContent": "Mor", "partial": True},
    }
    assert told(stream.heard(Heard("final", 0, "早", 0, 40), "M"))["result"]["partial"] is False


def test_by_sentences_only_settled_ones_are_translated() -> None:
    stream = started()
    assert told(stream.heard(Heard("partial", 0, "早", 0, 40), "M"))["result"]["tranContent"] == ""
    assert told(stream.heard(Heard("final", 0, "早", 0, 40), "M"))["result"]["tranContent"] == "M"


@pytest.mark.parametrize("message", [b'{"end": "true"}', '{"end": "true"}'])
def test_the_end_may_be_binary(message: str | bytes) -> None:
    stream = started()
    take = stream.audio if isinstance(message, bytes) else stream.text
    assert take(message, 0) == [Finish()]  # type: ignore[arg-type]
    assert refusal(stream.audio(PACKET, 0))[0] == 101
    assert stream.finished() == []


def test_audio_is_held_to_its_rules() -> None:
    assert started().audio(PACKET, 0) == [Hear(PACKET)]
    assert refusal(started().audio(bytes(32_000), 0))[0] == 411
    assert refusal(started().audio(b"\0", 0))[0] == 3001
    assert refusal(started().expired(6_001))[0] == 304
    assert started().refuse(Code.ENGINE, "broken").code == 303
    assert started().refuse(401, "no credit").code == 401


@given(st.text() | st.dictionaries(st.sampled_from(["end", "x"]), st.text()).map(json.dumps))
def test_any_text_is_answered(text: str) -> None:
    assert started().text(text, 0)


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=20), max_size=9))
def test_any_address_is_answered(parameters: dict[str, str]) -> None:
    assert refusal(at(parameters).opened(0))[0] == 101
