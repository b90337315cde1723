"""The journal: what tests and product teams read afterwards."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest

from agent.emulator.journal import Journal, Sent, blot
from agent.errors import RunError


def test_a_connection_remembers_what_came_and_went() -> None:
    page = Journal().open("twetalk-v2", 8_000)
    page.note_received('{"ping": 1}', 1)
    page.note_received(bytes(640), 2)
    page.note_received(bytes(640), 42)
    page.note_sent(Sent(3, "result", '{"translation": "hi"}'))
    page.note_sent(Sent(4, "speech", b"abc"))
    page.note_sent(Sent(5, "speech", b"d"))
    assert page.number == 1
    assert page.audio == bytes(1_280)
    assert (page.messages, page.audio_ms) == (3, 80)
    assert [(received.at_ms, received.size) for received in page.received] == [
        (1, 11),
        (2, 640),
        (42, 640),
    ]
    assert page.results == [{"translation": "hi"}]
    assert page.speech == b"abcd"


def test_without_keep_messages_are_only_counted() -> None:
    page = Journal(keep=False).open("twetalk-v2", 8_000)
    page.note_received(bytes(640), 2)
    page.note_sent(Sent(3, "speech", b"abc"))
    assert (page.messages, page.audio_ms) == (1, 40)
    assert (page.received, page.audio, page.sent) == ([], b"", [])


def test_the_first_reason_of_an_end_counts() -> None:
    page = Journal().open("twetalk-v2", 16_000)
    page.note_end("reset")
    page.note_end("gone")
    assert page.ended == "reset"


def test_a_recording_is_a_wav_and_a_line_for_each_message(tmp_path: Path) -> None:
    page = Journal(tmp_path / "new" / "folder").open("twetalk-v2", 16_000)
    page.note_received('{"token": "secret"}', 0.26)
    page.note_received(b"\x01\x02" * 640, 40)
    page.note_sent(Sent(50, "result", '{"translation": "你"}'))
    page.note_end("gone")
    (sound,), (lines,) = (tmp_path.rglob(f"*-001-twetalk-v2.{end}") for end in ("wav", "jsonl"))
    with wave.open(str(sound)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (
            16_000,
            1,
            2,
        )
        assert reader.readframes(9_999) == b"\x01\x02" * 640
    messages = [json.loads(line) for line in lines.read_text().splitlines()]
    assert messages[0] == {
        "at_ms": 0.3,
        "what": "received",
        "bytes": 19,
        "text": '{"token": "***"}',
    }
    assert [message.get("what") for message in messages] == ["received", "received", "result", None]
    assert messages[-1] == {"ended": "gone"}


def test_an_unfinished_recording_can_be_read(tmp_path: Path) -> None:
    page = Journal(tmp_path).open("twetalk-v2", 16_000)
    page.note_received(bytes(1_280), 1)
    (sound,) = tmp_path.glob("*.wav")
    copy = tmp_path / "copy"
    page.note_received(bytes(1_281), 41)
    copy.write_bytes(sound.read_bytes())
    page.note_end("gone")
    with wave.open(str(sound)) as reader:
        assert reader.getnframes() == 1_280
    assert copy.stat().st_size >= 44


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot record in"):
        Journal(tmp_path / "file")


@pytest.mark.parametrize(
    "message", ['{"token": "demo"}', '{"ping": 1}', "[]", "{", '"token"', "[" * 100_000]
)
def test_messages_without_a_secret_stay_as_they_are(message: str) -> None:
    assert blot(message) == message


def test_credentials_are_blotted_out() -> None:
    assert json.loads(blot('{"token": "real", "ping": 1}')) == {"token": "***", "ping": 1}


def test_a_request_remembers_what_is_not_secret() -> None:
    page = Journal().exchange("youdao", "POST", "/speechtransapi")
    page.note_fields({"appKey": "mine", "q": "x" * 501, "sound": b"abc", "to": "en", "n": 1})
    page.note_audio(b"pcm")
    page.note_end("answered", 200, b"{}", 1.5)
    assert page.number == 1
    assert page.fields == {
        "appKey": "***", "q": "<501 characters>", "sound": "<3 bytes>", "to": "en", "n": 1,
    }  # fmt: skip
    assert (page.status, page.answer, page.answer_size, page.audio) == (200, b"{}", 2, b"pcm")
    assert page.summary()["ended"] == "answered"
    json.dumps(page.summary())


def test_without_keep_requests_are_numbered_only() -> None:
    journal = Journal(keep=False)
    pages = [journal.exchange("youdao", "POST", "/") for _ in range(2)]
    pages[1].note_audio(b"pcm")
    pages[1].note_end("answered", 200, b"{}", 1)
    assert [page.number for page in pages] == [1, 2]
    assert (pages[1].audio, pages[1].answer, journal.exchanges) == (b"", b"", [])
