"""Reads the YAML files people give the emulator, and says plainly what is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

import yaml

from agent.errors import UsageError


def read_yaml(path: Path) -> object:
    """The file's content; `UsageError` with the file and line when it is not readable YAML."""
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text file in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f"{error.problem_mark.line + 1}: " if error.problem_mark else " "
        raise UsageError(f"{path}:{line}not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError is how YAML reports an impossible date, RecursionError endless nesting.
        raise UsageError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None


def mapping(value: object, where: str, allowed: Iterable[str]) -> dict[str, object]:
    """`value` as a mapping with no key outside `allowed`; `UsageError` beginning with `where`."""
    names = tuple(allowed)
    if not isinstance(value, dict):
        raise UsageError(f"{where}: expected keys ({', '.join(names)}), got {shown(value)}")
    for key in value:
        if key not in names:
            raise UsageError(f"{where}: unknown key {shown(key)}{hint(key, names)}")
    return value


def integer(value: object, where: str, low: int, high: int) -> int:
    """`value` as an integer from `low` to `high`; `UsageError` beginning with `where`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UsageError(f"{where}: expected a whole number {low} to {high}, got {shown(value)}")
    return value


def string(value: object, where: str) -> str:
    """`value` as a text that is not empty; `UsageError` beginning with `where`."""
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: expected a text, got {shown(value)}")
    return value


def choice(value: object, where: str, allowed: Iterable[str]) -> str:
    """`value` as one of `allowed`; `UsageError` with the nearest name otherwise."""
    names = tuple(allowed)
    if value not in names:
        raise UsageError(f"{where}: unknown {shown(value)}{hint(value, names)}")
    return str(value)


def hint(name: object, allowed: tuple[str, ...]) -> str:
    """What a message about an unknown name ends with: the nearest name and all of them."""
    near = difflib.get_close_matches(str(name), allowed, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{meant} (allowed: {', '.join(allowed)})"


def shown(value: object) -> str:
    """The value as short as a message needs it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
