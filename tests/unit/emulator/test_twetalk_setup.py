"""The set-up of TWeTalk V2: what is taken, and what is refused with which words."""

from __future__ import annotations

import json
import uuid

import pytest

from agent.emulator.engines import Unsupported
from agent.emulator.stream import Listen, Rules
from agent.emulator.twetalk.messages import LANGUAGES
from agent.emulator.twetalk.v2 import V2Session
from tests.unit.emulator.v2 import (
    PACKET,
    new_session,
    refusal,
    setup,
    started,
)


def test_the_documents_own_sample_is_accepted() -> None:
    sample = {
        "is_tts_stream": False,
        "enable_tts": False,
        "lang_source": "zh",
        "lang_target": "en",
        "request_id": "7dd31c36-b3e9-4f6c-8c10-92f5f4793cdb",
        "token": "demo",
    }
    assert new_session().text(json.dumps(sample), 0) == [Listen(sample, "zh", "en")]


def test_languages_default_to_chinese_and_english() -> None:
    (action,) = new_session().text(setup(), 0)
    assert isinstance(action, Listen)
    assert (action.source, action.target) == ("zh", "en")


def test_every_documented_language_is_taken() -> None:
    assert len(LANGUAGES) == 17
    for language in LANGUAGES:
        started(lang_source=language, lang_target=language)


@pytest.mark.parametrize(
    ("message", "code", "msg"),
    [
        ("", 1002, "not valid JSON"),
        ("{", 1002, "not valid JSON"),
        ("[" * 100_000, 1002, "not valid JSON"),
        ('{"token": NaN}', 1002, "not valid JSON"),
        ("[]", 1002, "expected a JSON object"),
        ("null", 1002, "expected a JSON object"),
        ("{}", 1001, "token is missing"),
        (setup(token="other"), -1, "Invalid Token"),
        (setup(token=""), -1, "Invalid Token"),
        (setup(token=7), 1001, "token must be of type str"),
        (setup(request_id=...), 1001, "request_id is missing"),
        (setup(request_id="1234"), 1001, "request_id must be a UUID"),
        (setup(request_id="{7dd31c36-b3e9-4f6c-8c10-92f5f4793cdb}"), 1001, "must be a UUID"),
        (setup(request_id="7dd31c36b3e94f6c8c1092f5f4793cdb"), 1001, "must be a UUID"),
        (setup(lang_source="xx"), 1003, "unknown language 'xx'"),
        (setup(lang_target="EN"), 1003, "unknown language 'EN'"),
        (setup(lang_source=None), 1001, "lang_source must be of type str"),
        (setup(enable_tts=1), 1001, "enable_tts must be of type bool"),
        (setup(is_tts_stream="true"), 1001, "is_tts_stream must be of type bool"),
        (setup(disable_tts=True), 1001, "unknown field 'disable_tts'"),
        (setup(ping=1), 1001, "unknown field 'ping'"),
        ('{"ping": 1}', 1001, "unknown field 'ping'"),
    ],
)
def test_a_wrong_setup_is_refused(message: str, code: int, msg: str) -> None:
    refused_code, refused_msg = refusal(new_session().text(message, 0))
    assert refused_code == code
    assert msg in refused_msg


def test_a_request_id_serves_once() -> None:
    ids: set[str] = set()
    request_id = str(uuid.uuid4())
    assert isinstance(new_session(ids=ids).text(setup(request_id=request_id), 0)[0], Listen)
    again = new_session(ids=ids).text(setup(request_id=request_id.upper()), 0)
    assert refusal(again) == (1001, "request_id was used before")


def test_a_refused_setup_does_not_use_up_its_request_id() -> None:
    ids: set[str] = set()
    new_session(ids=ids).text(setup(token="other"), 0)
    assert ids == set()


def test_audio_cannot_come_first() -> None:
    assert "first message" in refusal(new_session().audio(PACKET, 0))[1]


def test_the_setup_has_10_seconds() -> None:
    session = new_session(now=1_000)
    assert session.deadline == 11_000
    assert session.expired(11_000) == []
    assert refusal(session.expired(11_001))[0] == 1001


def test_what_the_engine_cannot_do_is_refused_in_its_words() -> None:
    def require(source: str, target: str | None) -> None:
        raise Unsupported(f"not {source} to {target}")

    session = V2Session(Rules(), set(), require, 0)
    assert refusal(session.text(setup(lang_source="ko"), 0)) == (1003, "not ko to en")
