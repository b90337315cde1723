"""The README's table of platforms says what docs/platforms.md says, in fewer columns."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).parents[3]
COLUMNS = {
    "demo": ("demo", "demo as root"),
    "unit tests": ("unit tests",),
    "service": ("install", "upgrade", "upgrade killed", "12 → 13", "uninstall"),
}


def test_the_readme_says_what_the_page_says() -> None:
    page = table("docs/platforms.md")
    readme = table("README.md")
    assert len(page) == len(readme)
    for full, short in zip(page, readme, strict=True):
        assert full[""].startswith(short["system"])
        for column, cells in COLUMNS.items():
            good = all(full[cell].startswith(("works", "–")) for cell in cells)
            assert (short[column] == "works") == good, f"{short['system']}: {column}"


def table(name: str) -> list[dict[str, str]]:
    """The first table of a page, without the cells of its title's row."""
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in (PROJECT / name).read_text().splitlines()
        if line.startswith("|")
    ]
    end = next((n for n, row in enumerate(rows) if len(row) != len(rows[0])), len(rows))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:end]]
