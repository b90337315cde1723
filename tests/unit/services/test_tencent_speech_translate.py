"""Speech translation of Tencent Cloud: the signed address, sentences, speech, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.schema import Service
from agent.config.secret import Secret
from agent.errors import UsageError
from agent.events import Failure, Garbage, Pair, Ready, Result
from agent.services.catalog import entry
from agent.services.sentences import MOST, Sentences
from agent.services.tencent_speech_translate import TARGETS, Setup, TencentSpeechTranslate
from agent.services.tencent_streams import Account, failure
from tests.unit.services.events import assert_is, json_values
from tests.vectors import load

VECTORS = load("tencent_speech_translate")
ACCOUNT = Account(**VECTORS["account"])


def protocol(ready: bool = True, host: str = "", **setup: Any) -> TencentSpeechTranslate:
    fields = {"source": "zh", "target": "en"} | setup
    made = TencentSpeechTranslate(
        Setup(ACCOUNT, VECTORS["voice_id"], **fields), host or "wss://asr.cloud.tencent.com"
    )
    if ready:
        assert made.receive(VECTORS["handshake"]) == [Ready()]
    return made


def configured(**keys: Any) -> Service:
    secrets: dict[str, Any] = {"secret_id": Secret("i"), "secret_key": Secret("k")}
    return Service(name="tencent-speech-translate", app_id="1", **secrets, **keys)


def made(pair: Pair, tts: bool = False, **keys: Any) -> TencentSpeechTranslate:
    service = configured(**keys)
    stream: TencentSpeechTranslate = entry(service.name).make(service, pair, "id", tts)
    return stream


# --- the address -----------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["addresses"], ids=lambda v: v["name"])
def test_the_address_is_signed(vector: dict[str, Any]) -> None:
    url = protocol(**vector["setup"]).endpoint(VECTORS["unix"]).url
    assert url == vector["url"]


def test_a_proxy_changes_where_it_connects_and_not_what_is_signed() -> None:
    url = protocol(host="http://127.0.0.1:8765").endpoint(VECTORS["unix"]).url
    real = VECTORS["addresses"][0]["url"]
    assert url == real.replace("wss://asr.cloud.tencent.com", "ws://127.0.0.1:8765")


def test_no_part_of_the_address_can_be_forged() -> None:
    account = Account("1/../2?x=", "a&b=c", "k")
    url = TencentSpeechTranslate(Setup(account, "v&w", "zh", "en")).endpoint(0).url
    path, _, query = url.partition("?")
    assert path.endswith("/asr/speech_translate/1%2F..%2F2%3Fx%3D")
    assert "secretid=a%26b%3Dc&" in query
    assert query.split("&")[-2] == "voice_id=v%26w"


def test_a_new_time_is_a_new_signature() -> None:
    one, other = (protocol().endpoint(unix).url for unix in (VECTORS["unix"], 1735609994.0))
    assert one.partition("signature=")[2] != other.partition("signature=")[2]


def test_speech_is_asked_for_where_there_is_a_translation() -> None:
    assert "enable_tts=1" in made(Pair("zh", "en"), tts=True).endpoint(0).url
    for target in (None, "zh"):
        assert "enable_tts" not in made(Pair("zh", target), tts=True).endpoint(0).url
    url = made(Pair("zh-EN", "zh-HK"), tts=True, voice="7").endpoint(0).url
    assert "source=zh_en&target=yue&" in url
    assert "voice_type=7" in url


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"model": "hunyuan-big"}, "unknown model 'hunyuan-big'; expected hunyuan-translation-"),
        ({"voice": "Anna"}, r"the voice is a number \(voice_type\), not 'Anna'"),
    ],
)
def test_what_the_service_does_not_have_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"tencent-speech-translate: {said}"):
        made(Pair("zh", "en"), **keys)


def test_secrets_do_not_show() -> None:
    assert repr(Account("1", "hunter-1", "hunter-2")).count("hunter") == 0


# --- languages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "possible"),
    [
        ("ja", "th", "from ja it translates to zh, en, ja, ko, yue"),
        ("zh", "ru", "from zh it translates to zh, en, ja, ko, yue, id, th"),
        ("ru", "fr", "from ru it translates to zh, en, ru"),
        ("en", "zh_en", "from en it translates to zh, en, ja, ko, yue, id, th"),
    ],
)
def test_a_pair_is_refused_with_what_is_possible(source: str, target: str, possible: str) -> None:
    said = f"does not translate {source} to {target}; {possible}$"
    with pytest.raises(UsageError, match=said):
        made(Pair(source, target))


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UsageError, match="does not take the language 'fr'"):
        made(Pair("fr", "zh"))


def test_every_pair_there_is_is_taken() -> None:
    for source, targets in TARGETS.items():
        for target in targets:
            assert f"source={source}&target={target}&" in made(Pair(source, target)).endpoint(0).url


# --- messages --------------------------------------------------------------------------------


def test_the_only_message_of_ours_is_the_end() -> None:
    stream = protocol()
    assert stream.begin() == []
    assert stream.ping("1") is None
    assert stream.switch_tts(True) is None
    assert stream.switch_pair(Pair("en", "zh")) is None
    assert stream.flush() == []
    assert stream.end() == [VECTORS["end"]]


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
        message = bytes.fromhex(each["hex"]) if "hex" in each else each["message"]
        for event, expected in zip(stream.receive(message), each["events"], strict=True):
            assert_is(event, expected)


@pytest.mark.parametrize("vector", VECTORS["failures"], ids=lambda v: str(v["code"]))
def test_what_a_code_means(vector: dict[str, Any]) -> None:
    [event] = protocol().receive(json.dumps({"code": vector["code"], "message": vector["message"]}))
    assert isinstance(event, Failure)
    assert event.code == str(vector["code"])
    assert event.message.startswith(vector["message"])
    assert (event.retryable, event.about) == (vector["retryable"], vector["about"])


def test_a_refusal_says_what_to_look_at() -> None:
    assert failure("4002", "no").message == "no (check secret_id, secret_key and app_id)"
    assert failure("4004", "").message == "no reason given (nothing is left of what was paid for)"
    assert failure("6002", "timestamp").message == "timestamp (check the device's clock)"


# --- anything --------------------------------------------------------------------------------

RESULTS = st.dictionaries(
    st.sampled_from(
        ["source", "target", "source_text", "target_text", "start_time", "end_time", "sentence_end"]
    ),
    json_values,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "code": json_values | st.just(0),
        "message": json_values,
        "final": json_values | st.sampled_from([0, 1, 2]),
        "sentence_id": json_values | st.sampled_from("abc"),
        "result": json_values | RESULTS,
    },
)


@given(st.booleans(), st.lists(st.text() | st.binary() | MESSAGES.map(json.dumps), max_size=5))
def test_nothing_a_server_sends_raises(tts: bool, messages: list[str | bytes]) -> None:
    stream = protocol(ready=False, tts=tts)
    for message in messages:
        events = stream.receive(message)
        assert len([event for event in events if not isinstance(event, Garbage)]) <= 3


steps = st.tuples(st.sampled_from(["a", "b", "c", None]), st.booleans())


@given(st.lists(steps, max_size=30))
def test_sentences_are_numbered_in_their_order_and_end_once(history: list[Any]) -> None:
    stream, seen = protocol(), dict[int, list[Result]]()
    for n, (name, ended) in enumerate(history):
        result = {"source_text": f"t{n}", "sentence_end": ended}
        message = {"code": 0, "sentence_id": name, "result": result}
        for event in stream.receive(json.dumps(message)):
            assert isinstance(event, Result)
            seen.setdefault(event.index, []).append(event)
    assert sorted(seen) == list(range(len(seen)))
    for results in seen.values():
        assert not any(result.final for result in results[:-1])


def test_names_are_forgotten_at_last() -> None:
    sentences = Sentences()
    for n in range(3 * MOST):
        assert sentences.number(str(n), final=True) == n
    assert len(sentences._known) == MOST
    assert sentences.number(str(3 * MOST - 1), final=False) is None
