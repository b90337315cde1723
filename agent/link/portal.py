"""Who answers in place of the service: a captive portal, a proxy, a gateway."""

from __future__ import annotations

import json
from dataclasses import replace

from agent.clock import Clock
from agent.errors import LinkError
from agent.services.answers import retry_after
from agent.services.shapes import Response

REDIRECTS = (301, 302, 303, 307, 308)
LOGIN_FIRST = 511  # "Network Authentication Required" (RFC 6585)


def portal(response: Response) -> LinkError | None:
    """The error a web page is, or a redirect, in place of an API's answer; None for others.

    Whatever its status: a portal's page may come with 403, and none is the service's own word.
    """
    status, page = response.status, _is_page(response)
    if status in REDIRECTS or status == LOGIN_FIRST or (page and status < 500):
        return LinkError(
            f"HTTP {status} and a web page instead of the service: a captive portal or proxy "
            "answers in its place; log in to the network, or check service.url",
            "portal",
            retry_after_s=retry_after(response.headers),
        )
    if page:
        return LinkError(
            f"HTTP {status} and a web page instead of the service: a gateway answers for a "
            "service that is away",
            "gateway",
            retry_after_s=retry_after(response.headers),
        )
    return None


def with_date(response: Response, clock: Clock) -> Response:
    """``response`` with our time where it has a Retry-After and no time of its own."""
    if "retry-after" not in response.headers or "date" in response.headers:
        return response
    from email.utils import format_datetime  # 1 MB, for what happens seldom

    now = format_datetime(clock.utc(), usegmt=True)
    return replace(response, headers={**response.headers, "date": now})


def _is_page(response: Response) -> bool:
    markup = response.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
    html = "text/html" in response.headers.get("content-type", "").lower()
    return markup or (html and not _is_json(response.body))


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
