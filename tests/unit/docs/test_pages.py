"""What the documentation shows is true of the program: configurations load, links and paths
lead somewhere, command lines parse, and what dragoman is said to print is in its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent import cli
from agent.config.credentials import CREDENTIALS
from agent.config.loader import load
from agent.config.schema import Config
from agent.errors import ConfigError, UsageError
from agent.services.provider import Provider
from tests.unit.docs.pages import PAGES, ROOT, Block, Command, Page, read
from tests.unit.docs.said import is_ours, is_said

TROUBLE = "docs/troubleshooting.md"
NOBODY = "http://127.0.0.1:1"  # on loopback, credentials that are not given are made up
DUMMY = "1000001"  # any credential, and an app id
KEYS = {key for keys in CREDENTIALS.values() for key in keys} | {"token"}

MENTIONED = re.compile(r"\bdocs/[\w./-]*\w")


def page_of(text: str) -> Page:
    """A page with a mistake in it, to see that a check finds it."""
    return Page("docs/page.md", text)


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Page:
    return read(request.param)


def listed(findings: Iterator[str]) -> str:
    return "\n".join(findings)


# --- configurations --------------------------------------------------------------------------


def wrong_configurations(page: Page, folder: Path) -> Iterator[str]:
    for block in page.blocks():
        values = yaml.safe_load(block.text) if block.tag == "yaml" else None
        if isinstance(values, dict) and values.keys() & set(Config.__struct_fields__):
            yield from _mistakes(block, values, folder)


def _mistakes(block: Block, values: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """One that names a credential must have all it needs; others are a part of a whole."""
    env = dict.fromkeys(re.findall(r"\$\{(\w+)\}", block.text), DUMMY)
    env["CREDENTIALS_DIRECTORY"] = str(folder)
    _make_files(values, env, folder)
    file = folder / "page.yaml"
    file.write_text(block.text)
    given = {key.removesuffix("_file") for key in values.get("service") or {}} & KEYS
    try:
        config = load(str(file), env=env, cloud=None if given else NOBODY)
        provider = Provider(config.service)
        provider.check(provider.pair)
    except ConfigError as error:
        yield from (f"{block.where}: {problem}" for problem in error.problems)
    except UsageError as error:
        yield f"{block.where}: {error}"


def _make_files(value: object, env: Mapping[str, str], folder: Path) -> None:
    """The credential files the configuration names."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        _make_files(inner, env, folder)
        if key.endswith("_file") and isinstance(inner, str):
            file = folder / inner.replace("${CREDENTIALS_DIRECTORY}", str(folder))
            if file.is_relative_to(folder):
                file.touch(0o600)
                file.write_text(DUMMY)


def test_configurations_load(page: Page, tmp_path: Path) -> None:
    assert not listed(wrong_configurations(page, tmp_path))


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("mqtt: {prot: 1883}", "unknown key"),
        ("service: {name: youdao, app_key: x}", "youdao needs an app_secret"),
        ("service: {token_file: /nowhere/token}", "no such file"),
        ("service: {name: tencent-tsi, source: de}", "does not take the language 'de'"),
    ],
)
def test_a_wrong_configuration_is_found(text: str, finding: str, tmp_path: Path) -> None:
    (found,) = wrong_configurations(page_of(f"# A\n\n```yaml\n{text}\n```\n"), tmp_path)
    assert found.startswith("docs/page.md:3: ")
    assert finding in found


# --- links and paths -------------------------------------------------------------------------


def broken_links(page: Page) -> Iterator[str]:
    for where, target in page.links():
        path, _, anchor = target.partition("#")
        file = (ROOT / page.name).parent / path
        if not file.exists():
            yield f"{where}: no {target}"
        elif anchor and anchor not in (read(file.resolve()) if path else page).anchors():
            yield f"{where}: {target}: no such heading"


def missing_paths(page: Page) -> Iterator[str]:
    named = [*page.paths(), *((page.name, path) for path in MENTIONED.findall(page.text))]
    for where, path in named:
        if not (ROOT / path).exists():
            yield f"{where}: no {path}"


def test_links_lead_somewhere(page: Page) -> None:
    assert not listed(broken_links(page))


def test_paths_exist(page: Page) -> None:
    assert not listed(missing_paths(page))


