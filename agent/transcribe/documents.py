"""Where transcripts go: to standard output, to a file, or to a file each in a folder."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from agent.errors import RunError, UsageError
from agent.events import Pair, Result
from agent.transcribe.formats import FORMATS
from agent.transcribe.record import Record

STDIN = "-"


class Place(Protocol):
    """Takes finished records."""

    def write(self, record: Record) -> None:
        """Write ``record``; RunError where that cannot be done."""


def place(outputs: Sequence[str], files: Sequence[str], pair: Pair) -> Place:
    """What the options ``-o`` mean for ``files``; UsageError for what they cannot."""
    formats = [each for each in outputs if each in FORMATS]
    targets = [each for each in outputs if each not in FORMATS]
    if len(formats) > 1 or len(targets) > 1:
        raise UsageError(f"-o: one format and one place, not {' and '.join(outputs)}")
    if not targets:
        return _Printed(formats[0] if formats else "txt")
    target, path = targets[0], Path(targets[0])
    if target.endswith("/") or path.is_dir():
        return _Folder(path, formats[0] if formats else "srt", files, pair)
    ending = path.suffix[1:]
    if ending not in FORMATS:
        words = (
            f"-o {target}: expected {', '.join(FORMATS)}, a file that ends so, or a folder (out/)"
        )
        raise UsageError(words)
    if formats and formats != [ending]:
        raise UsageError(f"-o {formats[0]} and -o {target}: which of them?")
    if len(files) > 1:
        raise UsageError(f"-o {target}: one file for {len(files)}; name a folder: -o {path.stem}/")
    return _Folder(path.parent, ending, files, pair, {files[0]: path.stem})


class _Printed:
    """On standard output, one after the other."""

    def __init__(self, format: str) -> None:
        self._make = FORMATS[format]

    def write(self, record: Record) -> None:
        sys.stdout.write(self._make(record))
        sys.stdout.flush()


class _Folder:
    """A file for each record, and where there are several translations, for each language."""

    def __init__(
        self,
        folder: Path,
        format: str,
        files: Sequence[str],
        pair: Pair,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._folder, self._format, self._pair = folder, format, pair
        self._names = names or _names(files)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror}") from error
        if not os.access(folder, os.W_OK):
            raise UsageError(f"{folder}: may not be written")

    def write(self, record: Record) -> None:
        name = self._names[record.file]
        several = {} if self._format == "json" else by_language(record, self._pair)
        for language, part in several.items():
            self._save(f"{name}.{language}.{self._format}", part)
        if not several:
            self._save(f"{name}.{self._format}", record)

    def _save(self, name: str, record: Record) -> None:
        path, part = self._folder / name, self._folder / f".{name}.part"
        try:
            part.write_text(FORMATS[self._format](record), encoding="utf-8", errors="replace")
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise RunError(f"{path}: {error.strerror}") from error


def _names(files: Sequence[str]) -> dict[str, str]:
    """What each file's transcript is called, without its ending: no two the same."""
    stems = Counter(Path(file).stem for file in set(files))
    names = {}
    for file in files:
        path = Path(file)
        names[file] = path.stem if stems[path.stem] == 1 else path.name
    names = {file: "stdin" if file == STDIN else name for file, name in names.items()}
    if len(set(names.values())) < len(names):
        twice = [name for name, count in Counter(names.values()).items() if count > 1]
        raise UsageError(f"several files are called {twice[0]}; transcribe them into other folders")
    return names


def by_language(record: Record, pair: Pair) -> dict[str, Record]:
    """A record for each language, where there is more than one translation; else none.

    What was said is under the source's code, the main translation under the target's.
    """
    results = record.results
    if not any(result.translations for result in results):
        return {}
    texts: dict[str, dict[int, str]] = {}
    for result in results:
        said = {pair.source: result.text, pair.target or "": result.translation or ""}
        for language, text in (said | dict(result.translations)).items():
            if language and text:
                texts.setdefault(language, {})[result.index] = text
    return {
        language: _only(record, results, by_index, spoken=language == pair.source)
        for language, by_index in texts.items()
    }


def _only(
    record: Record, results: Sequence[Result], texts: Mapping[int, str], *, spoken: bool
) -> Record:
    part = Record(record.file, record.service, record.duration_ms, record.heard_ms)
    for result in results:
        if result.index in texts:
            words = result.words if spoken else ()
            text = texts[result.index]
            part.put(replace(result, text=text, translation=None, translations={}, words=words))
    return part
