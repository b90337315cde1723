"""``audio.echo``, and the key it was called by before."""

from __future__ import annotations

import pytest

from tests.unit.config.conftest import TOKEN, Load, Problems


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "guard"),
        ("echo: cancel", "cancel"),
        ("echo: off", "off"),
        ("echo: 'off'", "off"),
        ("echo_guard: true", "guard"),
        ("echo_guard: yes", "guard"),
        ("echo_guard: false", "off"),
        ("echo_guard: off", "off"),
        ("echo_guard:", "guard"),
    ],
)
def test_both_keys(from_text: Load, text: str, wanted: str) -> None:
    assert from_text(f"{TOKEN}audio:\n  rate: 16000\n  {text}\n").audio.echo == wanted


@pytest.mark.parametrize(
    ("file", "sets", "wanted"),
    [
        ("echo: cancel", ["audio.echo_guard=false"], "off"),
        ("echo_guard: false", ["audio.echo=cancel"], "cancel"),
        ("echo: off", ["audio.echo_guard=false", "audio.echo=cancel"], "cancel"),
        ("rate: 8000", ["audio.echo_guard=true"], "guard"),
    ],
)
def test_what_is_set_replaces_what_is_in_the_file(
    from_text: Load, file: str, sets: list[str], wanted: str
) -> None:
    assert from_text(f"{TOKEN}audio: {{{file}}}\n", *sets).audio.echo == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "echo: loud",
            "d.yaml:3: audio.echo: got 'loud'; expected cancel, guard or off",
        ),
        (
            "echo: true",
            "d.yaml:3: audio.echo: got 'true'; expected cancel, guard or off",
        ),
        (
            "echo_guard: sometimes",
            "d.yaml:3: audio.echo_guard: expected true or false,"
            " or better audio.echo: guard, cancel or off",
        ),
        (
            "echo_guard: [true]",
            "d.yaml:3: audio.echo_guard: expected true or false,"
            " or better audio.echo: guard, cancel or off",
        ),
        (
            "{echo: cancel, echo_guard: true}",
            "d.yaml:3: audio.echo_guard: echo is given too; expected only one of the two",
        ),
    ],
)
def test_mistakes(problems: Problems, text: str, told: str) -> None:
    line = f"  {text}" if not text.startswith("{") else f" {text}"
    assert problems(f"{TOKEN}audio:\n{line}\n")[0].startswith(told)
