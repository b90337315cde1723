"""Credentials never leave in what is said, in whatever way they are written."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import redact
from agent.config.secret import DEMO, Secret
from agent.events import Notice, Summary, Transcript
from agent.redact import hidden, hide
from agent.report import payloads

TOKEN = 'a/b+c d"e=é&%'


@pytest.mark.parametrize(
    "written",
    [
        TOKEN,
        quote(TOKEN),
        quote(TOKEN, safe=""),
        quote_plus(TOKEN),
        quote_plus(TOKEN).lower(),
        urlencode({"token": TOKEN}).removeprefix("token="),
        json.dumps(TOKEN)[1:-1],
        json.dumps(TOKEN, ensure_ascii=False)[1:-1],
        b64encode(TOKEN.encode()).decode().rstrip("="),
    ],
)
def test_however_it_is_written(written: str) -> None:
    Secret(TOKEN)
    assert hide(f"GET /?key={written} failed") == "GET /?key=*** failed"


@given(st.text(min_size=redact.LEAST, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_nothing_of_it_is_left(secret: str, before: str, after: str) -> None:
    redact.forget()
    Secret(secret)
    if secret != DEMO and secret not in "***":
        assert secret not in hide(before + secret + after).replace("***", "\0")


def test_of_two_secrets_the_longer_is_hidden_whole() -> None:
    Secret("s3cret")
    Secret("s3cret-and-longer")
    assert hide("s3cret-and-longer s3cret") == "*** ***"


def test_words_and_the_emulators_word_hide_nothing() -> None:
    for word in ("", "no", DEMO):
        Secret(word)
    assert hide("no demo") == "no demo"


def test_objects_and_lists_are_hidden_through_and_keep_their_names() -> None:
    Secret("s3cret")
    value = {"s3cret": ["a s3cret", {"b": "s3cret"}, 3, None]}
    assert hidden(value) == {"s3cret": ["a ***", {"b": "***"}, 3, None]}


def transcript(text: str) -> Transcript:
    return Transcript("s", 0, text, text, "en", "es", 0, 1, "youdao", "now", True)


def test_what_is_published_holds_no_token_that_a_server_sent_back() -> None:
    Secret("hunter2-hunter2")
    words = "you sent hunter2-hunter2"
    for said in (
        payloads.notice(Notice("outage", {"reason": words, "more": [words]}), "now"),
        payloads.result({}, words),
        payloads.summary(Summary("s", words, words)),
        payloads.transcript(transcript(words)),
    ):
        assert "hunter" not in json.dumps(said)
        assert "***" in json.dumps(said)


def test_a_short_password_does_not_take_words_out_of_peoples_mouths() -> None:
    Secret("home")
    assert payloads.transcript(transcript("going home"))["text"] == "going home"
    assert payloads.result({}, "no home") == {"ok": False, "error": "no ***"}
