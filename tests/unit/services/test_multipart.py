"""Multipart bodies read back by the standard library's MIME parser."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from email.policy import HTTP

from hypothesis import example, given
from hypothesis import strategies as st

from agent.services.multipart import Part, content_type, encode

BOUNDARY = "dragoman-7dd31c36-b3e9-4f6c-8c10-92f5f4793cdb"
names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


def read_back(body: bytes, kind: str) -> list[tuple[str, str | None, str, bytes]]:
    """Name, file name, type and data of every part."""
    mail = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=HTTP)
    return [_part(part) for part in mail.iter_parts()]


def _part(part: Message) -> tuple[str, str | None, str, bytes]:
    name = part.get_param("name", header="content-disposition")
    data = part.get_payload(decode=True)
    assert isinstance(name, str)
    assert isinstance(data, bytes)
    return name, part.get_filename(), part.get_content_type(), data


def test_a_text_and_a_file() -> None:
    parts = [Part("language", "中"), Part("file", b"RIFF\x00\r\n\xff", "audio.wav", "audio/wav")]
    assert read_back(encode(parts, BOUNDARY), content_type(BOUNDARY)) == [
        ("language", None, "text/plain", "中".encode()),
        ("file", "audio.wav", "audio/wav", b"RIFF\x00\r\n\xff"),
    ]


@given(st.binary(max_size=200))
@example(b"")
@example(b"\r\n--")
@example(b"\r\n")
def test_any_sound_survives(sound: bytes) -> None:
    body = encode([Part("file", sound, "a.wav", "audio/wav"), Part("x", "y")], BOUNDARY)
    assert body.split(f"--{BOUNDARY}".encode())[1].partition(b"\r\n\r\n")[2] == sound + b"\r\n"


@given(names, names)
@example('a"b', 'c"d.wav')
def test_no_name_breaks_out(name: str, filename: str) -> None:
    head = Part(name, b"", filename + "\r\nX: y").head()
    assert head.count("\r\n") == 1
    assert head.count('"') == 4
