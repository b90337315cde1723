"""Wrong files and the exact lines their authors read."""

from __future__ import annotations

import pytest

from agent.config.credentials import CREDENTIALS
from agent.config.loader import load
from agent.errors import ConfigError
from tests.unit.config.conftest import TOKEN, Problems

MAPPING = "expected a mapping (lines of 'key: value')"
INDENTED = "expected 'key: value', indented like its neighbours"
QUOTES = "expected quotes around a text with special characters"
COMMA = "or a missing ','"
DATA = "expected a configuration, not a data file"
TAG = "a YAML tag; expected quotes around a text that begins with '!'"
MERGE = "'<<' cannot merge this; expected an alias of a mapping, or a list of them"
TWICE = "duplicate key, first given at d.yaml:2; expected it once"
LANGUAGE = "expected a language code such as zh or en-US"
SECTIONS = "expected device, service, services, audio, talk, network, mqtt, web, metrics, logging"

VALUES = [
    ("mqtt: {port: abc}", "mqtt.port: got 'abc'; expected a whole number from 1 to 65535"),
    ("mqtt: {port: 0}", "mqtt.port: got '0'; expected a whole number from 1 to 65535"),
    ("mqtt: {port: 1:30}", "mqtt.port: got '1:30'; expected a whole number from 1 to 65535"),
    ("mqtt: {port: '99'}", ""),
    ("mqtt: {port: null}", "mqtt.port: got nothing; expected a whole number from 1 to 65535"),
    ("mqtt: {port: [1]}", "mqtt.port: got a list; expected a whole number from 1 to 65535"),
    ("mqtt: {tls: maybe}", "mqtt.tls: got 'maybe'; expected true or false"),
    ("mqtt: {tls: 1}", "mqtt.tls: got '1'; expected true or false"),
    ("mqtt: {version: 3.1}", "mqtt.version: got '3.1'; expected 3.1.1 or 5; did you mean '3.1.1'?"),
    ("mqtt: {outbox: }", "mqtt.outbox: got nothing; expected text"),
    (
        "mqtt: {outbox_limit: 1}",
        "mqtt.outbox_limit: got '1'; expected a whole number of 10 or more",
    ),
    ("talk: {mode: no}", "talk.mode: got 'no'; expected hold, open, toggle, vad or wake"),
    (
        "talk: {mode: togle}",
        "talk.mode: got 'togle'; expected hold, open, toggle, vad or wake; did you mean 'toggle'?",
    ),
    (
        "talk: {result_timeout_s: 0}",
        "talk.result_timeout_s: got '0'; expected a number above 0, at most 120",
    ),
    (
        "network: {idle_close_s: 1e999}",
        "network.idle_close_s: got '1e999'; expected a number of 1 or more",
    ),
    (
        "network: {idle_close_s: .inf}",
        "network.idle_close_s: got '.inf'; expected a number of 1 or more",
    ),
    ("audio: {rate: 44100}", "audio.rate: got '44100'; expected 8000 or 16000"),
    (
        "audio: {capture: {channel: left}}",
        "audio.capture.channel: got 'left'; expected mix or a whole number from 0 to 31",
    ),
    ("service: {source: '中文', token: t}", f"service.source: got '中文'; {LANGUAGE}"),
    ("service: {source: null, token: t}", f"service.source: got nothing; {LANGUAGE}"),
    ("service: {targets: ja, token: t}", "service.targets: got a single value; expected a list"),
    ("service: {targets: [ja, '?'], token: t}", f"service.targets.1: got '?'; {LANGUAGE}"),
    (
        "service: {url: 'wss://me:pass@host', token: t}",
        "service.url: got a text with '@'; expected scheme, host and port only, "
        "such as wss://host or http://127.0.0.1:8765 or null",
    ),
    (
        "service: {app_id: hunter2, token: t}",
        "service.app_id: got another text; expected digits or null",
    ),
    ("service: {token: [t]}", "service.token: got a list; expected text"),
    ("service: {token: ''}", "service.token: is empty; expected a credential"),
    (
        'service: {token: "a\\r\\nHost: b"}',
        "service.token: holds line breaks or other unprintable characters; expected one line",
    ),
    ('mqtt: {username: "\\ud800"}', "mqtt.username: not UTF-8 text; expected the encoding UTF-8"),
    ("web: 8080", f"web: got a single value; {MAPPING}"),
    ("talk: {led: 22}", f"talk.led: got a single value; {MAPPING}"),
    ("services: [youdao]", f"services: got a list; {MAPPING}"),
    (
        "talk: {buttons: [{}]}",
        "talk.buttons.0.pin: is missing; expected a whole number from 0 to 53",
    ),
    ("mqtt: {host: '${X'}", "mqtt.host: '${' without a name and '}'; "
     "expected ${NAME}, or $${ for the text '${'"),
    ("mqtt: {host: '${X}'}", "mqtt.host: ${X} is not set; expected an environment variable X"),
]  # fmt: skip

