"""The README's table of services against the catalog and the credentials' table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config.credentials import CREDENTIALS
from agent.services.catalog import SERVICES, entry

README = Path(__file__).parents[3] / "README.md"
ROWS = dict(re.findall(r"^\| `([a-z0-9-]+)`[^|]*(\|.*)$", README.read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", SERVICES)
def test_a_row_says_what_the_catalog_says(name: str) -> None:
    service = entry(name)
    _, shape, gives, needs, _ = (cell.strip() for cell in ROWS[service.name].split("|"))
    assert shape == service.shape.value
    assert gives == service.gives
    named = re.findall(r"`(\w+)`", needs.partition("optional")[0])
    assert named == list(CREDENTIALS[service.name])
