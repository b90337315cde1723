from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from agent.cli import check_config
from agent.config import sources


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    check_config.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["check-config", *arguments])
    assert args.run == check_config.run
    return check_config.run(args)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "d.yaml"
    path.write_text("device: {id: kitchen-1}\nservice: {token: hunter2}\n")
    return str(path)


def test_a_right_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file) == 0
    assert capsys.readouterr() == (
        f"{file}: ok\n"
        "device kitchen-1, service twetalk-v2, zh to en, mode hold, broker localhost:1883\n",
        "",
    )


def test_options_count_too(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--set", "mqtt.host=null", "--set", "service.target=null", "--set", "talk.mode=vad"]
    assert run(file, *options, "--service", "twetalk-v1", "--cloud", "http://127.0.0.1:1") == 0
    assert capsys.readouterr().out.endswith("service twetalk-v1, zh, mode vad, broker none\n")


def test_a_wrong_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text("talk: {mode: no}\nservice: {token: t}\nnetwrok: {}\n")
    assert run(file) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        [f"{file}:1", "talk.mode"],
        [f"{file}:3", "netwrok"],
    ]


def test_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("nowhere.yaml") == 2
    assert capsys.readouterr().err == "nowhere.yaml: no such file; expected an existing file\n"


def test_credentials_only_root_may_read_are_no_mistake(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CREDENTIALS", Path(file).parent)
    monkeypatch.setattr("os.access", lambda *_: False)
    Path(file).write_text("service: {token_file: '${CREDENTIALS_DIRECTORY}/dragoman_token'}\n")
    assert run(file) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{file}: ok but for its credentials")
    assert f"sudo dragoman check-config {file}" in out
    assert run(file, "--set", "talk.mode=shout") == 2
    assert "talk.mode" in capsys.readouterr().err


def test_what_the_services_cannot_do_is_found(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(file).write_text(
        "service: {token: t, source: de, target: en, fallback: [tencent-tsi, youdao]}\n"
        "services:\n"
        "  tencent-tsi: {secret_id: i, secret_key: k}\n"
        "  youdao: {app_key: k, app_secret: s, source: de}\n"
    )
    assert run(file) == 2
    assert capsys.readouterr() == (
        "",
        f"{file}: service.fallback.0: tencent-tsi does not take de to en\n",
    )
    assert (
        run(file, "--set", "service.fallback.0=maas-whisper", "--cloud", "http://127.0.0.1:1") == 0
    )
    assert "service twetalk-v2 or maas-whisper or youdao, de to en" in capsys.readouterr().out


def test_a_service_for_texts_is_right_too(file: str) -> None:
    assert run(file, "--service", "twetalk-summary") == 0


def test_what_would_only_be_recognised_is_said(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(file).write_text(
        "service: {token: t, source: en, target: fr, fallback: [tencent-tsi]}\n"
        "services: {tencent-tsi: {secret_id: i, secret_key: k}}\n"
    )
    assert run(file) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "tencent-tsi would only recognise en, and not translate it to fr"
    )
