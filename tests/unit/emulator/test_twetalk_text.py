"""TWeTalk's text interfaces: the document's samples, and what is refused."""

from __future__ import annotations

import json
import re

import pytest

from agent.emulator.call import Call, Reply
from agent.emulator.engines import Unsupported
from agent.emulator.engines.scripted import ScriptedEngine
from agent.emulator.stream import Rules
from agent.emulator.twetalk.text import TextProvider
from tests.unit.emulator.calls import answer, call, reply

ID = "89971c46-79b2-44aa-bdc3-b4b944a48da3"
TRANSLATE = {"source": "zh", "target": "en", "text": "你好 a", "request_id": ID, "stream": False}
SUMMARY = {"stream": False, "request_id": ID, "text": "这是一个测试。第二句。"}


def provider(rules: Rules | None = None) -> TextProvider:
    return TextProvider(ScriptedEngine(), rules or Rules(finish="absent"))


def ask(
    fields: object,
    action: str = "IotTranslate",
    content_type: str = "application/json",
    token: str = "Bearer demo",
) -> Call:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    headers = {"authorization": token, "action": action, "content-type": content_type}
    return call(body, headers)


def events(streamed: Reply) -> list[dict[str, object]]:
    assert streamed.content_type == "text/event-stream"
    lines = b"".join(streamed.events).decode()
    assert re.fullmatch(r"(data: \{.*\}\n\n)+", lines)
    return [json.loads(line[6:]) for line in lines.split("\n\n")[:-1]]


def test_a_whole_translation() -> None:
    assert answer(provider(), ask(TRANSLATE)) == {
        "code": 0, "err_msg": "success", "data": "[en] 你好 a", "request_id": ID,
    }  # fmt: skip


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; charset=utf-8"])
def test_a_whole_summary(content_type: str) -> None:
    assert answer(provider(), ask(SUMMARY, "IotTextSummary", content_type)) == {
        "code": 0, "err_msg": "", "summary": "这是一个测试。", "request_id": ID,
    }  # fmt: skip


def test_a_streamed_translation() -> None:
    fields = {**TRANSLATE, "text": "This is a text.", "stream": True}
    found = events(reply(provider(), ask(fields)))
    assert found[1] == {
        "code": 0, "err_msg": "", "data": "en", "is_finish": False, "request_id": ID,
    }  # fmt: skip
    pieces = [str(event["data"]) for event in found]
    assert pieces == ["[", "en", "]", " This", " is", " a", " text", "."]


def test_a_streamed_translation_may_say_that_it_ends() -> None:
    both = provider(Rules())
    last = [events(reply(both, ask({**TRANSLATE, "stream": True})))[-1] for _ in range(2)]
    assert [event["is_finish"] for event in last] == [True, False]
    assert last[0]["data"] == ""


def test_a_streamed_summary_ends_with_an_empty_piece() -> None:
    fields = {**SUMMARY, "stream": True, "prompt": "50字以内"}
    found = events(reply(provider(), ask(fields, "IotTextSummary", "text/plain")))
    assert "".join(str(event["summary"]) for event in found) == "这是一个测试。"
    assert len(found) > 3
    assert [event["is_finish"] for event in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["summary"] == ""


def test_a_prompt_counts_for_streams_only() -> None:
    short = {**SUMMARY, "prompt": "3字以内"}
    assert answer(provider(), ask(short, "IotTextSummary"))["summary"] == "这是一个测试。"
    streamed = events(reply(provider(), ask({**short, "stream": True}, "IotTextSummary")))
    assert "".join(str(event["summary"]) for event in streamed) == "这是一"


@pytest.mark.parametrize("token", ["", "demo", "Bearer", "Bearer other", "Basic demo"])
def test_a_wrong_token(token: str) -> None:
    wrong = ask(TRANSLATE, "Nothing", token=token)
    assert answer(provider(), wrong) == {"code": -1, "err_msg": "Invalid Token"}


@pytest.mark.parametrize("action", ["", "iottranslate", "IotSummary"])
def test_a_wrong_action(action: str) -> None:
    wrong = ask(TRANSLATE, action)
    assert answer(provider(), wrong) == {"code": -1, "err_msg": "Invalid Action header"}


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (b"", 1002, "not valid JSON"),
        (b"\xff", 1002, "not in UTF-8"),
        (b"[]", 1002, "expected a JSON object"),
        ({**TRANSLATE, "text": ""}, 1002, "text is missing or empty"),
        ({**TRANSLATE, "text": 1}, 1002, "text must be of type str"),
        ({**TRANSLATE, "text": "\ud800"}, 1002, "not in UTF-8"),
        ({**TRANSLATE, "stream": "true"}, 1002, "stream must be of type bool"),
        ({**TRANSLATE, "prompt": "x"}, 1002, "unknown field 'prompt'"),
        ({**TRANSLATE, "target": "en-US"}, 1003, "unknown language 'en-US'"),
        ({"text": "x", "source": "en"}, 1002, "target is missing"),
    ],
)
def test_a_wrong_body(fields: object, code: int, message: str) -> None:
    assert answer(provider(), ask(fields)) == {"code": code, "err_msg": message}


def test_a_wrong_content_type() -> None:
    assert answer(provider(), ask(TRANSLATE, content_type="text/plain"))["code"] == 1002
    wrong = ask(SUMMARY, "IotTextSummary", "application/x-www-form-urlencoded")
    assert answer(provider(), wrong)["code"] == 1002


def test_what_the_engine_cannot_translate() -> None:
    class Stuck(ScriptedEngine):
        def require_pair(self, source: str, target: str) -> None:
            raise Unsupported("no pair")

    stuck = TextProvider(Stuck(), Rules())
    assert answer(stuck, ask(TRANSLATE)) == {"code": 1003, "err_msg": "no pair"}


def test_the_journal_has_the_fields_and_no_token() -> None:
    request = ask({**TRANSLATE, "text": "x" * 999})
    answer(provider(), request)
    assert request.page.fields == {**TRANSLATE, "text": "<999 characters>"}
