"""The page: complete, of one piece, and nothing in it that a strict policy must forbid."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import agent.web
from agent.web import files

PAGE = Path(agent.web.__file__).parent / "page"
FILES = files.load()
ADDRESS = re.compile(r"(?:https?|wss?)://[^\s\"'`$)]+")


class Reader(HTMLParser):
    """The elements of the page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def elements() -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(FILES["/"].body.decode())
    return reader.elements


def test_every_file_of_the_page_is_served_and_no_other() -> None:
    assert set(FILES) == {"/", *(f"/{each.name}" for each in PAGE.iterdir())}
    assert FILES["/"] == FILES["/index.html"]


def test_what_the_page_refers_to_is_there() -> None:
    text = "\n".join(each.body.decode() for each in FILES.values())
    wanted = set(re.findall(r"(?:src|href)=\"([a-z]+\.[a-z]+)\"|from \"\./([a-z]+\.js)\"", text))
    names = {f"/{first or second}" for first, second in wanted}
    assert "/app.js" in names
    assert names <= set(FILES)
    assert set(FILES) - names <= {"/", "/index.html"}, "nothing is there in vain"


def test_kinds() -> None:
    assert FILES["/"].kind == "text/html; charset=utf-8"
    assert FILES["/app.js"].kind == "text/javascript; charset=utf-8"
    assert FILES["/style.css"].kind == "text/css; charset=utf-8"


def test_no_script_and_no_style_in_the_page_itself() -> None:
    for tag, attributes in elements():
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or "src" in attributes


@pytest.mark.parametrize("path", sorted(FILES))
def test_nothing_is_fetched_from_elsewhere(path: str) -> None:
    addresses = ADDRESS.findall(FILES[path].body.decode())
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", [path for path in sorted(FILES) if path.endswith(".js")])
def test_text_is_never_markup(path: str) -> None:
    script = FILES[path].body.decode()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in script


def test_the_page_is_small() -> None:
    """It comes over a poor network to a phone."""
    assert sum(len(FILES[path].body) for path in FILES if path != "/index.html") < 80_000


def test_the_policy_allows_our_own_files_and_nothing_else() -> None:
    headers = files.headers("localhost:8080")
    parts = headers["Content-Security-Policy"].split("; ")
    policy = dict(part.split(" ", 1) for part in parts)
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self' ws://localhost:8080 wss://localhost:8080",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert "ws:" not in files.headers()["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
