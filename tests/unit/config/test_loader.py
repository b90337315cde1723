from __future__ import annotations

import operator
from pathlib import Path

import pytest

from agent.config import loader
from agent.config.loader import load, load_mqtt, profile
from agent.config.schema import Config, Mqtt
from agent.errors import ConfigError, UsageError
from tests.unit.config.conftest import TOKEN, Load, Problems


@pytest.mark.parametrize("text", ["", "# only words\n", "---\n", "null\n", "audio:\ntalk:\n"])
def test_an_empty_file_is_all_defaults(from_text: Load, text: str) -> None:
    config = from_text(text, "service.token=t")
    assert config.audio == Config().audio
    assert config.talk == Config().talk
    assert config.mqtt == Config().mqtt


def test_a_byte_order_mark_is_fine(from_text: Load) -> None:
    assert from_text(b"\xef\xbb\xbf" + TOKEN.encode()).service.token


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("device.id", "007", "007"),
        ("device.id", "12:30:45", "12:30:45"),
        ("device.id", "1_000", "1_000"),
        ("device.id", "yes", "yes"),
        ("device.id", "2024-01-01", "2024-01-01"),
        ("device.id", "1e3", "1e3"),
        ("device.id", "'null'", "null"),
        ("service.source", "no", "no"),
        ("service.target", "null", None),
        ("service.target", "~", None),
        ("service.tts", "off", False),
        ("service.tts", "Yes", True),
        ("service.tts", "'on'", True),
        ("service.targets", "[no, ja]", ("no", "ja")),
        ("service.targets", "", ()),
        ("mqtt.port", "08883", 8883),
        ("mqtt.port", "'8883'", 8883),
        ("mqtt.version", "5", "5"),
        ("mqtt.version", "3.1.1", "3.1.1"),
        ("mqtt.username", "1234", "1234"),
        ("mqtt.username", "off", "off"),
        ("mqtt.username", "!!str 5", "5"),
        ("network.replay", "off", "off"),
        ("network.memory_s", "+90", 90),
        ("network.ping_interval_s", "2", 2.0),
        ("network.ping_interval_s", ".5", 0.5),
        ("audio.playback.device", "null", None),
        ("audio.playback.device", "'null'", "null"),
        ("audio.capture.channel", "0", 0),
    ],
)
def test_text_means_what_the_key_expects(
    from_text: Load, key: str, text: str, value: object
) -> None:
    *sections, name = key.split(".")
    lines = [f"{'  ' * depth}{section}:\n" for depth, section in enumerate(sections)]
    file = "".join(lines) + f"{'  ' * len(sections)}{name}: {text}\n"
    for config in (from_text(file, "service.token=t"), from_text(TOKEN, f"{key}={text}")):
        found = operator.attrgetter(key)(config)
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize("text", ["1234", "yes", "0x10", "1:30", "'quo#ted'", "|\n    block"])
def test_a_password_is_the_text_as_written(from_text: Load, text: str) -> None:
    config = from_text(f"{TOKEN}mqtt:\n  password: {text}\n")
    assert config.mqtt.password
    assert config.mqtt.password.reveal() == text.strip("'|\n ")


def test_variables_are_replaced(from_text: Load) -> None:
    env = {"HOST": "broker", "PORT": "8883", "TLS": "on", "TOKEN": "a: b #*!", "EMPTY": ""}
    config = from_text(
        "mqtt: {host: 'a.${HOST}.lan', port: '${PORT}', tls: '${TLS}', username: '$${A}${EMPTY}'}",
        "service.token=${TOKEN}",
        env=env,
    )
    mqtt = config.mqtt
    assert (mqtt.host, mqtt.port, mqtt.tls) == ("a.broker.lan", 8883, True)
    assert mqtt.username == "${A}"
    assert config.service.token
    assert config.service.token.reveal() == "a: b #*!"


def test_aliases_and_merge_keys(from_text: Load) -> None:
    config = from_text(
        """
        service: &cloud {token: t, source: ja, target: zh}
        services:
          twetalk-v1: *cloud
          twetalk-translate: {<<: *cloud, target: en}
          twetalk-summary: {<<: [{source: ru}, *cloud]}
        """
    )
    assert config.services["twetalk-v1"].name == "twetalk-v1"
    assert [s.source for s in config.services.values()] == ["ja", "ja", "ru"]
    assert [s.target for s in config.services.values()] == ["zh", "en", "zh"]


def test_the_default_path_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "DEFAULT_PATH", str(tmp_path / "dragoman.yaml"))
    with pytest.raises(ConfigError, match=r"^defaults: service\.token: twetalk-v2 needs a token"):
        load(None, env={})
    (tmp_path / "dragoman.yaml").write_text(TOKEN)
    assert load(None, env={}).service.token


