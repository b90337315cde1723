"""One upload and its answer; jobs whose answer is delivered later."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from agent.clock import ManualClock
from agent.config.credentials import with_demo
from agent.config.schema import Service
from agent.errors import LinkError, Refused, UsageError
from agent.events import Failure, Garbage, Pair, Result, ServiceEvent, SpeechAt
from agent.link.exchange import JOB_S, Job, Upload, _address, fetch, send
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
        send(ScriptedHttp(page), Request("GET", "http://x/"), ManualClock())


def test_a_file_is_fetched_or_refused() -> None:
    http = ScriptedHttp(Response(200, body=b"ID3"), Response(404, body=b"gone"))
    youdao = provider("youdao", "en")
    url = "https://openapi.youdao.com/ttsapi?q=a%20b"
    assert fetch(http, url, youdao) == b"ID3"
    with pytest.raises(Refused, match="HTTP 404"):
        fetch(http, url, youdao)
    assert http.asked[0] == Request("GET", url)


@pytest.mark.parametrize(
    ("url", "home", "asked"),
    [
        ("http://openapi.youdao.com/t?q", None, "https://openapi.youdao.com/t?q"),
        ("https://openapi.youdao.com:443/t", None, "https://openapi.youdao.com:443/t"),
        ("http://127.0.0.1:8765/t", "http://127.0.0.1:8765", "http://127.0.0.1:8765/t"),
        ("https://gate.example/t", "https://gate.example/", "https://gate.example/t"),
        ("https://openapi.youdao.com/t", "http://10.0.0.2:80", "https://openapi.youdao.com/t"),
        ("http://127.0.0.1/t", None, None),
        ("http://127.0.0.1:1883/t", "http://127.0.0.1:8765", None),
        ("http://169.254.169.254/latest", None, None),
        ("https://192.168.0.1/", None, None),
        ("https://openapi.youdao.com.evil.example/t", None, None),
        ("https://openapi.youdao.com@evil.example/t", None, None),
        ("https://evil@openapi.youdao.com/t", None, None),
        ("https://openapi.youdao.com:8443/t", None, None),
        ("http://openapi.youdao.com:8080/t", None, None),
        ("http://[::1]/t", None, None),
        ("http://[::1/t", None, None),
        ("http://a:99999/t", None, None),
    ],
)
def test_speech_is_fetched_where_the_service_is_and_nowhere_else(
    url: str, home: str | None, asked: str | None
) -> None:
    http, youdao = ScriptedHttp(Response(200, body=b"ID3")), provider("youdao", "en")
    youdao.service = msgspec.structs.replace(youdao.service, url=home)
    if asked is None:
        with pytest.raises(Refused, match=r"the speech is at|cannot be read"):
            fetch(http, url, youdao)
        assert http.asked == []
    else:
        fetch(http, url, youdao)
        assert [request.url for request in http.asked] == [asked]


# --- jobs ------------------------------------------------------------------------------------


class Waiting:
    """A job whose waits pass virtual time and do what was planned."""

    def __init__(self, *answers: Response | LinkError) -> None:
        self.clock = ManualClock()
        self.http = ScriptedHttp(*answers)
        self.stopped = False
        self.plan: list[Callable[[], object]] = []
        self.step_s = 0.2
        self.asked: list[bool] = []  # whether somebody asks again, at each look
        self.job = Job(
            provider("tencent-long-asr", "zh"),
            self.http,
            self.clock,
            stopping=lambda: self.stopped,
            waiting=self._wait,
            again=lambda: self.asked.pop() if self.asked else False,
        )

    def _wait(self, waited: float) -> None:
        assert waited >= 0
        self.clock.advance(self.step_s)
        if self.plan:
            self.plan.pop(0)()

    @property
    def address(self) -> str:
        """Where the service was told to deliver."""
        return parse_qs(self.http.asked[-1].body.decode())["callback_url"][0]

    @property
    def ticket(self) -> str:
        return self.address.rpartition("/")[2]

    def deliver(self, task: str, text: str, ticket: str | None = None) -> bytes | None:
        data = {"task_id": task, "text": text}
        body = json.dumps({"ret": 0, "msg": "ok", "data": data}).encode()
        return self.job.deliver(self.ticket if ticket is None else ticket, lambda: body)


def accepted(task: str) -> Response:
    return ok(ret=0, msg="ok", data={"task_id": task})


def texts(events: Sequence[ServiceEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Result)]


def unread() -> bytes:
    raise AssertionError("what a stranger sends is not read")


def test_a_job_waits_for_its_own_delivery() -> None:
    waiting = Waiting(accepted("t1"))
    receipts: list[bytes | None] = []
    waiting.plan = [
        lambda: receipts.append(waiting.job.deliver("", unread)),
        lambda: receipts.append(waiting.job.deliver("0" * 32, unread)),
        lambda: receipts.append(waiting.deliver("t1", "你好")),
        lambda: pytest.fail("it waits on"),
    ]
    assert texts(waiting.job(CLIP, Pair("zh", None))) == ["你好"]
    assert receipts[:2] == [None, None]
    assert receipts[2] == waiting.job._protocol.receipt(True)


def test_each_job_has_an_address_nobody_can_guess() -> None:
    waiting = Waiting(accepted("t1"), accepted("t2"))
    addresses = []
    for task in ("t1", "t2"):
        waiting.plan = [partial(waiting.deliver, task, "x")]
        waiting.job(CLIP, Pair("zh", None))
        addresses.append(waiting.address)
    assert all(re.fullmatch(r"http://127.0.0.1:8766/callback/[0-9a-f]{32}", a) for a in addresses)
    assert addresses[0] != addresses[1]


def test_the_ticket_stands_in_the_path_before_any_query() -> None:
    assert _address("https://h/asr/?a=1", "T") == "https://h/asr/T?a=1"
    assert _address("https://h", "T") == "https://h/T"


def test_a_delivery_that_overtakes_the_answer_to_the_submission_is_kept() -> None:
    class Overtaking(ScriptedHttp):
        def send(self, request: Request, most: int = 0) -> Response:
            answer = super().send(request)
            waiting.deliver("t1", "early")
            return answer

    waiting = Waiting()
    waiting.job._http = waiting.http = Overtaking(accepted("t1"))
    assert texts(waiting.job(CLIP, Pair("zh", None))) == ["early"]


def test_a_delivery_that_cannot_be_read_asks_for_another() -> None:
    waiting = Waiting(accepted("t1"))
    receipts: list[bytes | None] = []
    waiting.plan = [
        lambda: receipts.append(waiting.job.deliver(waiting.ticket, lambda: b"garbage")),
        lambda: receipts.append(waiting.deliver("t1", "x")),
    ]
    assert texts(waiting.job(CLIP, Pair("zh", None))) == ["x"]
    assert receipts == [waiting.job._protocol.receipt(ok) for ok in (False, True)]


def test_a_failure_that_names_no_task_is_that_of_its_address() -> None:
    waiting = Waiting(accepted("t1"))
    body = json.dumps({"ret": 3, "msg": "too long"}).encode()
    waiting.plan = [lambda: waiting.job.deliver(waiting.ticket, lambda: body)]
    [failure] = waiting.job(CLIP, Pair("zh", None))
    assert isinstance(failure, Failure)


def test_a_result_that_is_delivered_again_is_taken_politely_and_not_kept() -> None:
    waiting = Waiting(accepted("t1"))
    waiting.plan = [lambda: waiting.deliver("t1", "x")]
    waiting.job(CLIP, Pair("zh", None))
    assert waiting.job.deliver(waiting.ticket, unread) == waiting.job._protocol.receipt(True)
    assert not waiting.job._open


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


@pytest.mark.parametrize("which", [0, 1])
def test_it_is_submitted_again_when_somebody_asks_and_the_first_result_counts(which: int) -> None:
    waiting = Waiting(accepted("t1"), accepted("t2"))
    tickets: list[str] = []

    def ask() -> None:
        tickets.append(waiting.ticket)
        waiting.asked.append(True)

    def deliver() -> None:
        tickets.append(waiting.ticket)
        assert waiting.deliver(f"t{which}", "你好", tickets[which]) is not None

    waiting.plan = [lambda: None, ask, deliver]
    assert texts(waiting.job(CLIP, Pair("zh", None))) == ["你好"]
    assert len(waiting.http.asked) == 2
    assert tickets[0] != tickets[1], "each has an address of its own"
    for ticket in tickets:
        assert waiting.deliver("t1", "再见", ticket) == waiting.job._protocol.receipt(True)
