"""``dragoman summarize``: what a text, or a recording's transcripts or subtitles, come to."""

from __future__ import annotations

import argparse
import html
import json
import re
from pathlib import Path
from typing import Any

from agent.cli import options, textual
from agent.errors import UsageError

_TIMES = r"[\d:]+[.,]\d{3} *--> *[\d:]+[.,]\d{3}"
_TAGS = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser(
        "summarize",
        help="summarise a text or transcripts",
        description="Summarises a text, subtitles or the output of transcribe -o json, with a "
        "service of the configuration that can: own (a chat), or twetalk-summary.",
    )
    parser.add_argument("file", metavar="FILE", help="text or transcripts; - for standard input")
    textual.add_service(parser)
    textual.add_stream(parser)
    options.add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the summary; UsageError for a file that is empty or no text."""
    config = textual.serving(args, "summarizes")
    text = textual.standard_input() if args.file == "-" else _read(Path(args.file))
    return textual.answer(config, spoken(text), "summarizes", stream=args.stream)


def spoken(text: str) -> str:
    """The words in the output of ``transcribe -o json`` and in subtitles (SRT, WebVTT); any
    other ``text`` as it is."""
    if (shown := _shown(text)) is not None:
        return shown
    lines = [line for line in text.splitlines() if line.strip()]
    records = [record for line in lines if (record := _record(line)) is not None]
    if len(records) != len(lines):
        return text
    said = [item for record in records for item in record if isinstance(item, dict)]
    return "\n".join(str(item.get("text") or item.get("translation") or "") for item in said)


def _shown(text: str) -> str | None:
    """What is shown by subtitles, without numbers, times and tags; None where it is none."""
    text = text.replace("\r\n", "\n")
    is_vtt = re.match(r"WEBVTT(?=[ \t\n]|$)", text) is not None
    if not is_vtt and not re.match(rf"\s*\d+\n{_TIMES}", text):
        return None
    shown: list[str] = []
    for block in re.split(r"\n{2,}", text):
        lines = block.strip("\n").split("\n")
        at = next((n for n, line in enumerate(lines[:2]) if re.match(_TIMES, line)), None)
        if at is not None:
            shown += (
                html.unescape(_TAGS.sub("", line)) if is_vtt else _TAGS.sub("", line)
                for line in lines[at + 1 :]
            )
    return "\n".join(line.replace("\u200b", "") for line in shown)


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