PROFILES = """
service: {token: t, source: de}
services:
  youdao: {app_key: k, app_secret: s, source: fr}
  meeting: {name: twetalk-asr, app_id: 0123}
"""


def test_service_selects_a_profile(from_text: Load) -> None:
    assert from_text(PROFILES, service="youdao").service.source == "fr"
    assert from_text(PROFILES, service="meeting").service.app_id == "0123"


def test_service_renames_the_section_without_a_profile(from_text: Load) -> None:
    service = from_text(PROFILES, service="twetalk-v1").service
    assert (service.name, service.source) == ("twetalk-v1", "de")


def test_service_needs_its_credentials_and_a_known_name(problems: Problems) -> None:
    assert problems(TOKEN, service="twetalk-asr") == [
        "d.yaml:1: service.app_id: twetalk-asr needs an app_id; "
        "set service.app_id, service.app_id_file or ${…}"
    ]
    (line,) = problems(TOKEN, service="twetalk-v3")
    assert line.startswith("--service: service.name: unknown service 'twetalk-v3'; expected ")
    assert line.endswith("; did you mean 'twetalk-v2'?")


def test_a_selected_profile_needs_no_complete_section(problems: Problems) -> None:
    assert problems("services: {youdao: {app_key: k, app_secret: s}}", service="youdao") == []


def test_cloud_moves_every_service(from_text: Load) -> None:
    url = "http://127.0.0.1:8765"
    config = from_text(PROFILES, cloud=url)
    assert config.service.url == url
    assert {service.url for service in config.services.values()} == {url}
    assert from_text(PROFILES, cloud=url, service="youdao").service.url == url


def test_cloud_must_be_a_url(problems: Problems) -> None:
    assert problems(TOKEN, cloud="localhost:8765") == [
        "--cloud: service.url: not a base URL; expected scheme, host and port only, "
        "such as wss://host or http://127.0.0.1:8765"
    ]


def test_profile_switches(from_text: Load) -> None:
    config = from_text(PROFILES)
    assert profile(config, "youdao") is config.services["youdao"]
    assert profile(config, "twetalk-v2") == config.service
    assert profile(config, "twetalk-v1").name == "twetalk-v1"
    with pytest.raises(UsageError, match=r"^service\.name: unknown service 'nope'; expected"):
        profile(config, "nope")
    with pytest.raises(UsageError, match=r"^service\.secret_id: tencent-tsi needs a secret_id; "):
        profile(config, "tencent-tsi")


# --- the section mqtt alone ------------------------------------------------------------------


def test_the_section_mqtt_can_be_had_alone(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text(
        "service: {name: nonsense, token: 5}\ntalk: {mode: shout}\nmqtt: {port: 8883}\n"
    )
    assert load_mqtt(str(path), ["mqtt.topic=voice"], {}) == Mqtt(port=8883, topic="voice")
    assert load_mqtt("/dev/null", env={}) == Mqtt()


def test_its_own_mistakes_and_those_of_the_file_count(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("mqt: {}\ntalk: {mode: shout}\nmqtt: {prot: 1, password: '${NOT_SET}'}\n")
    with pytest.raises(ConfigError) as info:
        load_mqtt(str(path), env={})
    assert [line.partition(": ")[2].partition(": ")[0] for line in info.value.problems] == [
        "mqt",
        "mqtt.prot",
        "mqtt.password",
    ]


def test_a_service_may_have_others_in_its_place(from_text: Load) -> None:
    text = (
        "service: {token: t, fallback: [youdao]}\nservices: {youdao: {app_key: k, app_secret: s}}"
    )
    config = from_text(text)
    assert config.service.fallback == ("youdao",)
    assert config.network.fallback_after_s == 10
    assert profile(config, "twetalk-v2").fallback == ("youdao",)
    assert profile(config, "twetalk-v1").fallback == (), "they were named for another"
    assert profile(config, "youdao").fallback == ()


def test_the_emulator_takes_those_in_its_place_too(from_text: Load) -> None:
    text = "service: {fallback: [youdao, tencent-tsi]}\nservices: {youdao: {source: en}}"
    config = from_text(text, cloud="http://127.0.0.1:8765")
    assert set(config.services) == {"youdao", "tencent-tsi"}
    youdao = config.services["youdao"]
    assert (youdao.source, youdao.url) == ("en", "http://127.0.0.1:8765")
    assert youdao.app_key is not None
    assert youdao.app_key.reveal() == "demo"
