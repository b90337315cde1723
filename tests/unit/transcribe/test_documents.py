"""Where transcripts go: printed, a file, a file each in a folder, a file a language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import RunError, UsageError
from agent.events import Pair, Result
from agent.transcribe.documents import by_language, place
from agent.transcribe.record import Record

PAIR = Pair("zh", "en")


def record(file: str, *texts: str, **more: str) -> Record:
    made = Record(file, "maas-speech-translation", 9000)
    for n, text in enumerate(texts):
        several = {code: f"{text} {code}" for code in more}
        made.put(Result(n, text, "hello", True, n * 1000, n * 1000 + 900, translations=several))
    return made


@pytest.mark.parametrize(
    ("outputs", "first"),
    [([], "早  →  hello\n"), (["srt"], "1\n"), (["vtt"], "WEBVTT\n")],
)
def test_it_is_printed(outputs: list[str], first: str, capsys: pytest.CaptureFixture[str]) -> None:
    place(outputs, ["a.wav"], PAIR).write(record("a.wav", "早"))
    assert capsys.readouterr().out.startswith(first)


def test_a_folder_has_a_file_each(tmp_path: Path) -> None:
    files = ["one.wav", "x/two.mp3", "y/two.wav", "-"]
    where = place(["vtt", f"{tmp_path}/out/"], files, PAIR)
    for file in files:
        where.write(record(file, "早"))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["one.vtt", "stdin.vtt", "two.mp3.vtt", "two.wav.vtt"]
    assert (tmp_path / "out/one.vtt").read_text().startswith("WEBVTT")


def test_a_name_says_the_format(tmp_path: Path) -> None:
    place([f"{tmp_path}/talk.json"], ["a.wav"], PAIR).write(record("a.wav", "早"))
    assert json.loads((tmp_path / "talk.json").read_text())["file"] == "a.wav"
    assert [path.name for path in tmp_path.iterdir()] == ["talk.json"]


def test_several_translations_are_a_file_each(tmp_path: Path) -> None:
    where = place([str(tmp_path)], ["a.wav"], PAIR)
    where.write(record("a.wav", "早", ar="", ja=""))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.ar.srt", "a.en.srt", "a.ja.srt", "a.zh.srt"]
    assert (tmp_path / "a.en.srt").read_text().endswith("\nhello\n\n")
    assert (tmp_path / "a.ja.srt").read_text().endswith("\n早 ja\n\n")
    assert by_language(record("a.wav", "早"), PAIR) == {}


@pytest.mark.parametrize(
    ("outputs", "files", "words"),
    [
        (["doc"], ["a.wav"], "-o doc: expected srt, vtt, json, txt, a file that ends so"),
        (["a.doc"], ["a.wav"], "expected srt"),
        (["srt", "vtt"], ["a.wav"], "one format and one place"),
        (["srt", "a.vtt"], ["a.wav"], "which of them"),
        (["a.srt"], ["a.wav", "b.wav"], "one file for 2; name a folder: -o a/"),
        (["/proc/nothing/"], ["a.wav"], "/proc/nothing: No such file"),
        (["/dev/null/"], ["a.wav"], "/dev/null: "),
        (["{tmp}/"], ["x/a.wav", "y/a.wav"], "several files are called a.wav"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(
    tmp_path: Path, outputs: list[str], files: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        place([each.format(tmp=tmp_path) for each in outputs], files, PAIR)


def test_what_cannot_be_written_leaves_nothing_half(tmp_path: Path) -> None:
    where = place([f"{tmp_path}/"], ["a.wav"], PAIR)
    (tmp_path / "a.srt").mkdir()
    (tmp_path / "a.srt/x").touch()
    with pytest.raises(RunError, match=r"a\.srt: Is a directory"):
        where.write(record("a.wav", "早"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.srt"]
