"""``dragoman transcribe``: files to transcripts and subtitles, with any speech service."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli import options, output
from agent.errors import DragomanError, RunError, UsageError
from agent.redact import hide

if TYPE_CHECKING:
    from agent.config.schema import Config
    from agent.transcribe.documents import Place
    from agent.transcribe.transcriber import Work

STDIN = "-"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser(
        "transcribe",
        help="sound files to transcripts and subtitles",
        description="Transcribes (and translates) sound files. Services that listen live hear a "
        "file as fast as it was spoken. Ctrl-C keeps what was heard.",
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="WAV, MP3, FLAC, OGG, M4A …; - for standard input"
    )
    parser.add_argument("--service", metavar="NAME", help="default: the configuration's")
    options.add_languages(parser)
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        metavar="srt|vtt|json|txt|FILE|FOLDER/",
        help="format of what is printed (txt); or a file to write, which ends in .srt, .vtt, "
        ".json or .txt; or a folder for a file each (srt, or a format given by another -o)",
    )
    options.add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Transcribe each file; the exit code is that of the worst, 130 when interrupted."""
    config = options.load(args, args.service)
    from agent.clock import SystemClock
    from agent.services.provider import Provider
    from agent.transcribe.documents import place
    from agent.transcribe.transcriber import transcriber

    output.utf8()
    where = place(args.output or (), args.files, Provider(config.service).pair)
    _mention_target(args, config)
    worst = 0
    with _terminated(), transcriber(config, SystemClock()) as work:
        for name in args.files:
            code = _transcribe(name, work, config.service.name, where)
            if code == 130:
                return code
            worst = max(worst, code)
    return worst


@contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _transcribe(name: str, work: Work, service: str, where: Place) -> int:
    """One file; what was heard before a failure or an interrupt is written too."""
    from agent.cli.bar import bar
    from agent.transcribe.cues import clock
    from agent.transcribe.record import Record

    record, code, words = Record(name, service), 0, ""
    called = "standard input" if name == STDIN else name
    try:
        with bar(called) as progress, _input(name) as path:
            work(path, record, progress)
    except DragomanError as error:
        code = error.exit_code
        words = str(error) if str(error).startswith(called) else f"{called}: {error}"
    except KeyboardInterrupt:
        code, heard = 130, clock(record.heard_ms, ".")
        words = f"{called}: interrupted after {heard}; what is written is not all"
    if record.results or not code:
        where.write(record)
    if not record.results and not code:
        words = f"{called}: nothing was recognised"
    if words:
        print(f"dragoman: {hide(words)}", file=sys.stderr, flush=True)
    return code


@contextmanager
def _input(name: str) -> Iterator[Path]:
    """The file to hear.  Standard input becomes one without a name, since sound has to be
    looked at twice; nothing of it stays behind, whatever happens."""
    if name != STDIN:
        yield Path(name)
        return
    if sys.stdin is None or os.isatty(0):
        raise UsageError("it is a terminal; give a file: dragoman transcribe - < FILE")
    with tempfile.TemporaryFile(dir=os.environ.get("TMPDIR", "/var/tmp")) as copy:
        try:
            shutil.copyfileobj(sys.stdin.buffer, copy, 1 << 20)
            copy.flush()
        except OSError as error:
            raise RunError(f"it cannot be read: {error.strerror}") from error
        path = Path(f"/dev/fd/{copy.fileno()}")
        try:
            yield path
        except DragomanError as error:
            words = str(error).removeprefix(f"{path}").removeprefix(":").strip()
            raise type(error)(words) from error


def _mention_target(args: argparse.Namespace, config: Config) -> None:
    """A service that cannot translate is no reason to fail, but worth a line."""
    from agent.services.catalog import configured

    name = config.service.name
    if args.target is not None and "translation" not in configured(config.service).gives:
        print(f"dragoman: {name} does not translate; --target has no effect", file=sys.stderr)
