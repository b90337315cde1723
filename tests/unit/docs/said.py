"""What dragoman can say: the texts in its source, with gaps where values are put in."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.unit.docs.pages import ROOT

ENOUGH = 8  # letters a text must fix to be recognised within a line

_GAP = "\0"
_PERCENT = re.compile(r"%[-.0-9]*[a-z]")
_PREFIX = re.compile(r"(?:dragoman|warning|error|install|setup): ")
_SHELL = re.compile(r'^[^#"]*\b(?:say|fail|echo) "((?:[^"\\]|\\.)*)"', re.MULTILINE)
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$\([^()]*(?:\([^)]*\)[^()]*)*\)|\$\w+")
_DOCTOR = re.compile(r"[✓!✗–] [a-z]+ +(?P<text>.+)")
_MEND = re.compile(r" +→ (?P<text>.+)")
_MESSAGE = re.compile(r"\S+/(?:event|command/result) (?P<fields>\{.*\})")


def is_ours(line: str) -> bool:
    """Whether ``line`` has the form of something dragoman printed."""
    return any(form.match(line) for form in (_PREFIX, _DOCTOR, _MEND, _MESSAGE))


def is_said(line: str) -> bool:
    """Whether the fixed part of ``line`` is in the source: all of a doctor's text, a part of
    any other."""
    if match := _MESSAGE.fullmatch(line):
        return _is_sent(json.loads(match["fields"]))
    if match := _DOCTOR.fullmatch(line) or _MEND.fullmatch(line):
        return any(pattern.fullmatch(match["text"]) for pattern in _patterns(1))
    text = _PREFIX.sub("", line, 1)
    return any(pattern.search(text) for pattern in _patterns(ENOUGH))


def _is_sent(fields: dict[str, object]) -> bool:
    words = [str(fields[key]) for key in ("reason", "error") if key in fields]
    known = "event" not in fields or fields["event"] in _texts()
    return known and all(is_said(word) for word in words)


@cache
def _patterns(letters: int) -> tuple[re.Pattern[str], ...]:
    """The texts with at least so many letters that stay the same."""
    found = (text for text in _texts() if sum(map(str.isalpha, text)) >= letters)
    return tuple(re.compile(".*".join(map(re.escape, text.split(_GAP)))) for text in found)


@cache
def _texts() -> frozenset[str]:
    """Every text of the device's own source (the emulator's is that of others), and of the
    scripts that install it."""
    files = (ROOT / "agent").rglob("*.py")
    trees = [ast.parse(path.read_text()) for path in files if "emulator" not in path.parts]
    scripts = [*(ROOT / "scripts").glob("[isw]*"), *ROOT.glob("scripts/lib/*.sh")]
    scripts += ROOT.glob("systemd/*.sh")
    said = (text for script in scripts if script.is_file() for text in _by_shell(script))
    return frozenset([*(text for tree in trees for text in _of(tree)), *said])


def _by_shell(script: Path) -> Iterator[str]:
    for text in _SHELL.findall(script.read_text()):
        yield _VARIABLE.sub(_GAP, text)


def _of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Constant()):
            return  # a docstring is not said
        case ast.JoinedStr(values=parts):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else _GAP for p in parts)
        case ast.Constant(value=str(text)):
            yield _PERCENT.sub(_GAP, text)
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _of(child)
