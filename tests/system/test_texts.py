"""``dragoman translate`` and ``dragoman summarize`` against the emulator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.emulator import Emulator
from agent.emulator.faults import Fault
from tests.patience import HANG_S
from tests.system.device import recording, write_wav
from tests.system.test_cli import SECRET, dragoman

ENGLISH, SPANISH = "Thank you, see you tomorrow.", "Gracias, hasta mañana."
PAIR = ["--source", "en", "--target", "es"]
TALK = "The train leaves at nine. We meet at the station. Bring the tickets."
STREAM = pytest.mark.parametrize("stream", [[], ["--stream"]], ids=["whole", "streamed"])


def piped(text: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """A run with ``text`` on standard input."""
    command = [sys.executable, "-m", "agent", *arguments]
    return subprocess.run(command, input=text, capture_output=True, timeout=HANG_S, check=False)


@STREAM
def test_translate(stream: list[str]) -> None:
    with Emulator() as cloud:
        done = dragoman("translate", ENGLISH, *PAIR, *stream, "--cloud", cloud.url)
        (exchange,) = cloud.exchanges
    assert (done.returncode, done.stdout) == (0, f"{SPANISH}\n"), done.stderr
    assert exchange.fields["source"] == "en"
    assert exchange.fields["target"] == "es"
    assert exchange.fields["stream"] is bool(stream)


def test_translate_standard_input() -> None:
    with Emulator() as cloud:
        done = piped(ENGLISH.encode(), "translate", "-", *PAIR, "--cloud", cloud.url)
    assert (done.returncode, done.stdout.decode()) == (0, f"{SPANISH}\n")


def test_pieces_are_printed_as_they_come() -> None:
    """The answer breaks off behind its first half: that must have been printed already."""
    with Emulator(faults=[Fault("close", request=1)]) as cloud:
        done = dragoman("translate", ENGLISH, *PAIR, "--stream", "--cloud", cloud.url)
    assert done.returncode == 1
    text, end = done.stdout[:-1], done.stdout[-1]
    assert text
    assert SPANISH.startswith(text)
    assert end == "\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("dragoman: ")


@STREAM
def test_summarize_a_text(tmp_path: Path, stream: list[str]) -> None:
    path = tmp_path / "talk.txt"
    path.write_text(f"\ufeff{TALK}")
    with Emulator() as cloud:
        done = dragoman("summarize", str(path), *stream, "--cloud", cloud.url)
        (exchange,) = cloud.exchanges
    assert (done.returncode, done.stdout) == (0, "The train leaves at nine.\n"), done.stderr
    assert exchange.fields["text"] == TALK


def test_summarize_transcripts(tmp_path: Path) -> None:
    speech = write_wav(tmp_path / "speech.wav", recording("Front_Center"))
    with Emulator() as cloud:
        options = ["--service", "maas-whisper", "--source", "en", "-o", "json"]
        heard = dragoman("transcribe", str(speech), *options, "--cloud", cloud.url)
        done = piped(heard.stdout.encode(), "summarize", "-", "--cloud", cloud.url)
        assert cloud.exchanges[1].fields["text"] == "Good morning, where is the railway station?"
    assert done.stdout.decode() == "Good morning, where is the railway station?\n"


@STREAM
def test_wrong_credentials(stream: list[str]) -> None:
    wrong = ["--set", f"service.token={SECRET}"]
    with Emulator() as cloud:
        done = dragoman("translate", ENGLISH, *PAIR, *stream, *wrong, "--cloud", cloud.url)
    assert (done.returncode, done.stdout) == (1, "")
    warning, line = done.stderr.splitlines()
    assert "better: --set service.token=@FILE" in warning
    assert line == "dragoman: twetalk-translate says: Invalid Token (code -1)"


@STREAM
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("http", request="any", status=502), "HTTP 502"),
        (Fault("error", request="any", code=1500), "(code 1500)"),
        (Fault("reset", request="any"), "was lost"),
    ],
)
def test_a_service_that_fails(fault: Fault, words: str, stream: list[str]) -> None:
    with Emulator(faults=[fault]) as cloud:
        done = dragoman("translate", ENGLISH, *PAIR, *stream, "--cloud", cloud.url)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert words in line


def test_an_unreachable_cloud() -> None:
    done = dragoman("summarize", __file__, "--cloud", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("dragoman: 127.0.0.1:1 refuses connections")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["translate", " "], "no text"),
        (["translate", "-"], "no text"),
        (["translate", "hello", "--target", "xx"], "does not take the language 'xx'"),
        (["translate", "hello", "--target", "?"], "'?' is no language code"),
        (["summarize", "-"], "no text"),
        (["summarize", "/nowhere.txt"], "/nowhere.txt: No such file"),
        (["summarize", "/"], "directory"),
        (["summarize", sys.executable], "not a text"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], words: str) -> None:
    done = dragoman(*arguments, "--cloud", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert words in line


def test_credentials_are_needed_where_the_cloud_is_not_this_machine() -> None:
    done = dragoman("translate", "hello")
    assert done.returncode == 2
    assert "token" in done.stderr
