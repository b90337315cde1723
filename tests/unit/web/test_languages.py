"""The languages a page offers are those the service in use takes."""

from __future__ import annotations

import pytest

from agent.config.credentials import with_demo
from agent.config.schema import Service
from agent.errors import UsageError
from agent.events import Pair
from agent.services.catalog import SERVICES, entry
from agent.services.entry import Shape
from agent.services.provider import Provider
from agent.web.languages import COMMON, offered

LIVE = [name for name in SERVICES if entry(name).shape is not Shape.TEXT]


def provider(name: str, source: str = "zh", target: str | None = "en") -> Provider:
    return Provider(with_demo(Service(name=name, source=source, target=target)))


@pytest.mark.parametrize("name", LIVE)
def test_every_offer_is_taken(name: str) -> None:
    service = provider(name)
    offer = offered(service)
    assert offer["source"]
    for source in offer["source"]:
        service.check(Pair(source, "en"))
    for target in offer["target"]:
        service.check(Pair("zh", target))


def test_what_a_service_does_not_take_is_not_offered() -> None:
    assert offered(provider("tencent-tsi"))["source"] == ["en", "ja", "ko", "yue", "zh"]
    with pytest.raises(UsageError):
        provider("tencent-tsi").check(Pair("fr", "en"))


def test_a_recogniser_has_no_targets() -> None:
    assert offered(provider("twetalk-asr"))["target"] == []


def test_a_code_in_use_is_offered_once_however_it_is_written() -> None:
    offer = offered(provider("twetalk-v2", source="en-US", target="zh"))
    assert "en-US" in offer["source"]
    assert offer["target"].count("zh") == 1
    assert set(offer["target"]) == set(COMMON)


def test_where_nothing_is_translated_yet_targets_can_be_chosen() -> None:
    assert "en" in offered(provider("twetalk-v2", target=None))["target"]
