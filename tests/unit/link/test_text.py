"""Texts asked about: whole and in pieces, refused, and cut short."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from agent.clock import ManualClock
from agent.config.schema import Service
from agent.config.secret import Secret
from agent.errors import LinkError, Refused, UsageError
from agent.link.http import HttpClient
from agent.link.text import TextService, summary, translation
from agent.services.shapes import Request, Response

REFUSED = {"code": -1, "err_msg": "Invalid Token"}


class FakeHttp:
    """Answers whole requests from a list, streamed ones with the bytes in ``body``."""

    def __init__(self, *answers: Response, body: bytes = b"") -> None:
        self.requests: list[Request] = []
        self._answers, self._body = list(answers), body

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self._answers.pop(0)

    def stream(self, request: Request) -> Iterator[bytes]:
        self.requests.append(request)
        for at in range(0, len(self._body), 7):
            yield self._body[at : at + 7]


def response(status: int = 200, **fields: Any) -> Response:
    return Response(status, {}, json.dumps(fields).encode())


def events(*pieces: str, key: str = "data", **last: Any) -> bytes:
    objects = [{"code": 0, key: piece, "is_finish": False} for piece in pieces]
    objects += [{"code": 0, key: "", **last}] if last else []
    return b"".join(b"data: " + json.dumps(item).encode() + b"\n\n" for item in objects)


def service(
    http: FakeHttp, name: str = "twetalk-translate", source: str = "en", target: str = "es"
) -> TextService:
    config = Service(name=name, source=source, target=target, token=Secret("t0ken"))
    make = translation if name == "twetalk-translate" else summary
    return make(config, cast(HttpClient, http), ManualClock())


def test_a_whole_translation() -> None:
    http = FakeHttp(response(code=0, data="hola"))
    assert service(http, source="en-US").ask("hello") == "hola"
    body = json.loads(http.requests[0].body)
    assert (body["source"], body["target"], body["text"]) == ("en", "es", "hello")
    assert body["stream"] is False


def test_a_summary() -> None:
    http = FakeHttp(response(code=0, summary="short"))
    config = Service(name="twetalk-summary", token=Secret("t0ken"))
    assert summary(config, cast(HttpClient, http), ManualClock()).ask("a long text") == "short"


def test_pieces_come_as_they_are_complete() -> None:
    http = FakeHttp(body=events("ho", "la"))
    assert list(service(http).stream("hello")) == ["ho", "la"]
    assert json.loads(http.requests[0].body)["stream"] is True


def test_a_refusal_has_the_services_words_whole_and_streamed() -> None:
    http = FakeHttp(response(401, **REFUSED), body=json.dumps(REFUSED).encode())
    with pytest.raises(Refused, match=r"twetalk-translate says: Invalid Token \(code -1\)"):
        service(http).ask("hello")
    with pytest.raises(Refused, match=r"Invalid Token \(code -1\)"):
        list(service(http).stream("hello"))


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>"])
def test_what_is_no_stream_is_asked_for_whole(body: bytes) -> None:
    http = FakeHttp(Response(502, {}, body), body=body)
    with pytest.raises((Refused, LinkError), match="HTTP 502"):
        list(service(http).stream("hello"))
    http = FakeHttp(response(code=0, data="hola"), body=body)
    assert list(service(http).stream("hello")) == ["hola"]


def test_an_answer_that_breaks_off_is_told_after_its_pieces() -> None:
    http = FakeHttp(body=events("a", key="summary"))
    pieces = service(http, "twetalk-summary").stream("text")
    assert next(pieces) == "a"
    with pytest.raises(LinkError, match="broke off"):
        next(pieces)


def test_an_answer_nobody_can_read() -> None:
    with pytest.raises(LinkError, match="can be read"):
        service(FakeHttp(Response(200, {}, b"?"))).ask("hello")


def test_a_portal_is_told_from_the_service() -> None:
    page = Response(200, {"content-type": "text/html"}, b"<html>")
    with pytest.raises(LinkError, match="captive portal"):
        service(FakeHttp(page)).ask("hello")


def test_wrong_usage() -> None:
    for ask in (service(FakeHttp()).ask, lambda text: list(service(FakeHttp()).stream(text))):
        with pytest.raises(UsageError, match="no text"):
            ask(" \n")
    with pytest.raises(UsageError, match="xx"):
        service(FakeHttp(), target="xx")
    with pytest.raises(UsageError, match="does not summarise"):
        service(FakeHttp(), "twetalk-v2")
