"""The documentation as values: its code blocks, command lines, links and headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

INDENTED = "indented"
SHELL = ("", "sh", "bash", "console", INDENTED)

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENT = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+")
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_COMMAND = re.compile(
    r"(?:\$ )?(?:sudo )?(?:\S*/bin/)?(?:dragoman|(?:\S*/)?python3? -m agent) (?P<arguments>.+)"
)
_PUNCTUATION = frozenset("();<>|&")
_PATH = re.compile(r"(?:agent|config|docs|scripts|systemd|tests)/[\w./-]*\w")


@dataclass(frozen=True)
class Block:
    """A code block; ``where`` is its file and line."""

    where: str
    tag: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command line of dragoman: its arguments, or what a synopsis says of them."""

    where: str
    arguments: str

    @property
    def name(self) -> str:
        """The subcommand."""
        return self.arguments.split()[0]

    @property
    def kind(self) -> Literal["mention", "synopsis", "line"]:
        """``dragoman run`` alone, one with ``[…]`` or ``…`` in it, or one to be typed."""
        if len(self.arguments.split()) == 1:
            return "mention"
        unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", self.arguments)
        return "synopsis" if "[" in unquoted or "…" in unquoted else "line"

    def argv(self) -> list[str]:
        """The arguments as a shell would give them, up to a pipe or the like."""
        words = shlex.shlex(self.arguments, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        found: list[str] = []
        for word in words:
            if set(word) <= _PUNCTUATION:
                break
            found.append(word)
        return found


class Page:
    """One Markdown file; ``name`` is its path in the repository."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.prose = _FENCED.sub(lambda match: "\n" * match.group().count("\n"), text)

    def blocks(self) -> Iterator[Block]:
        """All code blocks, fenced and indented."""
        for match in _FENCED.finditer(self.text):
            yield Block(self._where(self.text, match), match[1], match[2])
        for match in _INDENT.finditer(self.prose):
            lines = "\n".join(line[4:] for line in match.group().splitlines())
            yield Block(self._where(self.prose, match), INDENTED, lines)

    def commands(self) -> Iterator[Command]:
        """Every command line of dragoman, in blocks and in the text."""
        for block in self.blocks():
            if block.tag in SHELL:
                for line in _shell_lines(block):
                    yield from _command(block.where, line)
        for match in _SPAN.finditer(self.prose):
            span = " ".join(match[1].split()).replace("\\|", "|")
            yield from _command(self._where(self.prose, match), span)

    def links(self) -> Iterator[tuple[str, str]]:
        """(where, target) of every link that is no web address."""
        for match in _LINK.finditer(self.prose):
            if "://" not in match[1]:
                yield self._where(self.prose, match), match[1]

    def paths(self) -> Iterator[tuple[str, str]]:
        """(where, path) of every file or folder of the repository named as code."""
        for match in _SPAN.finditer(self.prose):
            if _PATH.fullmatch(match[1].rstrip("/")):
                yield self._where(self.prose, match), match[1]

    def anchors(self) -> set[str]:
        """What ``#…`` of a link may be, as GitHub makes it of the headings."""
        titles = (match[1].lower() for match in _HEADING.finditer(self.prose))
        return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles}

    def _where(self, text: str, match: re.Match[str]) -> str:
        return f"{self.name}:{text.count(chr(10), 0, match.start()) + 1}"


def read(path: Path) -> Page:
    return Page(str(path.relative_to(ROOT)), path.read_text())


def _shell_lines(block: Block) -> Iterator[str]:
    """The lines one types; of a ``console`` block those after a prompt."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.tag != "console" or line.startswith("$ "):
            yield line.strip()


def _command(where: str, line: str) -> Iterator[Command]:
    if match := _COMMAND.fullmatch(line):
        yield Command(where, match["arguments"])
