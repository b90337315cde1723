"""An engine in a process of its own.

What recognises holds the interpreter as long as it works: pocketsphinx for a tenth of the time
somebody spoke on a desktop, for all of it on a small board, and longer while it loads its model.
In the emulator's own process that would stop the clock by which a provider judges its clients.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.managers import BaseManager, RemoteError
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, TypeVar

from agent.emulator.engines.engine import Engine, EngineFailed, Heard, Recognizer
from agent.emulator.engines.local import Languages, LocalEngine
from agent.errors import DragomanError, RunError

log = logging.getLogger(__name__)

T = TypeVar("T")
_GONE = "the engine's process has ended"
_DIED = "the engine's process died while it was loading"


_CALLS = ("recognizer", "translate", "summarise", "speak")


class _Manager(BaseManager):
    """Carries calls to the other process, and what came of them back."""


_Manager.register("engine", exposed=_CALLS)
_Manager.register("Recognizer", exposed=("feed", "finish"), create_method=False)


@contextmanager
def apart(*makes: Callable[[], LocalEngine]) -> Iterator[Engine]:
    """The engine that the first of `makes` (functions of a module, or partials) makes over there.

    It is loaded when the block begins and ends with it, at once, whatever it is doing.  An error
    of its maker is raised here.  Where the process dies of it, as of a library that is not made
    for this processor, the next maker's is loaded; `RunError` when there is none.
    """
    with TemporaryDirectory(prefix="dragoman-") as folder, ExitStack() as stack:
        for make in makes:
            address = f"{folder}/engine"
            languages = _loaded(stack.enter_context(_process(make, address)))
            if languages is not None:
                break
        else:
            raise RunError(_DIED)
        manager: Any = _Manager(address)
        manager.connect()
        yield _Apart(languages, manager.engine())


@contextmanager
def _process(make: Callable[[], LocalEngine], address: str) -> Iterator[Connection]:
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(
        target=_serve, args=(make, address, theirs), name="engine", daemon=True
    )
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()
        ours.close()


def _loaded(told: Connection) -> Languages | None:
    """What it can do; None where the process died of it."""
    try:
        loaded = told.recv()
    except EOFError:
        log.warning(_DIED)
        return None
    if isinstance(loaded, DragomanError):
        raise loaded
    assert isinstance(loaded, Languages)
    return loaded


def _serve(make: Callable[[], LocalEngine], address: str, told: Connection) -> None:
    """Load the engine, say how that went, and answer until the parent ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    Thread(target=_end_with_the_parent, daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        engine = make()
    except DragomanError as error:
        told.send(error)
        return
    _Manager.register(
        "engine",
        callable=lambda: engine,
        exposed=_CALLS,
        method_to_typeid={"recognizer": "Recognizer"},
    )
    server = _Manager(address).get_server()
    told.send(engine.languages)
    server.serve_forever()


def _end_with_the_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


class _Apart:
    """See `Engine`."""

    def __init__(self, languages: Languages, far: Any) -> None:
        self.require, self.require_pair = languages.require, languages.require_pair
        self._far = far
        self._left: SimpleQueue[Any] = SimpleQueue()
        Thread(target=_forget, args=(self._left,), name="engine-forget", daemon=True).start()

    def recognizer(self, source: str, rate: int) -> Recognizer:
        far = _ask(self._far.recognizer, source, rate)
        recognizer = _Recognizer(far)
        weakref.finalize(recognizer, self._left.put, far).atexit = False
        return recognizer

    def translate(self, text: str, source: str, target: str) -> str:
        return str(_ask(self._far.translate, text, source, target))

    def summarise(self, text: str, longest: int | None = None) -> str:
        return str(_ask(self._far.summarise, text, longest))

    def speak(self, text: str, language: str) -> bytes:
        return bytes(_ask(self._far.speak, text, language))


class _Recognizer:
    """See `Recognizer`."""

    def __init__(self, far: Any) -> None:
        self._far = far

    def feed(self, pcm: bytes) -> list[Heard]:
        return list(_ask(self._far.feed, pcm))

    def finish(self) -> list[Heard]:
        return list(_ask(self._far.finish))


def _forget(left: SimpleQueue[Any]) -> None:
    """Let go of recognizers nobody uses any more: the other process is told, and waited for."""
    while True:
        left.get()


def _ask(call: Callable[..., T], *arguments: object) -> T:
    try:
        return call(*arguments)
    except (EOFError, OSError):
        raise EngineFailed(_GONE) from None
    except RemoteError as error:  # what is not an `Exception`, or cannot be sent
        raise EngineFailed(str(error).strip().splitlines()[-1]) from None
