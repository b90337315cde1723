"""``dragoman transcribe``: files to transcripts and subtitles, with any speech service."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli import options
from agent.errors import DragomanError
from agent.redact import hide

if TYPE_CHECKING:
    from agent.config.schema import Config
    from agent.transcribe.record import Record
    from agent.transcribe.transcriber import Work


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser(
        "transcribe",
        help="sound files to transcripts and subtitles",
        description="Transcribes (and translates) sound files; results go to standard output. "
        "Services that listen live hear a file as fast as it was spoken.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="WAV, MP3, FLAC, OGG, M4A …")
    parser.add_argument("--service", metavar="NAME", help="default: the configuration's")
    options.add_languages(parser)
    parser.add_argument(
        "-o",
        "--output",
        choices=("srt", "vtt", "json", "txt"),
        default="txt",
        help="format (%(default)s)",
    )
    options.add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Transcribe each file; the exit code is that of the worst."""
    config = options.load(args, args.service)
    from agent.clock import SystemClock
    from agent.transcribe.transcriber import transcriber

    options.write_utf8()
    _mention_target(args, config)
    with transcriber(config, SystemClock()) as work:
        return max(_transcribe(name, work, config.service.name, args.output) for name in args.files)


def _transcribe(name: str, work: Work, service: str, output: str) -> int:
    """One file; what was heard before a failure is printed too."""
    from agent.cli.bar import bar
    from agent.transcribe.record import Record

    record, failure = Record(name, service), None
    try:
        with bar(name) as progress:
            work(Path(name), record, progress)
    except DragomanError as error:
        failure = error
    if failure is None or record.results:
        _print(record, output)
    if failure is None:
        return 0
    where = "" if str(failure).startswith(name) else f"{name}: "
    print(f"dragoman: {where}{hide(str(failure))}", file=sys.stderr)
    return failure.exit_code


def _print(record: Record, output: str) -> None:
    from agent.transcribe.formats import FORMATS

    sys.stdout.write(FORMATS[output](record))
    sys.stdout.flush()


def _mention_target(args: argparse.Namespace, config: Config) -> None:
    """A service that cannot translate is no reason to fail, but worth a line."""
    from agent.services.catalog import entry

    name = config.service.name
    if args.target is not None and "translation" not in entry(name).gives:
        print(f"dragoman: {name} does not translate; --target has no effect", file=sys.stderr)
