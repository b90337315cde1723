"""Youdao's stream: the signed address, sentences that grow, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.schema import Service
from agent.config.secret import Secret
from agent.errors import UsageError
from agent.events import Garbage, Pair, Ready, Result
from agent.services.catalog import entry
from agent.services.youdao import LANGUAGES, Account
from agent.services.youdao_stream import TARGETS, Setup, YoudaoStream
from tests.unit.services.events import assert_is, json_values
from tests.vectors import load

VECTORS = load("youdao_stream")
ACCOUNT = Account(**VECTORS["account"])


def protocol(ready: bool = True, source: str = "zh-CHS", target: str = "en") -> YoudaoStream:
    made = YoudaoStream(Setup(ACCOUNT, VECTORS["salt"], source, target))
    if ready:
        assert made.receive(VECTORS["handshake"]) == [Ready()]
    return made


def made(pair: Pair) -> YoudaoStream:
    keys: dict[str, Any] = {"app_key": Secret("k"), "app_secret": Secret("s")}
    service = Service(name="youdao-stream", url="https://proxy:1", **keys)
    stream: YoudaoStream = entry(service.name).make(service, pair, "id", True)
    return stream


@pytest.mark.parametrize("vector", VECTORS["addresses"], ids=lambda v: v["name"])
def test_the_address_is_signed(vector: dict[str, Any]) -> None:
    stream = protocol(source=vector["source"], target=vector["target"])
    assert stream.endpoint(VECTORS["unix"]).url == vector["url"]


def test_what_users_write_is_translated() -> None:
    url = made(Pair("zh", "en-GB")).endpoint(0).url
    assert url.startswith("wss://proxy:1/stream_speech_trans?")
    assert "&from=zh-CHS&to=en-GBR&" in url


def test_no_part_of_the_address_can_be_forged() -> None:
    stream = YoudaoStream(Setup(Account("a&b=c", "s"), "x/y?", "en", "zh-CHS"))
    assert "?appKey=a%26b%3Dc&salt=x%2Fy%3F&" in stream.endpoint(0).url


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (Pair("id", "en"), "does not translate id to en; from id it translates to zh-CHS$"),
        (Pair("en", "id"), r"does not translate en to id; from en it translates to zh-CHS, en-AUS"),
        (Pair("en", "sw"), r"does not translate en to sw; from en it translates to zh-CHS, en-AUS"),
        (Pair("sw", "en"), "does not take the language 'sw'"),
    ],
)
def test_a_pair_is_refused_with_what_is_possible(pair: Pair, said: str) -> None:
    with pytest.raises(UsageError, match=f"^youdao-stream {said}"):
        made(pair)


def test_every_language_of_the_table_is_a_source_and_a_target() -> None:
    assert set(TARGETS) == set(LANGUAGES)
    assert {code for codes in TARGETS.values() for code in codes} == set(LANGUAGES)
    assert all(source not in targets for source, targets in TARGETS.items())
    assert "id" in TARGETS["zh-CHS"]


def test_the_only_message_of_ours_is_the_end_and_it_is_binary() -> None:
    stream = protocol()
    assert stream.begin() == []
    assert stream.ping("1") is None
    assert stream.switch_tts(True) is None
    assert stream.switch_pair(Pair("en", "zh")) is None
    assert stream.flush() == []
    assert stream.end() == [VECTORS["end"].encode()]


@pytest.mark.parametrize("vector", VECTORS["before_the_handshake"], ids=lambda v: v["name"])
def test_an_answer_to_the_handshake(vector: dict[str, Any]) -> None:
    stream = protocol(ready=False)
    assert not stream.ready
    events = stream.receive(vector["message"])
    for event, expected in zip(events, vector["events"], strict=True):
        assert_is(event, expected)
    assert stream.ready == vector["ready"]


@pytest.mark.parametrize("vector", VECTORS["conversations"], ids=lambda v: v["name"])
def test_a_conversation(vector: dict[str, Any]) -> None:
    stream = protocol(**vector["setup"])
    for each in vector["exchanges"]:
        events = stream.receive(each["message"])
        for event, expected in zip(events, each["events"], strict=True):
            assert_is(event, expected)


ITEMS = st.dictionaries(st.sampled_from(["context", "tranContent", "partial"]), json_values)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "action": json_values | st.sampled_from(["started", "recognition", "error"]),
        "errorCode": json_values | st.just("0"),
        "result": json_values | ITEMS | st.lists(ITEMS, max_size=3),
    },
)


@given(st.booleans(), st.lists(st.text() | st.binary() | MESSAGES.map(json.dumps), max_size=5))
def test_nothing_a_server_sends_raises(ready: bool, messages: list[str | bytes]) -> None:
    stream = protocol(ready)
    for message in messages:
        stream.receive(message)


@given(st.lists(st.booleans(), max_size=30))
def test_sentences_are_numbered_in_their_order_and_end_once(ends: list[bool]) -> None:
    stream, seen = protocol(), list[Result]()
    for n, ended in enumerate(ends):
        result = {"context": f"t{n}", "tranContent": "", "partial": not ended}
        for event in stream.receive(json.dumps({"errorCode": "0", "result": result})):
            assert isinstance(event, Result), event
            seen.append(event)
    assert [event.final for event in seen] == ends
    assert [event.index for event in seen] == [sum(ends[:n]) for n in range(len(ends))]


def test_json_may_come_in_binary_messages() -> None:
    stream = protocol(ready=False)
    assert stream.receive(VECTORS["handshake"].encode()) == [Ready()]
    [garbage] = stream.receive(b"\x00\xff")
    assert isinstance(garbage, Garbage)
