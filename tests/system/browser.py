"""A real browser: Debian's Chromium, without a window, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.captions import Screen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = "needs Debian's chromium and playwright: run scripts/test, which installs them"

PATIENCE_MS = 10_000

#: Lines of the browser's console that tell of what a test does on purpose.
EXPECTED = ("ERR_CONNECTION_REFUSED", "WebSocket connection to")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a file of tests."""
    if not CHROMIUM or find_spec("playwright") is None:
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


@contextmanager
def page(
    browser: Browser,
    screen: Screen,
    size: tuple[int, int] = (1280, 800),
    fragment: str = "",
    greeted: bool = True,
    **options: Any,
) -> Iterator[Page]:
    """The caption screen in a fresh window.  Whatever the browser complains of fails the test."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(PATIENCE_MS)
    made, complaints, asked = context.new_page(), list[str](), list[str]()
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda line: complaints.append(line.text) if _bad(line) else None)
    made.on("request", lambda request: asked.append(request.url))
    try:
        made.goto(screen.url + fragment)
        if greeted:  # what happens from now on is seen
            made.locator(".talk").first.wait_for(state="attached")
        yield made
        assert not complaints, complaints
        elsewhere = [url for url in asked if not url.startswith((screen.url, "data:", "blob:"))]
        assert not elsewhere, elsewhere
    finally:
        context.close()


def expect_text(place: Page, selector: str, text: str) -> None:
    """Wait until an element has ``text`` in it."""
    place.locator(selector, has_text=text).first.wait_for()


def expect_value(place: Page, selector: str, value: str) -> None:
    """Wait until a control has this ``value``."""
    from playwright.sync_api import expect

    expect(place.locator(selector)).to_have_value(value, timeout=PATIENCE_MS)


def state(place: Page, word: str) -> None:
    """Wait until the page shows this state."""
    expect_text(place, "#state-word", word)


def _bad(line: Any) -> bool:
    expected = any(words in line.text for words in EXPECTED)
    return line.type in ("error", "warning") and not expected
