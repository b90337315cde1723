from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.conftest import TOKEN, Load, Problems


def test_values_replace_those_of_the_file_and_the_last_wins(from_text: Load) -> None:
    config = from_text(
        TOKEN + "audio: {playback: {volume: 5, prebuffer_ms: 7}}",
        "audio.playback.volume=6",
        "audio.playback.volume=60",
        "audio.capture.device=hw:1,0",
        "mqtt.username=a=b",
        "mqtt.host=null",
        "service.targets=[ja, fr]",
    )
    assert (config.audio.playback.volume, config.audio.playback.prebuffer_ms) == (60, 7)
    assert config.audio.capture.device == "hw:1,0"
    assert (config.mqtt.username, config.mqtt.host) == ("a=b", None)
    assert config.service.targets == ("ja", "fr")


def test_list_entries_are_numbers(from_text: Load) -> None:
    config = from_text(
        TOKEN + "talk: {buttons: [{pin: 1, source: ja}]}",
        "talk.buttons.0.pin=17",
        "talk.buttons.1.pin=27",
        "service.targets.0=fr",
    )
    assert [(b.pin, b.source) for b in config.talk.buttons] == [(17, "ja"), (27, None)]
    assert config.service.targets == ("fr",)


def test_an_alias_is_changed_in_one_place_only(from_text: Load) -> None:
    config = from_text(
        "service: &s {token: t}\nservices: {twetalk-v1: *s}", "services.twetalk-v1.source=ja"
    )
    assert (config.service.source, config.services["twetalk-v1"].source) == ("zh", "ja")


def test_a_credential_replaces_its_file_and_the_other_way_round(
    from_text: Load, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from file")
    (tmp_path / "secret").chmod(0o600)
    first = from_text("service: {token_file: nowhere}", "service.token=t").service.token
    second = from_text(TOKEN, "service.token_file=secret").service.token
    assert first and second  # noqa: PT018 - narrows both
    assert (first.reveal(), second.reveal()) == ("t", "from file")


def test_a_credential_may_stand_in_a_file_of_the_folder_one_is_in(
    from_text: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "secret").write_text("hunter2\n")
    (here / "secret").chmod(0o600)
    monkeypatch.chdir(here)
    token = from_text(TOKEN, "service.token=@secret").service.token
    assert token
    assert token.reveal() == "hunter2"


@pytest.mark.parametrize(
    ("setting", "warned"),
    [
        ("service.token=hunter2", True),
        ("mqtt.password=hunter2", True),
        ("service.token=demo", False),
        ("service.token=${TOKEN}", False),
        ("service.app_id='1000001'", False),
        ("service.source=en", False),
    ],
)
def test_a_secret_on_the_command_line_is_everybodys(
    from_text: Load, caplog: pytest.LogCaptureFixture, setting: str, warned: bool
) -> None:
    from_text(TOKEN, setting, env={"TOKEN": "t"})
    assert ("every user of this machine can read it" in caplog.text) == warned
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            "audio.capture.devcie=hw:1",
            "--set audio.capture.devcie=…: audio.capture.devcie: unknown key; "
            "expected device, channels, channel, loop, gain_db; did you mean 'device'?",
        ),
        (
            "mqtt.port=abc",
            "--set mqtt.port=…: mqtt.port: got 'abc'; expected a whole number from 1 to 65535",
        ),
        (
            "mqtt.port=[1",
            "--set mqtt.port=…: mqtt.port: YAML: '[' without its ']', or a missing ','; "
            "expected [a, b, …]",
        ),
        (
            "talk.buttons.1.pin=4",
            "--set talk.buttons.1.pin=…: talk.buttons.1: no such entry; "
            "expected a number from 0 to 0",
        ),
        (
            "web.listen",
            "--set web.listen: web.listen: no value; expected KEY.PATH=VALUE, "
            "for example audio.playback.volume=60",
        ),
        (
            "web.password:hunter2",
            "--set web.password…: web.password…: no value; expected KEY.PATH=VALUE, "
            "for example audio.playback.volume=60",
        ),
        (
            "a..b=1",
            "--set: no value; expected KEY.PATH=VALUE, for example audio.playback.volume=60",
        ),
        (
            "=1",
            "--set: no value; expected KEY.PATH=VALUE, for example audio.playback.volume=60",
        ),
        (
            "service.token.x=5",
            "--set service.token.x=…: service.token.x: service.token is a single value; "
            "expected a key of a section",
        ),
        (
            "web=5",
            "--set web=…: web: got a single value; expected a mapping (lines of 'key: value')",
        ),
    ],
)
def test_wrong_settings(problems: Problems, setting: str, line: str) -> None:
    assert problems(TOKEN, setting) == [line]


@pytest.mark.parametrize("text", ["token:t", "- token"])
def test_a_setting_hides_no_wrong_file(problems: Problems, text: str) -> None:
    (line,) = problems(text, "service.token=t")
    assert line.startswith("d.yaml:1: got a ")


@pytest.mark.parametrize("entry", ["first", "-1", "2", "9999999"])
def test_a_list_takes_only_its_numbers(problems: Problems, entry: str) -> None:
    lines = problems(TOKEN + "talk: {buttons: [{pin: 1}]}", f"talk.buttons.{entry}.pin=2")
    assert lines == [
        f"--set talk.buttons.{entry}.pin=…: talk.buttons.{entry}: no such entry; "
        "expected a number from 0 to 1"
    ]
