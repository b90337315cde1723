from __future__ import annotations

import logging
from pathlib import Path

import pytest

from agent.config import sources
from agent.config.loader import load
from tests.unit.config.conftest import Load, Problems


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_line_end_is_not_part_of_it(from_text: Load, secret: Path, end: str) -> None:
    secret.write_bytes(b" hunter 2" + end.encode())
    token = from_text("service: {token_file: secret}").service.token
    assert token
    assert token.reveal() == " hunter 2"


def test_where_a_path_starts(
    from_text: Load, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    for path in ("secret", "./secret", "~/secret", "${CREDENTIALS_DIRECTORY}/secret", str(secret)):
        assert from_text(f"service: {{token_file: '{path}'}}", env=env).service.token


def test_relative_paths_start_at_the_configuration(
    from_text: Load, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_text("service: {token_file: secret}")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load("../d.yaml", env={}).service.token


def test_an_app_id_too(from_text: Load, secret: Path) -> None:
    secret.write_text("0012\n")
    config = from_text("service: {name: twetalk-asr, app_id_file: secret}")
    assert config.service.app_id == "0012"


def test_both_are_a_mistake(problems: Problems, secret: Path) -> None:
    assert problems("service:\n  token: t\n  token_file: secret\n") == [
        "d.yaml:3: service.token_file: token is given too; expected only one of the two"
    ]
    assert problems("service: {token: null, token_file: secret}") == []
    assert problems("service: {token: t, token_file: null}") == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; expected a credential"),
        (b"\n\n", "is empty; expected a credential"),
        (b"hunter2\nhunter3\n", "holds line breaks or other unprintable characters"),
        (b"hunter2\xff", "not UTF-8 text"),
        (b"hunter2" * 10_000, "too large; expected at most 64 KiB"),
    ],
)
def test_contents_that_are_no_credential(
    problems: Problems, secret: Path, content: bytes, words: str
) -> None:
    secret.write_bytes(content)
    (line,) = problems("service: {token_file: secret}")
    assert line.startswith(f"d.yaml:1: service.token_file: {words}")
    assert "hunter" not in line


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("hunter2", "no such file; expected an existing file"),
        (".", "is a directory; expected a file"),
        ("[x]", "got a list; expected the path of a file"),
        ("${NONE}", "${NONE} is not set; expected an environment variable NONE"),
    ],
)
def test_paths_without_a_credential(problems: Problems, path: str, words: str) -> None:
    assert problems(f"service:\n  token_file: {path}") == [f"d.yaml:2: service.token_file: {words}"]


def test_a_file_every_user_can_read_is_warned_about(
    from_text: Load, secret: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        from_text("service: {token_file: secret}")
        assert not caplog.messages
        secret.chmod(0o644)
        from_text("service: {token_file: secret}")
    assert caplog.messages == [
        "d.yaml:1: service.token_file: every user can read this file; expected mode 600"
    ]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder whose files systemd passes to the service, with a token."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "token").write_text("s3cret\n")
    (folder / "token").chmod(0o600)
    monkeypatch.setattr(sources, "CREDENTIALS", folder)
    return folder


PASSED = "service: {token_file: '${CREDENTIALS_DIRECTORY}/dragoman_token'}"


def test_what_systemd_passes_is_found_where_it_lies(from_text: Load, installed: Path) -> None:
    config = from_text(PASSED + "\nmqtt: {ca_file: '${CREDENTIALS_DIRECTORY}/dragoman_ca'}")
    assert config.service.token
    assert config.service.token.reveal() == "s3cret"
    assert config.mqtt.ca_file == str(installed / "ca")


def test_what_it_has_passed_comes_first(from_text: Load, installed: Path, tmp_path: Path) -> None:
    (tmp_path / "dragoman_token").write_text("passed\n")
    token = from_text(PASSED, env={"CREDENTIALS_DIRECTORY": str(tmp_path)}).service.token
    assert token
    assert token.reveal() == "passed"


def test_only_root_may_read_it(
    problems: Problems, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert problems(PASSED) == [f"d.yaml:1: service.token_file: {sources.ROOT_ONLY}"]


def test_where_nothing_is_installed_the_variable_is_missing(
    problems: Problems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CREDENTIALS", tmp_path / "none")
    (line,) = problems(PASSED)
    assert "${CREDENTIALS_DIRECTORY} is not set" in line
