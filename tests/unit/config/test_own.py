"""Servers of one's own in the configuration: what is right, and what is said of what is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config.loader import load
from agent.config.schema import Hear, Service, Speak, Translate
from agent.config.secret import Secret
from agent.errors import ConfigError
from agent.services.entry import Shape
from agent.services.provider import Provider

GOOD = """\
service:
  name: own
  hear: {url: "wyoming://nas:10300", model: tiny}
  translate:
    url: http://nas:11434/v1
    model: qwen3
    key: ${KEY}
    prompt: From {source} to {target}.
    temperature: 0.2
  speak: {url: "http://nas:8000/v1", voice: alloy, format: pcm, key_file: voice.key}
  source: en
  target: es
"""


EARS = '  hear: {url: "wyoming://nas:10300", model: tiny}\n'


def written(text: str) -> str:
    Path("own.yaml").write_text(text)
    return "own.yaml"


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as info:
        load(written(text), env={"KEY": "k3y"})
    return list(info.value.problems)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "voice.key").write_text("v01ce\n")
    (tmp_path / "voice.key").chmod(0o600)


def test_three_roles_are_read() -> None:
    service = load(written(GOOD), env={"KEY": "k3y"}).service
    assert service.hear == Hear(url="wyoming://nas:10300", model="tiny")
    assert service.translate is not None
    assert service.translate.key == Secret("k3y")
    assert service.translate.prompt == "From {source} to {target}."
    assert service.speak is not None
    assert service.speak.key == Secret("v01ce")
    assert "k3y" not in repr(service)


def test_an_ear_alone_will_do() -> None:
    service = load(written("service: {name: own, hear: {url: 'wyoming://nas:10300'}}")).service
    assert Provider(service).entry.gives == "text, partials, times"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (EARS, "", r"own\.yaml:1: service\.hear: own needs ears; name a server, such as service"),
        ("nas:10300", "nas", r":3: service\.hear\.url: a port is missing"),
        ("wyoming:", "wioming:", r":3: service\.hear\.url: got .*; expected wyoming://HOST:PORT"),
        ("nas:10300", "nas:99999", r":3: service\.hear\.url: no such host or port"),
        ("model: tiny", "modell: tiny", r":3: service\.hear\.modell: .*did you mean 'model'\?"),
        ("model: tiny", "key: x", r":3: service\.hear\.key: a Wyoming server takes no key"),
        ("model: tiny", "prompt: x", r":3: service\.hear\.prompt: a Wyoming server takes no p"),
        ("    model: qwen3\n", "", r":4: service\.translate\.model: a chat server has many models"),
        ("http://nas:11434/v1", "wyoming://nas:1", r":5: .*\.translate\.url: .*; expected a base"),
        ("0.2", "9", r":9: service\.translate\.temperature: got '9'; expected a number from 0"),
        ("format: pcm", "format: mp3", r":10: service\.speak\.format: got 'mp3'; expected pcm"),
        ("${KEY}", "${NOKEY}", r":7: service\.translate\.key: \$\{NOKEY\} is not set"),
        ("    url: http://nas:11434/v1\n", "", r":4: service\.translate\.url: is missing"),
        ("//nas:8000", "//user:pw@nas", r":10: service\.speak\.url: got a text with '@'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(old: str, new: str, said: str) -> None:
    assert old in GOOD
    (line,) = mistakes(GOOD.replace(old, new))
    assert re.search(said, line), line


def test_a_voice_without_a_translator_has_nothing_to_say() -> None:
    (line,) = mistakes(
        "service:\n  name: own\n  hear: {url: 'wyoming://nas:1'}\n  speak: {url: 'wyoming://nas:2'}\n"
    )
    assert line.startswith("own.yaml:4: service.speak: what is spoken is the translation")


@pytest.mark.parametrize(
    ("hear", "target", "gives", "shape"),
    [
        ("wyoming://nas:1", "en", "text, partials, times, speech", Shape.STREAM),
        ("http://nas/v1", "en", "English translation, times, words, speech", Shape.UTTERANCE),
        ("http://nas/v1", "en-GB", "English translation, times, words, speech", Shape.UTTERANCE),
        ("http://nas/v1", "es", "text, times, words, speech", Shape.UTTERANCE),
    ],
)
def test_what_ears_alone_give(hear: str, target: str, gives: str, shape: Shape) -> None:
    service = Service(
        name="own",
        hear=Hear(url=hear),
        speak=Speak(url="wyoming://nas:2"),
        source="de",
        target=target,
    )
    entry = Provider(service).entry
    assert (entry.gives, entry.shape) == (gives, shape)


def test_one_host_for_all_of_them() -> None:
    config = load(
        written(GOOD.replace("http://nas:11434/v1", "libretranslate+https://nas/lt")),
        env={"KEY": "k3y"},
        cloud="http://127.0.0.1:8765",
    )
    service = config.service
    assert service.hear is not None
    assert service.translate is not None
    assert service.speak is not None
    assert service.hear.url == "wyoming://127.0.0.1:8765"
    assert service.translate.url == "libretranslate+http://127.0.0.1:8765/lt"
    assert service.speak.url == "http://127.0.0.1:8765/v1"
    assert service.translate.key == Secret("k3y")


def test_the_emulator_needs_no_configuration() -> None:
    service = load("/dev/null", cloud="http://127.0.0.1:8765", service="own", env={}).service
    assert service.hear == Hear(url="wyoming://127.0.0.1:8765")
    assert service.translate == Translate(url="http://127.0.0.1:8765/v1", key=Secret("demo"))
    assert service.speak == Speak(url="wyoming://127.0.0.1:8765")


def test_no_role_is_invented_beside_those_that_are_named() -> None:
    text = "service: {name: own, hear: {url: 'http://nas/v1'}}"
    service = load(written(text), cloud="http://127.0.0.1:8765", env={}).service
    assert (service.translate, service.speak) == (None, None)
    assert service.hear == Hear(url="http://127.0.0.1:8765/v1", key=Secret("demo"))


def test_a_cloud_elsewhere_gets_no_demo() -> None:
    with pytest.raises(ConfigError, match=r"service\.hear: own needs ears"):
        load("/dev/null", cloud="http://nas:8765", service="own", env={})
