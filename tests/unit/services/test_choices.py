"""What is offered is what the device in its configuration takes."""

from __future__ import annotations

from typing import Any

import pytest

from agent.config.credentials import with_demo
from agent.config.schema import Button, Config, Service, Talk
from agent.errors import UsageError
from agent.events import Pair
from agent.services.catalog import SERVICES, entry
from agent.services.choices import COMMON, Choices, choices
from agent.services.entry import Shape
from agent.services.provider import Provider

LIVE = [name for name in SERVICES if entry(name).shape is not Shape.TEXT]


def provider(name: str, source: str = "zh", target: str | None = "en") -> Provider:
    return Provider(with_demo(Service(name=name, source=source, target=target)))


def offered(service: Provider, *others: Service, **sections: Any) -> Choices:
    profiles = {each.name: with_demo(each) for each in others}
    return choices(service, Config(service=service.service, services=profiles, **sections))


@pytest.mark.parametrize("name", LIVE)
def test_every_offer_is_taken(name: str) -> None:
    service = provider(name)
    offer = offered(service)
    assert offer.sources
    for source in offer.sources:
        service.check(Pair(source, "en"))
    for target in offer.targets:
        service.check(Pair("zh", target))
    for pair in offer.pairs:
        service.check(pair)
    assert (Pair("zh", "en") in offer.pairs) is bool(offer.targets)


def test_what_a_service_does_not_take_is_not_offered() -> None:
    offer = offered(provider("tencent-tsi", "en", "zh"))
    assert (offer.sources, offer.targets) == (("en", "ja", "ko", "yue", "zh"), ("en", "zh"))
    offer = offered(provider("tencent-tsi"))
    assert offer.sources == ("en", "zh")
    assert offer.targets == ("en", "ja", "ko", "yue", "zh")
    for pair in (Pair("fr", "en"), Pair("ja", "en")):
        with pytest.raises(UsageError):
            provider("tencent-tsi").check(pair)


def test_a_recogniser_has_no_targets() -> None:
    offer = offered(provider("twetalk-asr"))
    assert (offer.targets, offer.pairs) == ((), ())


def test_a_code_in_use_is_offered_once_however_it_is_written() -> None:
    offer = offered(provider("twetalk-v2", source="en-US", target="zh"))
    assert "en-US" in offer.sources
    assert offer.targets.count("zh") == 1
    assert set(offer.targets) == set(COMMON)


def test_where_nothing_is_translated_yet_targets_can_be_chosen() -> None:
    assert "en" in offered(provider("twetalk-v2", target=None)).targets


def test_pairs_are_those_of_the_configuration_both_ways_and_the_one_in_use() -> None:
    service = provider("twetalk-v2")
    buttons = (Button(pin=1, source="ja", target="en"), Button(pin=2, source="de"))
    service.pair = Pair("fr", "it")
    pairs = offered(service, talk=Talk(buttons=buttons)).pairs
    told = {f"{pair.source}-{pair.target}" for pair in pairs}
    ways = ("zh-en", "ja-en", "de-en", "fr-it")
    assert told == {*ways, *("-".join(reversed(way.split("-"))) for way in ways)}


def test_a_pair_the_service_does_not_take_is_not_offered() -> None:
    service = provider("tencent-tsi")
    assert Pair("en", "zh") in offered(service).pairs
    pairs = offered(service, talk=Talk(buttons=(Button(pin=1, source="fr", target="zh"),))).pairs
    assert Pair("fr", "zh") not in pairs


def test_services_are_those_with_a_whole_profile_that_hear() -> None:
    others = [Service(name=name) for name in ("youdao", "twetalk-summary", "twetalk-asr")]
    whole = choices(
        provider("twetalk-v2"),
        Config(
            service=provider("twetalk-v2").service,
            services={each.name: with_demo(each) for each in others}
            | {"tencent-tsi": Service(name="tencent-tsi")},  # without credentials
        ),
    )
    assert whole.services == ("twetalk-v2", "youdao", "twetalk-asr")


def test_whether_it_speaks_is_told() -> None:
    spoken = {name for name in LIVE if offered(provider(name)).speaks}
    assert {"twetalk-v2", "twetalk-v1", "youdao", "tencent-tsi"} <= spoken
    assert {"tencent-speech-translate", "tencent-interpreter"} <= spoken
    assert not spoken & {"twetalk-asr", "maas-whisper", "youdao-stream"}
