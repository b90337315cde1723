"""``dragoman summarize``: what a text, or a recording's transcripts, come to."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from agent.cli import options, textual
from agent.errors import UsageError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser(
        "summarize",
        help="summarise a text or transcripts (twetalk-summary)",
        description="Summarises a text, or the output of transcribe -o json, with twetalk-summary.",
    )
    parser.add_argument("file", metavar="FILE", help="text or transcripts; - for standard input")
    textual.add_stream(parser)
    options.add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the summary; UsageError for a file that is empty or no text."""
    config = options.load(args, "twetalk-summary")
    text = textual.standard_input() if args.file == "-" else _read(Path(args.file))
    return textual.answer(config, spoken(text), stream=args.stream)


def spoken(text: str) -> str:
    """The words in the output of ``transcribe -o json``; any other ``text`` as it is."""
    lines = [line for line in text.splitlines() if line.strip()]
    records = [record for line in lines if (record := _record(line)) is not None]
    if len(records) != len(lines):
        return text
    said = [item for record in records for item in record if isinstance(item, dict)]
    return "\n".join(str(item.get("text") or item.get("translation") or "") for item in said)


def _record(line: str) -> list[Any] | None:
    """The transcripts in one line of JSON, None where it holds none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    transcripts = value.get("transcripts") if isinstance(value, dict) else None
    return transcripts if isinstance(transcripts, list) else None


def _read(path: Path) -> str:
    try:
        return textual.decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
