"""Requests to the products of MaaS for the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agent.emulator.call import Call
from agent.emulator.maas.gate import Gate
from tests.unit.emulator.calls import call, multipart, reply, speech, wav

SPEECH = wav(speech(1, 22) + speech(3))


def ask(
    fields: Mapping[str, str | bytes], *, token: str = "Bearer demo", endpoint: str = "demo"
) -> Call:
    body, content_type = multipart(fields)
    return call(
        body,
        {"authorization": token, "content-type": content_type},
        parameters={"endpoint": endpoint},
        query={"api-version": "2024-11-15"},
    )


def refusal(product: Gate, request: Call) -> tuple[int, str, str]:
    """Status, code and message, checked for their shape."""
    refused = reply(product, request)
    error = json.loads(refused.body)["error"]
    assert set(error) == {"message", "type", "code"}
    return refused.status, error["code"], error["message"]
