"""As much of apt-get as the installer uses, on the files of a machine under a folder.

``packages`` has what is installed, ``auto`` what nobody asked for, ``needs`` a line "A B"
where A needs B, ``suggests`` one where A only suggests B.  Each installed package brings its
library along.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def main(root: Path, words: list[str]) -> int:
    if (root / "locked").exists():
        (root / "locked").unlink()
        print("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7")
        return 100
    if (root / "offline").exists() and "-s" not in words:
        print("E: Failed to fetch http://mirror.test/debian: Temporary failure resolving")
        return 100
    command, *names = [w for w in words if not w.startswith("-") and "=" not in w]
    there = read(root, "packages")
    going: set[str] = set()
    if command == "install":
        for name in names:
            write(root, "packages", there := there | {name, f"lib-of-{name}"})
            write(root, "needs", read(root, "needs") | {f"{name} lib-of-{name}"})
            write(root, "auto", read(root, "auto") | {f"lib-of-{name}"})
    elif command == "purge":
        going = dependents(set(names), there, needs(root))
    elif command == "autoremove":
        pairs = needs(root)
        if "-oAPT::AutoRemove::SuggestsImportant=false" not in words:
            pairs += needs(root, "suggests")
        going = orphans(there, read(root, "auto") - held(root, there), pairs)
    if "-s" in words:
        print("".join(f"Purg {name} [1.0]\n" for name in sorted(going)))
    elif going:
        for file in ("packages", "auto"):
            write(root, file, read(root, file) - going)
    return 0


def dependents(going: set[str], there: set[str], pairs: list[tuple[str, str]]) -> set[str]:
    while more := {a for a, b in pairs if b in going and a in there} - going:
        going |= more
    return going & there


def orphans(there: set[str], auto: set[str], pairs: list[tuple[str, str]]) -> set[str]:
    kept = there - auto
    while more := {b for a, b in pairs if a in kept and b in there} - kept:
        kept |= more
    return there - kept


def needs(root: Path, name: str = "needs") -> list[tuple[str, str]]:
    return [(a, b) for a, b in (line.split() for line in read(root, name))]


def held(root: Path, there: set[str]) -> set[str]:
    patterns = []
    for file in (root / "etc/apt/apt.conf.d").iterdir():
        patterns += re.findall(r'"(\^.*\$)";', file.read_text())
    return {name for name in there if any(re.match(pattern, name) for pattern in patterns)}


def read(root: Path, name: str) -> set[str]:
    file = root / name
    return set(file.read_text().splitlines()) if file.exists() else set()


def write(root: Path, name: str, lines: set[str]) -> None:
    (root / name).write_text("".join(f"{line}\n" for line in sorted(lines)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
