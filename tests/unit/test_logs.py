"""Log lines: plain, JSON or for the journal, and never with a secret in them."""

from __future__ import annotations

import json
import logging
from datetime import datetime

import pytest

from agent import logs
from agent.config.secret import Secret

log = logging.getLogger("agent.test")
Captured = pytest.CaptureFixture[str]


def test_plain_lines_name_only_what_is_wrong(capsys: Captured) -> None:
    logs.setup("debug", "plain")
    log.debug("a detail")
    log.info("connected to %s", "cloud")
    log.warning("careful")
    log.error("broken")
    assert capsys.readouterr().err.splitlines() == [
        "a detail",
        "connected to cloud",
        "warning: careful",
        "error: broken",
    ]


def test_what_is_below_the_level_is_not_said(capsys: Captured) -> None:
    logs.setup("warning", "plain")
    log.info("quiet")
    log.warning("loud")
    assert capsys.readouterr().err == "warning: loud\n"


def test_a_record_is_one_line_whatever_it_holds(capsys: Captured) -> None:
    for form in ("plain", "json"):
        logs.setup("info", form)
        log.info("one\ntwo")
    plain, line = capsys.readouterr().err.splitlines()
    assert plain == "one | two"
    assert json.loads(line)["message"] == "one\ntwo"


def test_json_lines_have_time_level_thread_logger_and_message(capsys: Captured) -> None:
    logs.setup("info", "json")
    log.warning("volume %d %%", 80)
    line = json.loads(capsys.readouterr().err)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {
        "level": "warning",
        "thread": "MainThread",
        "logger": "agent.test",
        "message": "volume 80 %",
    }


def test_json_keeps_other_alphabets_readable(capsys: Captured) -> None:
    logs.setup("info", "json")
    log.info("你好")
    assert "你好" in capsys.readouterr().err


def _no_journal() -> logging.Handler:
    raise FileNotFoundError


@pytest.mark.parametrize(
    ("level", "prefix"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3)]
)
def test_without_a_journal_it_reads_the_level_from_a_prefix(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, level: str, prefix: int
) -> None:
    monkeypatch.setattr(logs, "JournalHandler", _no_journal)
    logs.setup("debug", "plain", journal=True)
    getattr(log, level)("text")
    assert capsys.readouterr().err.startswith(f"<{prefix}>")


def test_json_lines_have_no_prefix_even_for_the_journal(capsys: Captured) -> None:
    logs.setup("info", "json", journal=True)
    log.info("text")
    assert capsys.readouterr().err.startswith("{")


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_secret_is_never_in_a_line(capsys: Captured, form: str) -> None:
    logs.setup("info", form)
    for secret in ("s3cret", "s3cret-and-longer", "пароль"):
        Secret(secret)
    log.info("token s3cret of %s", {"key": "s3cret-and-longer"})
    log.error("%s", ValueError("пароль"))
    text = capsys.readouterr().err
    assert "s3cret" not in text
    assert "longer" not in text, "the longest is replaced first"
    assert "пароль" not in text
    assert text.count("***") == 3


def test_a_secret_of_a_library_is_not_in_a_line_either(capsys: Captured) -> None:
    logs.setup("info", "plain")
    Secret("s3cret")
    logging.getLogger("paho").warning("GET /?token=s3cret")
    assert capsys.readouterr().err == "warning: GET /?token=***\n"


def test_empty_secrets_hide_nothing(capsys: Captured) -> None:
    logs.setup("info", "plain")
    Secret("")
    Secret("a")
    log.info("a plain text")
    assert capsys.readouterr().err == "a plain text\n"


def test_libraries_do_not_drown_us(capsys: Captured) -> None:
    logs.setup("debug", "plain")
    for name in ("websockets.client", "paho.mqtt", "asyncio"):
        logging.getLogger(name).debug("noise")
    assert capsys.readouterr().err == ""


def test_setting_up_again_replaces_what_was_before(capsys: Captured) -> None:
    logs.setup("info", "plain")
    logs.setup("info", "plain")
    log.info("once")
    assert capsys.readouterr().err == "once\n"
