"""LibreTranslate: translations of text (API of LibreTranslate, ``POST /translate``).

The body is JSON: ``q``, ``source``, ``target``, ``format`` ``text``, and ``api_key`` where the
server wants one; the answer has ``translatedText``, a refusal ``error`` and a status that is no
success.  ``GET /languages`` lists what each language can be translated to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from agent.events import Failure, Garbage, ServiceEvent, Text
from agent.services import answers
from agent.services.languages import base
from agent.services.reading import Fields
from agent.services.shapes import Nonce, Request, Response

DOCUMENT = "LibreTranslate API"
MAX_ANSWER = 100_000  # characters
MAX_BODY = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, without ``/translate``, and its key, where it wants one."""

    url: str
    key: str = field(default="", repr=False)

    def at(self, path: str) -> str:
        return self.url.rstrip("/") + path


class Translate:
    """One text at a time (:class:`agent.services.shapes.TextProtocol`); there are no streams:
    what is asked for as one comes whole."""

    def __init__(self, server: Server, source: str, target: str) -> None:
        self._server, self._source, self._target = server, base(source), base(target)
        self._body = bytearray()

    def request(self, text: str, stream: bool, nonce: Nonce) -> Request:
        self._body.clear()
        asked = {"q": text, "source": self._source, "target": self._target, "format": "text"}
        asked |= {"api_key": self._server.key} if self._server.key else {}
        data = json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json"}
        return Request("POST", self._server.at("/translate"), headers, data)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        return answers.read(response, lambda data: _refusal(data, response.status), _translated)

    def feed(self, data: bytes) -> Sequence[ServiceEvent]:
        self._body += data[: MAX_BODY - len(self._body)]
        return ()

    def finish(self) -> Sequence[ServiceEvent]:
        """A refusal has no status here: it is asked for again, whole (``no-answer``)."""
        events = self.answer(Response(200, {}, bytes(self._body)))
        said = any(isinstance(event, Text) for event in events)
        return events if said else [Garbage("no-answer", whole=True)]


def list_languages(server: Server) -> Request:
    """Asks what can be translated."""
    return Request("GET", server.at("/languages"))


def pairs(response: Response) -> dict[str, tuple[str, ...]] | Failure | Garbage:
    """The targets of each source; an error, or what is no list of languages."""
    if not answers.ok(response.status):
        events = answers.read(response, lambda data: _refusal(data, response.status), lambda _: [])
        return next(event for event in events if isinstance(event, Failure))
    try:
        listed = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Garbage("bad-json", str(error)[:200], whole=True)
    if not isinstance(listed, list):
        return Garbage("wrong-type", "no list of languages", whole=True)
    found = Fields({"languages": listed}, []).objects("languages")
    return {code: tuple(each.texts("targets")) for each in found if (code := each.word("code"))}


def _translated(data: Fields) -> list[ServiceEvent]:
    return [Text(data.text("translatedText", None, MAX_ANSWER).strip(), last=True)]


def _refusal(data: Fields, status: int) -> Failure | None:
    said = data.get("error")
    if answers.ok(status) and not said:
        return None
    plain = answers.status_failure(status if not answers.ok(status) else 400)
    words = said if isinstance(said, str) else plain.message
    return answers.failure(plain.code, words, plain.retryable, about=plain.about)
