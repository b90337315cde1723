"""The catalog: every service can be made, its limits are checked, credentials stay at home."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from agent.config.credentials import CREDENTIALS, with_demo
from agent.config.schema import Service
from agent.errors import UsageError
from agent.events import Pair
from agent.services.catalog import OFFERS, SERVICES, at_home, entry
from agent.services.entry import Entry, Limits, Shape, check
from agent.services.shapes import Clip

MB = 2**20
METHODS = {
    Shape.STREAM: (
        *("endpoint", "begin", "ready", "ping", "switch_tts", "switch_pair", "end"),
        *("flush", "receive"),
    ),
    Shape.CHUNK: ("request", "answer", "leftover"),
    Shape.UTTERANCE: ("request", "answer"),
    Shape.JOB: ("submit", "submit_url", "submitted", "delivered", "receipt"),
    Shape.TEXT: ("request", "answer", "feed", "finish"),
}
entries = pytest.mark.parametrize(
    "service", [entry(name) for name in SERVICES], ids=lambda each: each.name
)


@entries
def test_every_service_can_be_made_with_the_emulators_credentials(service: Entry) -> None:
    configured = with_demo(Service(name=service.name))
    made = service.make(configured, Pair("zh", "en"), "an-id", True)
    methods = () if service.composed else METHODS[service.shape]
    assert all(hasattr(made, method) for method in methods)


@entries
def test_every_service_knows_its_document_its_host_and_its_credentials(service: Entry) -> None:
    assert service.document
    assert service.gives
    assert service.composed or service.host.startswith(("https://", "wss://"))
    assert CREDENTIALS[service.name]


def test_the_configuration_and_the_catalog_know_the_same_services() -> None:
    assert set(SERVICES) == set(CREDENTIALS)
    assert all(entry(name).name == name for name in SERVICES)


def test_every_offer_is_at_its_providers_address() -> None:
    for offer in OFFERS:
        assert {urlsplit(entry(name).host).hostname or "" for name in offer.services} == {
            offer.host
        }


def test_an_unknown_service_is_refused_with_those_there_are() -> None:
    assert entry("youdao").name == "youdao"
    with pytest.raises(UsageError, match=r"no service 'yodao'; there are twetalk-v2, .*youdao"):
        entry("yodao")


# --- limits ----------------------------------------------------------------------------------


def sound(size: int, seconds: float | None = 1, form: str = "wav") -> Clip:
    return Clip(bytes(size), form, None if seconds is None else round(seconds * 1000))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("tencent-long-asr", 5 * MB),
        ("maas-whisper", 25 * MB),
        ("maas-whisper-translate", 25 * MB),
        ("maas-fast-asr", 25 * MB),
        ("youdao", 2 * MB * 3 // 4),  # 2 MB of Base64
    ],
)
def test_a_clip_may_have_so_many_bytes_and_no_more(name: str, most: int) -> None:
    check(entry(name), sound(most))
    with pytest.raises(UsageError, match=rf"^{name} takes at most (2|5|25) MB"):
        check(entry(name), sound(most + 3))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("tencent-long-asr", 900),
        ("maas-realtime-asr", 30),
        ("maas-speech-translation", 30),
        ("youdao", 15),
    ],
)
def test_a_clip_may_last_so_long_and_no_longer(name: str, most: int) -> None:
    check(entry(name), sound(100, most))
    check(entry(name), sound(100, None))
    with pytest.raises(UsageError, match=rf"^{name} takes at most {most} s, this has {most}\.1 s"):
        check(entry(name), sound(100, most + 0.1))


def test_base64_is_counted_where_the_provider_counts_it() -> None:
    with pytest.raises(UsageError, match=r"at most 2 MB as Base64, this has 2\.0 MB"):
        check(entry("youdao"), sound(2 * MB * 3 // 4 + 1))


@entries
def test_only_formats_of_the_document_are_taken(service: Entry) -> None:
    for form in service.limits.formats:
        check(service, sound(100, form=form))
    with pytest.raises(UsageError, match=f"^{service.name} takes .*, not xyz$"):
        check(service, sound(100, form="xyz"))


@pytest.mark.parametrize(
    ("name", "rates", "per_second"),
    [
        ("twetalk-v2", (16000, 8000), None),
        ("tencent-speech-translate", (16000,), None),
        ("tencent-interpreter", (16000,), None),
        ("tencent-tsi", (16000,), 25),
        ("tencent-long-asr", (8000, 16000), 1),
        ("youdao", (16000, 8000), None),
        ("youdao-stream", (16000,), None),
    ],
)
def test_rates_of_sound_and_of_requests(
    name: str, rates: tuple[int, ...], per_second: int | None
) -> None:
    limits: Limits = entry(name).limits
    assert (limits.rates, limits.requests_per_s) == (rates, per_second)


@entries
def test_a_wav_of_a_second_is_welcome_wherever_speech_is_uploaded(service: Entry) -> None:
    if service.shape in (Shape.UTTERANCE, Shape.JOB):
        check(service, sound(32044, 1))


# --- whose url is it? ------------------------------------------------------------------------


def test_another_providers_own_address_is_left_behind() -> None:
    youdao = entry("youdao").host
    moved = at_home(Service(name="maas-whisper", url=youdao))
    assert moved.url is None
    assert at_home(Service(name="youdao", url=youdao)).url == youdao


def test_services_of_one_provider_share_an_address() -> None:
    host = entry("twetalk-v2").host
    assert at_home(Service(name="twetalk-asr", url=host)).url == host


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:8765", "wss://proxy.example"])
def test_an_address_of_ones_own_serves_them_all(url: str | None) -> None:
    assert all(at_home(Service(name=name, url=url)).url == url for name in SERVICES)
