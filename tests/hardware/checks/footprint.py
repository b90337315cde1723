"""What is on the guest's disk, so that two moments can be compared."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
from pathlib import Path

ROOTS = ("/etc", "/opt", "/usr", "/var", "/root", "/home", "/srv")
# State that stays by design, and what any running machine writes.
LEFT_OUT = {
    "/var/lib/dragoman",
    "/var/log",
    "/var/cache",
    "/var/tmp",
    "/var/lib/systemd",
    "/var/lib/private",
}


def footprint() -> dict[str, str]:
    """Each file with its kind, mode, owner and content (of big trees, its time); each account."""
    found = {f"user {entry.pw_name}": repr(entry) for entry in pwd.getpwall()}
    found |= {f"group {entry.gr_name}": repr(entry) for entry in grp.getgrall()}
    for root in ROOTS:
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if f"{folder}/{name}" not in LEFT_OUT]
            folders[:] = [name for name in folders if name != "__pycache__"]
            for name in (*folders, *files):
                if folder == "/etc" and name.endswith("-"):
                    continue  # what useradd keeps of the accounts before
                path = Path(folder, name)
                found[str(path)] = _described(path)
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is new (+), gone (-) or changed (~)."""
    new = [f"+{name}" for name in after if name not in before]
    gone = [f"-{name}" for name in before if name not in after]
    changed = [f"~{name}" for name in after if before.get(name, after[name]) != after[name]]
    return sorted((*new, *gone, *changed))


def _described(path: Path) -> str:
    status = path.lstat()
    kind = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
    if path.is_symlink():
        return f"{kind} -> {path.readlink()}"
    if not path.is_file():
        return kind
    if path.is_relative_to("/etc"):
        return f"{kind} {hashlib.sha1(path.read_bytes()).hexdigest()}"
    return f"{kind} {status.st_size} {status.st_mtime_ns}"
