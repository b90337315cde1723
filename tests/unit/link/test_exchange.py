"""One upload and its answer; jobs whose answer is delivered later."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from agent.clock import ManualClock
from agent.config.credentials import with_demo
from agent.config.schema import Service
from agent.errors import LinkError, Refused, UsageError
from agent.events import Failure, Garbage, Pair, Result, SpeechAt
from agent.link.exchange import JOB_S, Job, Upload, fetch, send
from agent.link.http import HttpClient
from agent.services.provider import Provider
from agent.services.shapes import Clip, Request, Response

PAIR = Pair("en", "zh")
CLIP = Clip(bytes(3200), "wav", 100, 16000, 1)


class ScriptedHttp(HttpClient):
    """Answers with what it was given; keeps what it was asked."""

    def __init__(self, *answers: Response | LinkError) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    def send(self, request: Request, most: int = 0) -> Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, LinkError):
            raise answer
        return answer


def ok(**fields: Any) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(fields).encode())


def provider(name: str, source: str = "en") -> Provider:
    return Provider(with_demo(Service(name=name, source=source, target="zh")))


def test_a_clip_is_uploaded_and_its_answer_read() -> None:
    http = ScriptedHttp(
        ok(errorCode="0", query="hello", translation=["你好"], tSpeakUrl="http://x/1.mp3")
    )
    events = Upload(provider("youdao"), http, ManualClock())(CLIP, PAIR)
    assert events == [
        Result(0, "hello", "你好", final=True),
        SpeechAt("http://x/1.mp3"),
    ]


def test_every_upload_has_an_id_of_its_own_and_the_time() -> None:
    clock = ManualClock()
    http = ScriptedHttp(*[ok(errorCode="0")] * 2)
    upload = Upload(provider("youdao"), http, clock)
    upload(CLIP, PAIR)
    clock.advance(60)
    upload(CLIP, PAIR)
    first, second = (parse_qs(request.body.decode()) for request in http.asked)
    assert first["salt"] != second["salt"]
    assert int(second["curtime"][0]) - int(first["curtime"][0]) == 60


def test_each_clip_goes_with_its_own_pair() -> None:
    http = ScriptedHttp(*[ok(errorCode="0")] * 2)
    upload = Upload(provider("youdao"), http, ManualClock())
    upload(CLIP, PAIR)
    upload(CLIP, Pair("ja", "en"))
    fields = [parse_qs(request.body.decode()) for request in http.asked]
    assert [(each["from"], each["to"]) for each in fields] == [
        (["en"], ["zh-CHS"]),
        (["ja"], ["en"]),
    ]


def test_a_clip_past_a_limit_is_never_sent() -> None:
    http = ScriptedHttp()
    with pytest.raises(UsageError, match="youdao takes at most 15 s, this has 15\\.1 s"):
        Upload(provider("youdao"), http, ManualClock())(Clip(b"", "wav", 15_100), PAIR)
    assert http.asked == []


def test_a_captive_portal_is_no_answer() -> None:
    page = Response(200, {"content-type": "text/html"}, b"<html>Log in</html>")
    with pytest.raises(LinkError, match="captive portal"):
        send(ScriptedHttp(page), Request("GET", "http://x/"))


def test_a_file_is_fetched_or_refused() -> None:
    http = ScriptedHttp(Response(200, body=b"ID3"), Response(404, body=b"gone"))
    assert fetch(http, "http://x/1.mp3") == b"ID3"
    with pytest.raises(Refused, match="HTTP 404"):
        fetch(http, "http://x/1.mp3")
    assert http.asked[0] == Request("GET", "http://x/1.mp3")


# --- jobs ------------------------------------------------------------------------------------


class Waiting:
    """A job whose waits pass virtual time and do what was planned."""

    def __init__(self, *answers: Response | LinkError) -> None:
        self.clock = ManualClock()
        self.http = ScriptedHttp(*answers)
        self.stopped = False
        self.plan: list[Callable[[], None]] = []
        self.step_s = 0.2
        self.job = Job(
            provider("tencent-long-asr", "zh"),
            self.http,
            self.clock,
            stopping=lambda: self.stopped,
            waiting=self._wait,
        )

    def _wait(self, waited: float) -> None:
        assert waited >= 0
        self.clock.advance(self.step_s)
        if self.plan:
            self.plan.pop(0)()

    def deliver(self, task: str, text: str) -> bytes:
        data = {"task_id": task, "text": text}
        return self.job.deliver(json.dumps({"ret": 0, "msg": "ok", "data": data}).encode())


def accepted(task: str) -> Response:
    return ok(ret=0, msg="ok", data={"task_id": task})


def test_a_job_waits_for_its_own_delivery() -> None:
    waiting = Waiting(accepted("t1"))
    receipts: list[bytes] = []
    waiting.plan = [
        lambda: receipts.append(waiting.deliver("other", "no")),
        lambda: receipts.append(waiting.deliver("t1", "你好")),
    ]
    events = waiting.job(CLIP, Pair("zh", None))
    assert [event.text for event in events if isinstance(event, Result)] == ["你好"]
    assert receipts[0] == receipts[1]


def test_a_delivery_that_overtakes_the_answer_to_the_submission_is_kept() -> None:
    waiting = Waiting(accepted("t1"))
    waiting.deliver("t1", "early")
    [result] = waiting.job(CLIP, Pair("zh", None))
    assert isinstance(result, Result)
    assert result.text == "early"


def test_a_delivery_that_cannot_be_read_asks_for_another() -> None:
    waiting = Waiting(accepted("t1"))
    good = waiting.deliver("t1", "x")
    assert waiting.job.deliver(b"garbage") != good


def test_many_deliveries_for_nobody_are_not_kept_for_ever() -> None:
    waiting = Waiting(accepted("t1"))
    for n in range(300):
        waiting.deliver(f"x{n}", "no")
    waiting.deliver("t1", "yes")
    [result] = waiting.job(CLIP, Pair("zh", None))
    assert isinstance(result, Result)
    assert len(waiting.job._early) <= 100


def test_a_submission_that_is_refused_is_the_answer() -> None:
    waiting = Waiting(ok(ret=16388, msg="sign invalid"))
    [failure] = waiting.job(CLIP, Pair("zh", None))
    assert isinstance(failure, Failure)
    assert (failure.code, failure.retryable) == ("16388", False)


def test_a_submission_that_cannot_be_read_is_garbage() -> None:
    waiting = Waiting(Response(200, body=b"{"))
    [garbage] = waiting.job(CLIP, Pair("zh", None))
    assert isinstance(garbage, Garbage)


def test_no_delivery_is_a_lost_connection_in_the_end() -> None:
    waiting = Waiting(accepted("t1"))
    waiting.step_s = JOB_S * 0.6
    with pytest.raises(LinkError, match="no result was delivered within 1800 s") as caught:
        waiting.job(CLIP, Pair("zh", None))
    assert caught.value.kind == "timeout"


def test_stopping_ends_the_wait() -> None:
    waiting = Waiting(accepted("t1"))
    waiting.plan = [lambda: setattr(waiting, "stopped", True)]
    with pytest.raises(LinkError) as caught:
        waiting.job(CLIP, Pair("zh", None))
    assert caught.value.kind == "cancelled"


def test_a_job_past_a_limit_is_never_submitted() -> None:
    waiting = Waiting()
    with pytest.raises(UsageError, match="tencent-long-asr takes at most 900 s"):
        waiting.job(Clip(b"", "wav", 901_000), Pair("zh", None))
    assert waiting.http.asked == []
