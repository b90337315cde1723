"""What all HTTP answers have in common."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.events import Failure, Garbage, Result
from agent.services.answers import each, failure, numbered, read, status_failure
from agent.services.reading import Fields, Malformed
from agent.services.shapes import Response


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((400, False), (401, False), (403, False), (404, False), (408, True), (413, False)),
        *((429, True), (500, True), (501, False), (502, True), (503, True), (504, True)),
        *((511, True), (520, True), (522, True), (599, True)),
    ],
)
def test_a_status_says_whether_to_retry(status: int, retryable: bool) -> None:
    refused = status_failure(status)
    assert refused.code == f"http-{status}"
    assert str(status) in refused.message
    assert refused.retryable is retryable


def test_the_services_own_error_wins_over_the_status() -> None:
    own = Failure("7", "own")
    answer = read(Response(500, body=b"{}"), lambda _: own, lambda _: "results")
    assert answer == [own]


def test_results_are_read_from_success_only() -> None:
    def results(_: object) -> str:
        return "results"

    assert read(Response(204, body=b"{}"), lambda _: None, results) == "results"
    assert read(Response(199, body=b"{}"), lambda _: None, results) == [status_failure(199)]
    assert read(Response(300, body=b"{}"), lambda _: None, results) == [status_failure(300)]


def test_malformed_is_garbage_of_a_success_and_the_status_of_a_refusal() -> None:
    def malformed(_: object) -> None:
        raise Malformed("kind", "detail" * 1000)

    [garbage] = read(Response(200, body=b"{}"), malformed, lambda _: [])
    assert isinstance(garbage, Garbage)
    assert garbage.kind == "kind"
    assert len(garbage.detail) == 500
    assert read(Response(502, body=b"{}"), malformed, lambda _: []) == [status_failure(502)]


def test_a_refusal_carries_the_wait_it_asks_for() -> None:
    busy = Response(429, {"retry-after": "60"}, b"slow down")
    [refused] = read(busy, lambda _: None, lambda _: [])
    assert isinstance(refused, Failure)
    assert (refused.retry_after_s, refused.about) == (60, "limit")
    own = Response(503, {"retry-after": "7"}, b"{}")
    [refused] = read(own, lambda _: Failure("7", "own"), lambda _: [])
    assert isinstance(refused, Failure)
    assert (refused.code, refused.retry_after_s) == ("7", 7)


@pytest.mark.parametrize(("status", "about"), [(413, "recording"), (415, "recording"), (400, "")])
def test_a_status_may_blame_the_sound(status: int, about: str) -> None:
    assert status_failure(status).about == about


def test_a_servers_wording_becomes_one_short_line() -> None:
    refused = failure("c" * 99, " a\r\n\tb " + "x" * 9999, True)
    assert len(refused.code) == 60
    assert refused.message.startswith("a b x")
    assert len(refused.message) == 500


def test_lists_keep_what_is_good() -> None:
    def read_one(item: Fields) -> Result | None:
        text = item.text("t", None)
        return Result(9, text) if text else None

    events = each([Fields({}), Fields({"t": "a"}), Fields({"t": ""})], read_one)
    missing = Garbage("missing-field", "t: NoneType for a text")
    assert events == [missing, Result(9, "a")]
    assert numbered(events) == [Result(0, "a"), missing]
    assert numbered([missing]) == [replace(missing, whole=True)]


def test_what_is_odd_is_told_besides_the_results() -> None:
    def results(data: Fields) -> list[Result]:
        return [Result(data.whole("n") or 0, data.text("t"))]

    answer = Response(200, body=b'{"n": "7", "t": "a"}')
    assert read(answer, lambda _: None, results) == [
        Result(7, "a"),
        Garbage("wrong-type", "n: str for a number"),
    ]
