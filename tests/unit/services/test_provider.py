"""The service in use: its pair, its protocols, and ids that are never used twice."""

from __future__ import annotations

import json

import pytest

from agent.config.credentials import with_demo
from agent.config.schema import Service
from agent.errors import UsageError
from agent.events import Pair
from agent.services.catalog import SERVICES, entry
from agent.services.entry import Shape
from agent.services.provider import Provider
from agent.services.shapes import Nonce


def provider(name: str, **fields: str) -> Provider:
    return Provider(with_demo(Service(name=name, **fields)))  # type: ignore[arg-type]


def test_a_provider_begins_with_the_configured_pair() -> None:
    made = provider("youdao", source="en", target="es")
    assert made.pair == Pair("en", "es")
    assert made.name == "youdao"


@pytest.mark.parametrize("name", [n for n in SERVICES if entry(n).shape is not Shape.TEXT])
def test_every_service_for_sound_can_be_used_live(name: str) -> None:
    provider(name, source="zh", target="en").check_live()


@pytest.mark.parametrize("name", [n for n in SERVICES if entry(n).shape is Shape.TEXT])
def test_services_for_text_cannot(name: str) -> None:
    with pytest.raises(UsageError, match=f"service: {name} works on text, not live"):
        provider(name).check_live()


def test_a_service_that_does_not_speak_its_own_pair_cannot_be_used_live() -> None:
    with pytest.raises(UsageError, match="no model for language 'ko'"):
        provider("twetalk-asr", source="ko").check_live()


@pytest.mark.parametrize(
    ("name", "pair", "words"),
    [
        ("twetalk-asr", Pair("ko", None), "no model for language 'ko'"),
        ("tencent-tsi", Pair("fr", "zh"), "does not take the language 'fr'"),
        ("tencent-tsi", Pair("ja", "en"), "does not translate ja to en"),
        ("tencent-interpreter", Pair("zh", "ja"), "does not translate zh to ja"),
        ("tencent-long-asr", Pair("en", None), "does not take the language 'en'"),
        ("youdao", Pair("id", "en"), "does not translate id to en"),
    ],
)
def test_a_pair_a_service_does_not_speak_is_refused(name: str, pair: Pair, words: str) -> None:
    made = provider(name, source="zh", target="en")
    with pytest.raises(UsageError, match=words):
        made.check(pair)
    assert made.pair == Pair("zh", "en"), "asking changes nothing"


def test_every_connection_has_a_request_id_of_its_own() -> None:
    made = provider("twetalk-v2", source="en", target="zh")
    setups = []
    for tts in (True, False):
        [message] = made.stream(Pair("en", "es"), tts).begin()
        setups.append(json.loads(message))
    first, second = setups
    assert (first["lang_target"], first["enable_tts"], second["enable_tts"]) == ("es", True, False)
    assert first["request_id"] != second["request_id"]


def test_every_utterance_has_a_name_of_its_own() -> None:
    made = provider("tencent-tsi", source="en", target="zh")
    bodies = [
        json.loads(made.chunks(made.pair, False).request(bytes(12800), 0, False, Nonce(0, "")).body)
        for _ in range(2)
    ]
    assert bodies[0]["SessionUuid"] != bodies[1]["SessionUuid"]


def test_uploads_and_jobs_have_their_protocols() -> None:
    assert provider("youdao").utterance(Pair("zh", "en"))
    assert provider("tencent-long-asr").job(Pair("zh", None)).receipt(True)


def test_ids_are_never_used_twice() -> None:
    made = provider("twetalk-v2")
    assert len({made.new_id() for _ in range(100)}) == 100
    assert len({made.new_session() for _ in range(100)}) == 100


def test_the_address_of_another_provider_is_not_taken_along() -> None:
    made = provider("youdao", url=entry("twetalk-v2").host)
    assert made.service.url is None
