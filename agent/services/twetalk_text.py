"""TWeTalk on text (Tencent IoT, "服务端接口文档", 翻译接口(HTTP) and 摘要接口(HTTP)).

``POST /api``; the header ``Action`` says what to do with the ``text`` of the JSON body,
a Bearer token who asks.  The answer is one JSON object, or Server-Sent Events with a
piece in each; a ``code`` other than 0 is a refusal, its reason in ``err_msg``.

Where the document contradicts itself:

* ``Content-Type`` is ``application/json`` for translation throughout and in the interface
  description of summaries, but ``text/plain`` in both examples of summaries ("fixed" each
  time).  The body is JSON, so JSON is sent; :class:`TwetalkSummary` takes the other.
* The tables of translation give ``IotTextSummary`` as its ``Action``, every request beside
  them ``IotTranslate``: the latter is sent.
* A summary's pieces are increments in the streaming example but ever longer texts in the
  interface description: both are read, see :class:`~agent.services.twetalk_stream.Pieces`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from agent.events import Failure, ServiceEvent, Text
from agent.services import answers
from agent.services.base import at
from agent.services.reading import Fields
from agent.services.shapes import Nonce, Request, Response
from agent.services.twetalk import HOST as HOST
from agent.services.twetalk import LANGUAGES as LANGUAGES
from agent.services.twetalk import failure
from agent.services.twetalk_stream import MAX_ANSWER, Stream

PATH = "/api"
JSON = "application/json"
PLAIN = "text/plain"


class _TextService:
    """What both have in common; one object works on one text at a time."""

    action: ClassVar[str]
    key: ClassVar[str]  # the field of the answer that holds the text
    growing: ClassVar[bool | None]
    says_end: ClassVar[bool]

    def __init__(self, token: str, host: str, content_type: str = JSON) -> None:
        self._token, self._host, self._content_type = token, host, content_type
        self._stream = self._new_stream()

    def request(self, text: str, stream: bool, nonce: Nonce) -> Request:
        """The request for ``text``; what is fed from now on is the answer to it."""
        self._stream = self._new_stream()
        body = {**self._fields(text, stream), "request_id": nonce.id, "stream": stream}
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Action": self.action,
            "Content-Type": self._content_type,
        }
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return Request("POST", at(self._host, PATH, "http"), headers, data)

    def answer(self, response: Response) -> Sequence[ServiceEvent]:
        """The whole answer: one ``Text`` with ``last``, ``Failure`` or ``Garbage``."""
        return answers.read(response, _refusal, self._whole)

    def feed(self, data: bytes) -> Sequence[ServiceEvent]:
        """Bytes of a streamed answer, cut anywhere: ``Text`` pieces as they are complete,
        then ``Text("", last=True)`` or ``Failure``."""
        return self._stream.feed(data)

    def finish(self) -> Sequence[ServiceEvent]:
        """The body of a streamed answer has ended; see :meth:`Stream.finish`."""
        return self._stream.finish()

    def _whole(self, data: Fields) -> list[ServiceEvent]:
        return [Text(data.text(self.key, None, MAX_ANSWER), last=True)]

    def _new_stream(self) -> Stream:
        return Stream(self.key, self.growing, self.says_end)

    def _fields(self, text: str, stream: bool) -> dict[str, Any]:
        raise NotImplementedError


class TwetalkTranslate(_TextService):
    """Translation (``IotTranslate``) between two of ``LANGUAGES``.

    Its streaming example has increments only, and no ``is_finish: true``.
    """

    action, key, growing, says_end = "IotTranslate", "data", False, False

    def __init__(self, token: str, source: str, target: str, host: str = HOST) -> None:
        super().__init__(token, host)
        self._source, self._target = source, target

    def _fields(self, text: str, stream: bool) -> dict[str, Any]:
        return {"source": self._source, "target": self._target, "text": text}


class TwetalkSummary(_TextService):
    """Summaries (``IotTextSummary``); ``prompt`` is heeded, and sent, when streaming only."""

    action, key, growing, says_end = "IotTextSummary", "summary", None, True

    def __init__(
        self, token: str, prompt: str | None = None, host: str = HOST, content_type: str = JSON
    ) -> None:
        super().__init__(token, host, content_type)
        self._prompt = prompt

    def _fields(self, text: str, stream: bool) -> dict[str, Any]:
        return {"prompt": self._prompt, "text": text} if self._prompt and stream else {"text": text}


def _refusal(data: Fields) -> Failure | None:
    code = data.code()
    return None if code == "0" else failure(code, data)
