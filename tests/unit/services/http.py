"""Requests and answers of vectors, and answers of any kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from agent.events import Result, Word
from agent.services.shapes import Nonce, Request, Response
from tests.unit.services.events import assert_is, json_values


def nonce_of(vectors: dict[str, Any]) -> Nonce:
    return Nonce(**vectors["nonce"])


def response(vector: dict[str, Any]) -> Response:
    """``body`` is JSON, ``text`` anything."""
    text = vector["text"] if "text" in vector else json.dumps(vector["body"], ensure_ascii=False)
    return Response(vector.get("status", 200), body=text.encode())


def assert_request(request: Request, expected: dict[str, Any]) -> None:
    """Equal to the byte; bodies of vectors are Latin-1."""
    assert request.method == expected["method"]
    assert request.url == expected["url"]
    assert request.headers == expected["headers"]
    assert request.body == expected["body"].encode("latin-1")


def assert_events(events: Sequence[object], expected: Sequence[dict[str, Any]]) -> None:
    """One for one; ``words`` of a vector are ``[text, start_ms, end_ms]``."""
    assert len(events) == len(expected)
    for event, vector in zip(events, expected, strict=True):
        [(name, fields)] = vector.items()
        words = {"words": tuple(Word(*word) for word in fields.get("words", ()))}
        assert_is(event, {name: fields | (words if "words" in fields else {})})


def assert_sound(events: Sequence[object]) -> None:
    """What must hold for any answer: results are final, numbered from 0, in time order."""
    results = [event for event in events if isinstance(event, Result)]
    assert [result.index for result in results] == list(range(len(results)))
    assert all(result.final for result in results)
    assert all(type(result.text) is str for result in results)


def objects(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of ``keys`` and anything in them."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, json_values))


def bodies(*samples: object) -> st.SearchStrategy[bytes]:
    """Any bytes, any JSON, and the beginnings of good answers."""
    texts = [json.dumps(sample, ensure_ascii=False).encode() for sample in samples]
    cut = st.sampled_from(texts).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda end: text[:end])
    )
    return st.binary() | json_values.map(lambda value: json.dumps(value).encode()) | cut


def responses(content: st.SearchStrategy[bytes]) -> st.SearchStrategy[Response]:
    statuses = st.sampled_from([200, 200, 200, 204, 302, 401, 429, 500]) | st.integers(0, 999)
    return st.builds(lambda status, body: Response(status, body=body), statuses, content)