def test_pages_named_in_the_source_exist() -> None:
    files = [*(ROOT / "agent").rglob("*.py"), *(p for p in (ROOT / "scripts").iterdir())]
    for file in filter(Path.is_file, files):
        for path in MENTIONED.findall(file.read_text()):
            assert (ROOT / path).exists(), f"{file.relative_to(ROOT)}: no {path}"


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (broken_links, "[gone](gone.md)"),
        (broken_links, "[gone](architecture.md#no-such-heading)"),
        (broken_links, "# A\n\n[gone](#b)"),
        (missing_paths, "see docs/gone.md"),
        (missing_paths, "see `agent/gone.py`"),
    ],
)
def test_a_broken_reference_is_found(check: Callable[[Page], Iterator[str]], text: str) -> None:
    assert len(list(check(page_of(text)))) == 1


def test_a_heading_is_found() -> None:
    assert not listed(broken_links(page_of("# What `a.b` is, then?\n\n[x](#what-ab-is-then)")))


# --- command lines ---------------------------------------------------------------------------


def wrong_commands(page: Page, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    for command in page.commands():
        if not _parses(command, capsys):
            said = capsys.readouterr().err.strip().splitlines()
            yield f"{command.where}: dragoman {command.arguments}: {' '.join(said[-1:])}"


def _parses(command: Command, capsys: pytest.CaptureFixture[str]) -> bool:
    """With the real parser; of a synopsis, that the help has its options."""
    if command.kind == "line":
        return _ends(command.argv()) is None
    if _ends([command.name, "--help"]) != 0:
        return False
    options = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", command.arguments)
    known = re.findall(r"--?[a-z][a-z-]*", capsys.readouterr().out)
    return set(options) <= set(known)


def _ends(argv: list[str]) -> object:
    """The exit code with which parsing ends, None if it does not."""
    try:
        cli._parser(argv).parse_args(argv)
    except SystemExit as end:
        return end.code
    return None


def test_command_lines_parse(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    assert not listed(wrong_commands(page, capsys))


def test_command_lines_are_seen() -> None:
    """The checks above would hold if none were."""
    assert sum(len(list(read(path).commands())) for path in PAGES) > 50


@pytest.mark.parametrize(
    "text",
    [
        "try `dragoman fly`",
        "try `dragoman run --sped 3`",
        "try `dragoman transcribe FILE… [--fromat srt]`",
        "so:\n\n    sudo dragoman transcribe --service youdao\n",
        "```console\n$ dragoman emulate --port none &\nlistening\n```\n",
        "```sh\ncat x | y\n~/bin/dragoman devices \\\n    --xml | cat\n```\n",
    ],
)
def test_a_wrong_command_line_is_found(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(wrong_commands(page_of(text), capsys))) == 1


def test_what_follows_a_command_is_not_of_it() -> None:
    line = "# A\n\n    dragoman run --set 'a=[b, c]' 2> log | cat  # so\n"
    (command,) = page_of(line).commands()
    assert command.argv()[:3] == ["run", "--set", "a=[b, c]"]
    assert "cat" not in command.argv()


# --- what dragoman prints --------------------------------------------------------------------


def invented_lines(page: Page) -> Iterator[str]:
    """Lines of ``console`` blocks; where they are of troubles, all of them are dragoman's."""
    for block in page.blocks():
        lines = block.text.splitlines() if block.tag == "console" else ()
        for line in lines:
            shown = line and not line.startswith("$ ")
            if shown and (is_ours(line) or page.name == TROUBLE) and not is_said(line):
                yield f"{block.where}: {line}"


def test_lines_are_in_the_source(page: Page) -> None:
    assert not listed(invented_lines(page))


@pytest.mark.parametrize(
    "line",
    [
        "error: the moon is not full enough",
        "dragoman: speech.wav: nobody listens to you",
        "✗ microphone     made of cheese",
        "                 → buy another one at the shop",
        'dragoman/kitchen-1/event {"event":"earthquake","time":"2026-11-20T13:39:33.402Z"}',
        'dragoman/kitchen-1/event {"event":"outage","reason":"a dog ate the cable"}',
    ],
)
def test_an_invented_line_is_found(line: str) -> None:
    text = f"```console\n$ dragoman doctor\n{line}\n```\n"
    assert list(invented_lines(page_of(text))) == [f"docs/page.md:1: {line}"]
