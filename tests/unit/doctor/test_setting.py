"""The doctor's view of a configuration: whole, none, or wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import loader, sources
from agent.doctor import setting
from agent.doctor.setting import BY_CONFIG


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "DEFAULT_PATH", str(tmp_path / "nowhere.yaml"))


def write(folder: Path, text: str) -> str:
    path = folder / "dragoman.yaml"
    path.write_text(text)
    return str(path)


def test_a_whole_one(tmp_path: Path) -> None:
    path = write(tmp_path, "device: {id: k}\nservice: {token: t}\n")
    found = setting.load(path, [], None, {})
    assert found.check.outcome == "pass"
    assert found.check.text == f"{path}: k, twetalk-v2, zh to en"
    assert not found.skipped


def test_without_any_the_defaults_are_looked_at() -> None:
    found = setting.load(None, [], None, {})
    assert found.check.outcome == "skip"
    assert set(found.skipped) == {"credentials", "broker"}
    assert found.config.audio.capture.device == "default"


def test_without_any_the_emulator_is_as_good_as_configured() -> None:
    found = setting.load(None, [], "http://127.0.0.1:1", {})
    assert found.check.outcome == "pass"
    assert not found.skipped


def test_a_mistake_leaves_what_does_not_depend_on_it(tmp_path: Path) -> None:
    path = write(tmp_path, "service: {token: t}\naudio: {rte: 1}\ntalk: {mode: shout}\n")
    found = setting.load(path, [], None, {})
    assert found.check.outcome == "fail"
    assert "audio.rte" in found.check.text
    assert found.check.text.endswith("(and 1 more)")
    assert found.check.mend == f"dragoman check-config {path}"
    assert set(found.skipped) == set(BY_CONFIG)


def test_missing_credentials_leave_all_the_rest(tmp_path: Path) -> None:
    text = "service: {token_file: /nowhere}\naudio: {capture: {device: 'hw:7'}}\n"
    found = setting.load(write(tmp_path, text), [], None, {})
    assert found.check.outcome == "fail"
    assert set(found.skipped) == {"credentials"}
    assert found.config.audio.capture.device == "hw:7"


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    found = setting.load(str(tmp_path / "x.yaml"), [], None, {})
    assert found.check.outcome == "fail"
    assert "no such file" in found.check.text


def test_credentials_only_root_may_read_leave_all_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CREDENTIALS", tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    text = "service: {token_file: '${CREDENTIALS_DIRECTORY}/dragoman_token'}\n"
    found = setting.load(write(tmp_path, text), [], None, {})
    assert found.check.mend == "sudo dragoman doctor"
    assert set(found.skipped) == {"credentials"}
