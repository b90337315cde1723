"""Forms: what is read, and that nothing else than `BadForm` comes of the rest."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.emulator.forms import BadForm, Part, read_multipart, read_urlencoded
from tests.unit.emulator.calls import multipart

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(texts, texts, max_size=9))
def test_a_urlencoded_form_is_read_back(fields: dict[str, str]) -> None:
    fields.pop("", None)
    assert read_urlencoded(urlencode(fields).encode()) == fields


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"a=1&a=2"])
def test_a_bad_urlencoded_form(body: bytes) -> None:
    with pytest.raises(BadForm):
        read_urlencoded(body)


@given(st.binary(max_size=300))
def test_any_body_is_a_form_or_a_bad_one(body: bytes) -> None:
    for read in (
        read_urlencoded,
        lambda data: read_multipart("multipart/form-data; boundary=-", data),
    ):
        with suppress(BadForm):
            read(body)


def test_a_multipart_form_is_read_back() -> None:
    body, content_type = multipart({"file": b"\r\n--xy\r\n\x00\xff\r\n", "definition": "{}"})
    assert read_multipart(content_type, body) == {
        "file": Part(b"\r\n--xy\r\n\x00\xff\r\n", "speech.wav"),
        "definition": Part(b"{}"),
    }


def test_preamble_and_other_ways_to_write_headers() -> None:
    body = (
        b"preamble\r\n--b\r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION:form-data;name=a\r\n"
        b"\r\n1\r\n--b--\r\nepilogue"
    )
    assert read_multipart('Multipart/Form-Data ; boundary="b"', body) == {"a": Part(b"1")}


TYPE = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--b\r\n\r\n--b--"),
        ("text/plain; boundary=b", b"--b--"),
        (TYPE, b""),
        (TYPE, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'),
        (TYPE, b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--"),
        (TYPE, b"--b\r\nno header\r\n--b--"),
    ],
)
def test_a_bad_multipart_form(content_type: str, body: bytes) -> None:
    with pytest.raises(BadForm):
        read_multipart(content_type, body)


def test_a_field_that_is_not_text() -> None:
    with pytest.raises(BadForm, match="UTF-8"):
        _ = Part(b"\xff").text
