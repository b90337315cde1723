"""The local engine's process: what is asked of it comes back, and it ends as it should."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from agent.emulator.engines import Engine, EngineFailed, Unsupported, load_engine
from agent.emulator.engines.apart import apart
from agent.emulator.engines.local import Languages
from agent.errors import RunError, UsageError
from tests.patience import HANG_S
from tests.system.broker import wait_until
from tests.system.device import recording

pytest.importorskip("pocketsphinx")
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("apertium", "espeak-ng"))), reason="apertium or espeak-ng is missing"
)


class Deaf:
    """An engine that never comes back from its work, and never lets go of the interpreter."""

    languages = Languages(frozenset({"eng-spa"}))

    def recognizer(self, source: str, rate: int) -> None:
        hold = "x" * 40_000_000
        while True:
            hold.count("y" * 20)


def broken() -> Deaf:
    os.kill(os.getpid(), signal.SIGKILL)
    return Deaf()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with load_engine("local") as loaded:
        yield loaded


def test_it_answers_as_it_would_here(engine: Engine) -> None:
    recognizer = engine.recognizer("en", 16_000)
    pcm = recording("Front_Center")
    heard = [h for at in range(0, len(pcm), 1_280) for h in recognizer.feed(pcm[at : at + 1_280])]
    heard += recognizer.finish()
    assert [h.kind for h in heard if h.kind != "partial"] == ["start", "final"]
    assert engine.translate("good morning", "en", "es").lower() == "buenos días"
    assert len(engine.speak("hola", "es")) > 8_000
    assert engine.summarise("One sentence.") == "One sentence."


def test_its_errors_are_the_engines_own(engine: Engine) -> None:
    with pytest.raises(EngineFailed, match="no Apertium pair from 'en' to 'xx'"):
        engine.translate("hello", "en", "xx")
    with pytest.raises(Unsupported, match="recognises 'en' only"):
        engine.require("zh", None)


def test_what_keeps_it_from_loading_is_said(tmp_path: Path) -> None:
    script = tmp_path / "phrases.yaml"
    script.write_text("phrases: [xylofoon]\n")
    with pytest.raises(UsageError, match="'xylofoon' is not in the dictionary"):
        load_engine("local", script).__enter__()
    with pytest.raises(RunError, match="died while it was loading"):
        apart(broken).__enter__()  # type: ignore[arg-type]


def test_what_kills_the_process_is_left_for_the_next() -> None:
    with apart(broken, Deaf) as engine:  # type: ignore[arg-type]
        engine.require("en", "es")


def test_work_that_holds_the_interpreter_holds_up_nobody_here() -> None:
    failed: list[EngineFailed] = []

    def listen(engine: Engine) -> None:
        try:
            engine.recognizer("en", 16_000)
        except EngineFailed as error:
            failed.append(error)

    with apart(Deaf) as engine:  # type: ignore[arg-type]
        worker = Thread(target=partial(listen, engine), daemon=True)
        worker.start()
        time.sleep(0.5)  # it is at work over there
        begun = time.thread_time()
        while time.thread_time() < begun + 0.05:  # of this processor, which nobody else holds
            engine.require("en", "es")
        assert worker.is_alive()
    worker.join(HANG_S)
    assert [str(error) for error in failed] == ["the engine's process has ended"]


def test_it_ends_with_an_emulator_that_is_killed() -> None:
    command = [sys.executable, "-m", "agent", "emulate", "--engine", "local", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout is not None
        while not (line := emulator.stdout.readline()).startswith("listening"):
            assert line, "it has ended"
        children = Path(f"/proc/{emulator.pid}/task/{emulator.pid}/children").read_text().split()
        assert children
        emulator.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "no process")
