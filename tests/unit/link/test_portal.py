"""Who answers in place of the service, and for how long it asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.clock import ManualClock
from agent.link.portal import portal, with_date
from agent.services.answers import retry_after
from agent.services.shapes import Response

HTML = {"content-type": "text/html; charset=utf-8"}
PAGE = b"<!DOCTYPE html><html>Log in</html>"


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(200, HTML, b"<html>Log in</html>"), "portal"),
        (Response(200, {}, PAGE), "portal"),
        (Response(302, {"location": "http://login"}, b""), "portal"),
        (Response(307, {}, b""), "portal"),
        (Response(511, {}, b""), "portal"),
        (Response(401, HTML, PAGE), "portal"),
        (Response(403, {"content-type": "text/plain"}, b"\xef\xbb\xbf\r\n<html>"), "portal"),
        (Response(404, HTML, b"<html>Not found</html>"), "portal"),
        (Response(502, HTML, b"<html>Bad gateway</html>"), "gateway"),
        (Response(522, {}, PAGE), "gateway"),
        (Response(200, HTML, b'{"code": 0}'), None),  # a service careless about its headers
        (Response(403, HTML, b'{"code": 7}'), None),
        (Response(200, {"content-type": "application/json"}, b"{}"), None),
        (Response(403, {}, b""), None),
        (Response(503, {}, b"busy"), None),
        (Response(304, {}, b""), None),
    ],
)
def test_a_web_page_is_no_answer_of_an_api_whatever_its_status(
    response: Response, kind: str | None
) -> None:
    trouble = portal(response)
    assert (None if trouble is None else trouble.kind) == kind


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "60"}, 60),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "9" * 5000}, 999_999_999),
        ({"retry-after": "Wed, 21 Oct 2026 07:29:30 GMT", "date": DATE}, 90),
        ({"retry-after": "Wed, 21 Oct 2026 07:20:00 GMT", "date": DATE}, 0),
        ({"retry-after": "Wednesday, 21-Oct-26 07:29:00 GMT", "date": DATE}, 60),
        ({"retry-after": "Wed, 21 Oct 2026 07:29:00 -0000", "date": DATE}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:29:30 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "\u0661"}, None),
    ],
)
def test_a_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_to_retry_at_without_a_date_of_the_answer_is_read_by_our_clock() -> None:
    clock = ManualClock()
    clock.epoch = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    later = Response(503, {"retry-after": "Wed, 21 Oct 2026 07:29:30 GMT"})
    assert retry_after(with_date(later, clock).headers) == 90
    dated = Response(503, {"retry-after": "5", "date": DATE})
    assert with_date(dated, clock) is dated