KEYS = [
    ("netwrok: {}", f"netwrok: unknown key; {SECTIONS}; did you mean 'network'?"),
    ("volume: 5", f"volume: unknown key; {SECTIONS}; 'volume' belongs under audio.playback"),
    (
        "audio: {Volume: 5}",
        "audio.Volume: unknown key; expected rate, capture, playback, echo, sounds; "
        "'volume' belongs under audio.playback",
    ),
    (
        "metrics: {pin: 5}",
        "metrics.pin: unknown key; expected listen; "
        "'pin' belongs under talk.buttons or under talk.led",
    ),
    (
        "metrics: {device: 5}",
        "metrics.device: unknown key; expected listen; 'device' belongs at the top level "
        "or under audio.capture or under audio.playback",
    ),
    (
        "web: {pasword_file: x}",
        "web.pasword_file: unknown key; expected listen, password; did you mean 'password_file'?",
    ),
    ("web: {x y: 1}", "web.x…: unknown key; expected listen, password"),
    (
        "web: {password:hunter2}",
        "web.password…: unknown key; expected listen, password; "
        "a space is missing after 'password:'",
    ),
]

RULES = [
    (
        "audio: {capture: {channels: 2, channel: 2}}",
        "audio.capture.channel: no channel 2 among 2, as the first is 0; "
        "expected a number below audio.capture.channels, or mix",
    ),
    (
        "talk: {buttons: [{pin: 17}, {pin: 17}]}",
        "talk.buttons.1.pin: pin 17 is taken by talk.buttons.0.pin; expected a pin of its own",
    ),
    (
        "talk: {buttons: [{pin: 17}], led: {pin: 17}}",
        "talk.led.pin: pin 17 is taken by talk.buttons.0.pin; expected a pin of its own",
    ),
    (
        "web: {listen: '0.0.0.0:80'}",
        "web.listen: open to the network without a password; expected web.password, "
        "web.password_file or an address such as 127.0.0.1:8080",
    ),
    ("web: {listen: '0.0.0.0:80', password: p}", ""),
    ("web: {listen: '127.0.0.2:80'}", ""),
    ("web: {listen: '[::1]:80'}", ""),
    ("web: {listen: 'localhost:80'}", ""),
    (
        "metrics: {listen: 'localhost:70000'}",
        "metrics.listen: no such port; expected a port from 1 to 65535",
    ),
    (
        "services: {tencent-tsi: {secret_id: i}}",
        "services.tencent-tsi.secret_key: tencent-tsi needs a secret_key; "
        "set services.tencent-tsi.secret_key, services.tencent-tsi.secret_key_file or ${…}",
    ),
    (
        "services: {x: {name: tencent-long-asr, app_id: 1, app_key: k, callback_port: 1}}",
        "services.x.callback_url: tencent-long-asr needs a callback_url; "
        "set services.x.callback_url",
    ),
    (
        "services: {youdoa: }",
        f"services.youdoa.name: unknown service 'youdoa'; expected {', '.join(CREDENTIALS)}; "
        "did you mean 'youdao'?",
    ),
    (
        "service: {token: t, fallback: [yodao]}",
        f"service.fallback.0: unknown service 'yodao'; expected {', '.join(CREDENTIALS)}; "
        "did you mean 'youdao'?",
    ),
    (
        "service: {token: t, fallback: [twetalk-v1, twetalk-v2]}",
        "service.fallback.1: twetalk-v2 cannot stand in for itself; expected another service",
    ),
    (
        "service: {token: t, fallback: [twetalk-v1, twetalk-v1]}",
        "service.fallback.1: twetalk-v1 is there already; expected each service once",
    ),
    (
        "service: {token: t, app_key: k, fallback: [youdao]}",
        "service.fallback.0: youdao needs an app_secret; "
        "set services.youdao.app_secret, services.youdao.app_secret_file or ${…}",
    ),
    (
        "service: {token: t, fallback: youdao}",
        "service.fallback: got a single value; expected a list",
    ),
    (
        "network: {fallback_after_s: 0}",
        "network.fallback_after_s: got '0'; expected a number above 0, at most 3600",
    ),
]

