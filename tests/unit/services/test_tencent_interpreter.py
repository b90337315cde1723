"""Interpreting of Tencent Cloud: the signed address, subtitles and speech, a change of target."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.schema import Service
from agent.config.secret import Secret
from agent.errors import UsageError
from agent.events import Garbage, Pair, Ready, Speech
from agent.services.catalog import entry
from agent.services.tencent_interpreter import Setup, TencentInterpreter
from agent.services.tencent_streams import Account
from tests.unit.services.events import assert_is, json_values
from tests.vectors import load

VECTORS = load("tencent_interpreter")
ACCOUNT = Account(**VECTORS["account"])
ZH_EN, EN_ZH = Pair("zh", "en"), Pair("en", "zh")


def protocol(ready: bool = True, **setup: Any) -> TencentInterpreter:
    made = TencentInterpreter(Setup(ACCOUNT, VECTORS["voice_id"], **{"target": "en"} | setup))
    if ready:
        assert made.receive(VECTORS["handshake"]) == [Ready()]
    return made


def made(pair: Pair, voice: str | None = None, tts: bool = True) -> TencentInterpreter:
    keys: dict[str, Any] = {"secret_id": Secret("i"), "secret_key": Secret("k")}
    service = Service(
        name="tencent-interpreter", app_id="1", voice=voice, url="ws://[::1]:8765", **keys
    )
    stream: TencentInterpreter = entry(service.name).make(service, pair, "id", tts)
    return stream


@pytest.mark.parametrize("vector", VECTORS["addresses"], ids=lambda v: v["name"])
def test_the_address_is_signed(vector: dict[str, Any]) -> None:
    assert protocol(**vector["setup"]).endpoint(VECTORS["unix"]).url == vector["url"]


def test_what_is_configured_is_asked_for() -> None:
    url = made(Pair("zh-CN", "en-US"), "Male").endpoint(0).url
    assert url.startswith("ws://[::1]:8765/asr/si/1?")
    assert "&target=en&" in url
    assert "&voice_type=male&" in url
    assert "voice_type" not in made(EN_ZH).endpoint(0).url


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (Pair("ja", "en"), "does not take the language 'ja'; it takes zh, en"),
        (Pair("zh", "ja"), "does not translate zh to ja; from zh it translates to en"),
        (Pair("en", "fr"), "does not translate en to fr; from en it translates to zh"),
        (Pair("en", None), "always translates: from en to zh"),
        (Pair("zh", "zh"), "always translates: from zh to en"),
    ],
)
def test_a_pair_is_refused_with_what_is_possible(pair: Pair, said: str) -> None:
    with pytest.raises(UsageError, match=f"^tencent-interpreter:? {said}$"):
        made(pair)


def test_there_are_three_voices() -> None:
    with pytest.raises(UsageError, match="no voice 'Anna'; expected clone, male, female"):
        made(ZH_EN, "Anna")


def test_the_messages_of_ours() -> None:
    stream = protocol()
    assert stream.begin() == []
    assert stream.ping("1") is None
    assert stream.switch_tts(True) is None
    assert stream.flush() == []
    assert stream.end() == [VECTORS["end"]]
    assert stream.switch_pair(EN_ZH) == VECTORS["to_chinese"]


@pytest.mark.parametrize("vector", VECTORS["before_the_handshake"], ids=lambda v: v["name"])
def test_an_answer_to_the_handshake(vector: dict[str, Any]) -> None:
    stream = protocol(ready=False)
    assert not stream.ready
    for event, expected in zip(stream.receive(vector["message"]), vector["events"], strict=True):
        assert_is(event, expected)
    assert stream.ready == vector["ready"]


@pytest.mark.parametrize("vector", VECTORS["conversations"], ids=lambda v: v["name"])
def test_a_conversation(vector: dict[str, Any]) -> None:
    stream = protocol(**vector["setup"])
    for each in vector["exchanges"]:
        message = bytes.fromhex(each["hex"]) if "hex" in each else each["message"]
        for event, expected in zip(stream.receive(message), each["events"], strict=True):
            assert_is(event, expected)
            assert not isinstance(event, Speech) or event.pcm == message


SUBTITLES = st.dictionaries(
    st.sampled_from(["source", "target", "source_text", "target_text", "sentence_end"]),
    json_values,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "code": json_values | st.just(0),
        "message": json_values,
        "message_type": json_values,
        "final": json_values | st.sampled_from([0, 1]),
        "sentence_id": json_values,
        "result": json_values | SUBTITLES,
    },
)


@given(st.booleans(), st.lists(st.text() | st.binary() | MESSAGES.map(json.dumps), max_size=5))
def test_nothing_a_server_sends_raises(tts: bool, messages: list[str | bytes]) -> None:
    stream = protocol(ready=False, tts=tts)
    for message in messages:
        events = stream.receive(message)
        assert len([event for event in events if not isinstance(event, Garbage)]) <= 3
