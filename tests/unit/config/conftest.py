from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.config.loader import load
from agent.config.schema import Config
from agent.errors import ConfigError

Load = Callable[..., Config]
Problems = Callable[..., list[str]]

TOKEN = "service: {token: t}\n"


@pytest.fixture
def from_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a text as the file ``d.yaml``, in an empty folder and an empty environment."""
    monkeypatch.chdir(tmp_path)

    def run(
        text: str | bytes,
        *sets: str,
        env: Mapping[str, str] | None = None,
        cloud: str | None = None,
        service: str | None = None,
    ) -> Config:
        Path("d.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return load("d.yaml", sets, env or {}, cloud, service)

    return run


@pytest.fixture
def problems(from_text: Load) -> Problems:
    """The mistakes found in a text; none for one that loads."""

    def run(text: str | bytes, *sets: str, **options: object) -> list[str]:
        try:
            from_text(text, *sets, **options)
        except ConfigError as error:
            return list(error.problems)
        return []

    return run