#                                     text, line, message
DOCUMENTS = [
    ("- a\n", 1, f"got a list; {MAPPING}"),
    ("token:hunter2\n", 1, f"got a single value; {MAPPING}"),
    ("web:\n\tlisten: x\n", 2, "YAML: a tab; expected spaces"),
    ("a: 1\nb: 'x\nc: 1\n", 2, "YAML: a quote that is never closed; expected its pair"),
    ("a:\n b: 1\n  c: 2\n", 3, f"YAML: a ':' that cannot stand here; {INDENTED}"),
    ("a:\n  b: 1\n c: 2\n", 3, f"YAML: wrong indentation or a stray quote; {INDENTED}"),
    ("a: 1\nb\n", 2, f"YAML: a line without ':'; {INDENTED}"),
    ("\n\na: [1,\n", 4, "YAML: a bracket that is never closed; expected its pair"),
    ("a: [1\nb: 2\n", 1, f"YAML: '[' without its ']', {COMMA}; expected [a, b, …]"),
    ("a: {b: 1\nc: 2\n", 1, f"YAML: '{{' without its '}}', {COMMA}; expected {{key: value, …}}"),
    ("a: @x\n", 1, f"YAML: a character that cannot begin a value; {QUOTES}"),
    ("mqtt:\n  password: *hunter2\n", 2, f"YAML: an alias '*' without its anchor '&'; {QUOTES}"),
    ("a: &x 1\nb: &x 2\n", 2, "YAML: an anchor '&' given twice; expected each once"),
    ('a: "\\q"\n', 1, "YAML: an unknown escape after a backslash; expected '…' quotes around it"),
    ("a: 1\n---\nb: 2\n", 2, "YAML: a second document; expected a single one, without '---'"),
    ("a: 1\nb: \x07\n", 2, "YAML: an invisible control character; expected text"),
    ("a:\n  - " + "[" * 9999, 2, "YAML: nested too deeply; expected at most a few levels"),
    ("a: [" + "1, " * 9999 + "]", 1, f"YAML: too many values; {DATA}"),
    ("web: &w\n  listen: *w\n", 2, "web.listen: an alias that contains itself; expected a value"),
    ("web: {? [a] : b}\n", 1, "web: a key that is a list or a mapping; expected a name"),
    ("mqtt:\n  host: !hunter2 x\n", 2, f"mqtt.host: {TAG}"),
    ("web: {<<: 5}\n", 1, f"web: {MERGE}"),
    ("mqtt:\n  port: 1\n  port: 2\n", 3, f"mqtt.port: {TWICE}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), VALUES + KEYS + RULES)
def test_a_mistake_is_one_line(problems: Problems, text: str, message: str) -> None:
    credentials = () if "token" in text else ("service.token=t",)
    assert problems("\n" + text, *credentials) == ([f"d.yaml:2: {message}"] if message else [])


@pytest.mark.parametrize(("text", "line", "message"), DOCUMENTS)
def test_a_broken_document_is_one_line(
    problems: Problems, text: str, line: int, message: str
) -> None:
    found = [problem for problem in problems(text, "service.token=t") if message in problem]
    assert found == [f"d.yaml:{line}: {message}"]


def test_nothing_is_missing_in_a_file_that_is_not_yaml(problems: Problems) -> None:
    assert problems("\tservice:") == ["d.yaml:1: YAML: a tab; expected spaces"]


def test_all_mistakes_come_at_once_in_order(problems: Problems) -> None:
    text = "mqtt:\n  port: x\n  tls: x\nservice:\n  name: youdao\n  app_key: k\nweb: {listen: x}\n"
    assert [line.split(": ")[:2] for line in problems(text, "talk.mode=x")] == [
        ["d.yaml:2", "mqtt.port"],
        ["d.yaml:3", "mqtt.tls"],
        ["d.yaml:4", "service.app_secret"],
        ["d.yaml:7", "web.listen"],
        ["--set talk.mode=…", "talk.mode"],
    ]


def test_a_wrong_credential_is_not_reported_as_missing_too(problems: Problems) -> None:
    assert len(problems("service: {token: [x]}")) == 1
    assert len(problems("service: {token_file: nowhere}")) == 1
    assert len(problems("service: 5")) == 1
    assert len(problems(TOKEN + "audio: {capture: {channel: 2, channels: x}}")) == 1
    assert len(problems(TOKEN + "web: {listen: '0.0.0.0:80', password: ''}")) == 1


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
def test_every_service_names_what_it_needs(problems: Problems, name: str) -> None:
    lines = problems("service:\n  token_file: null", f"service.name={name}")
    keys = [line.split(": ")[1].removeprefix("service.") for line in lines]
    assert keys == list(CREDENTIALS[name])


def test_the_value_of_a_variable_is_not_shown(problems: Problems) -> None:
    text = "mqtt: {port: '${X}'}\nservice: {token: t, app_id: '${X}'}\n"
    lines = problems(text, env={"X": "hunter2"})
    assert lines[0] == "d.yaml:1: mqtt.port: got '${X}'; expected a whole number from 1 to 65535"
    assert "hunter2" not in "".join(lines)


def test_files_that_cannot_be_read(problems: Problems) -> None:
    def line(path: str) -> str:
        with pytest.raises(ConfigError) as info:
            load(path, env={})
        return str(info.value)

    assert problems(b"a: 1\nb: \xff\n") == ["d.yaml:2: not UTF-8 text; expected the encoding UTF-8"]
    assert problems("#" * 300_000) == ["d.yaml: too large; expected at most 256 KiB"]
    assert line("nowhere.yaml") == "nowhere.yaml: no such file; expected an existing file"
    assert line("/dev") == "/dev: is a directory; expected a file"
    assert line("a\0b\n.yaml") == "a?b?.yaml: cannot be read; expected a file"


def test_a_file_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("agent.config.sources.Path.open", refuse)
    with pytest.raises(ConfigError, match=r"^d\.yaml: may not be read; expected permission for "):
        load("d.yaml", env={})
