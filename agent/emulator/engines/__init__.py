"""What the emulator hears, translates and speaks with.

A provider asks an `Engine` and never knows which one it is:

* `scripted` gives results that depend on nothing but the script and the audio;
* `local` really recognises, translates and speaks, without a network, in a process of its own.

Engine and recognizer calls may take long. The server runs them in threads, one call at a time
for each recognizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from agent.emulator.engines.engine import (
    SPEECH_RATE,
    Engine,
    EngineFailed,
    Heard,
    Recognizer,
    Unsupported,
)

__all__ = [
    "SPEECH_RATE",
    "Engine",
    "EngineFailed",
    "Heard",
    "Recognizer",
    "Unsupported",
    "load_engine",
]


@contextmanager
def load_engine(name: str, script: Path | None = None) -> Iterator[Engine]:
    """The engine of that name, as long as the block lasts.

    `UsageError` for a bad script or a missing program.
    """
    if name == "local":
        from agent.emulator.engines.apart import apart
        from agent.emulator.engines.local import LocalEngine, read_options

        make = partial(LocalEngine, *(read_options(script) if script else ()))
        with apart(make, partial(make, small=True)) as engine:
            yield engine
    else:
        from agent.emulator.engines.script import read_script
        from agent.emulator.engines.scripted import ScriptedEngine

        yield ScriptedEngine(read_script(script) if script else None)
