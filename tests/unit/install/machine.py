"""A machine under a folder, with the tools that would change a real one replaced by small
ones that write down what they were told."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
INSTALL = CHECKOUT / "scripts" / "install"
PRESET = CHECKOUT / "config" / "preset-i2s.yaml"
CURRENT = "opt/dragoman/current"

#: Shell for each tool; $SYSTEM is the folder.
TOOLS = {
    "groupadd": 'echo "${!#}:x:900:" >>$SYSTEM/etc/group',
    "groupdel": 'sed -i "/^${!#}:/d" $SYSTEM/etc/group',
    "useradd": 'echo "${!#}:x:900:900::/:/" >>$SYSTEM/etc/passwd',
    "userdel": 'sed -i "/^${!#}:/d" $SYSTEM/etc/passwd; sed -i "/^${!#}:/d" $SYSTEM/etc/group',
    "usermod": ":",
    # The service runs unless $SYSTEM/fails names the release in use ("all": every one).
    "systemctl": """
        wants=$SYSTEM/etc/systemd/system/multi-user.target.wants
        case "$*" in
            *enable*dragoman.service) mkdir -p $wants; ln -sf x $wants/dragoman.service ;;&
            *disable*) [ ! -e $wants ] || rm -r $wants ;;
            *restart*) grep -qsxF -e all -e "$(readlink $SYSTEM/opt/dragoman/current)" \\
                $SYSTEM/fails && exit 1; echo active >$SYSTEM/run/activity ;;
            *is-active*) cat $SYSTEM/run/activity ;;
            *stop*) echo inactive >$SYSTEM/run/activity ;;
        esac""",
    "journalctl": 'echo "worker capture died"',
    "dpkg-query": 'sed "s/^/installed /" $SYSTEM/packages',
    "apt-mark": """
        while [ "$1" != auto ]; do shift; done
        shift; printf '%s\n' "$@" >>$SYSTEM/auto""",
    "chgrp": ":",
    "sleep": ":",
    "sync": ":",
    "python3": """
        case $2 in
            *sys*) exit 0 ;;
            *ensurepip*) grep -q python3-venv $SYSTEM/packages; exit ;;
            venv) mkdir -p $3/bin
                cp $TOOLS/pip $3/bin/python; cp $TOOLS/dragoman $3/bin/dragoman ;;
        esac""",
    # The virtual environment's python: pip.  $PIP_SAYS: why it cannot, from wheels alone.
    "pip": """
        case "$*" in
            *" wheel "*) while [ "$1" != --wheel-dir ]; do shift; done; touch $2/dragoman-1.whl ;;
            *--no-binary* | *--prefer-binary*) ;;
            *--only-binary*) [ -z "$PIP_SAYS" ] || { echo "$PIP_SAYS" >&2; exit 1; } ;;
        esac""",
    "dragoman": """
        case $1 in
            --version) echo "dragoman 1" ;;
            check-config) [ -e $CREDENTIALS_DIRECTORY/dragoman_token ] && ! grep -s refused $2 ;;
        esac""",
}
#: Everything ends at once when the tool $KILL_AT is called, counted from 1.
KILL = '[ -z "$KILL_AT" ] || [ "$(wc -l <$LOG)" != "$KILL_AT" ] || kill -9 0'

#: Files of the tools, no part of the machine.
ASIDE = ("run/activity", "auto", "needs", "fails")


class Machine:
    """A machine under ``root``; where ``tools`` are first in PATH."""

    def __init__(self, folder: Path) -> None:
        self.umask = 0o022
        self.root, self.tools, self.log = folder / "system", folder / "tools", folder / "log"
        for place in ("etc/systemd/system", "etc/apt/apt.conf.d", "opt", "usr/local/bin"):
            (self.root / place).mkdir(parents=True)
        for place in ("run/systemd/system", "var/lib"):
            (self.root / place).mkdir(parents=True)
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        self.write("etc/group", "root:x:0:\naudio:x:29:\n")
        self.write("packages", "alsa-utils\nbash\npython3\n")
        self.write("run/activity", "inactive\n")
        self.tools.mkdir()
        for name, script in TOOLS.items():
            self.tool(name, f'#!/bin/bash\necho "{name} $*" >>{self.log}\n{KILL}\n{script}\n')
        apt = Path(__file__).with_name("apt.py")
        self.tool("apt-get", f'#!/bin/sh\necho "apt-get $*" >>{self.log}\n'
                  f'exec {sys.executable} {apt} {self.root} "$@"\n')  # fmt: skip

    def tool(self, name: str, text: str) -> None:
        """Put a tool in the place of another."""
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def run(self, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """The installer on this machine."""
        env = {"PATH": f"{self.tools}:/usr/bin:/bin", "SYSTEM": str(self.root)}
        env |= {
            "TOOLS": str(self.tools),
            "PIP_SAYS": "",
            "PYTHON": "python3",
            "LOG": str(self.log),
            **extra,
        }
        self.log.write_text("")
        command = [str(INSTALL), "--root", str(self.root), *options]
        return subprocess.run(
            command,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            umask=self.umask,
            start_new_session=True,
        )

    def ok(self, *options: str, **extra: str) -> str:
        """What it says when it goes well."""
        done = self.run(*options, **extra)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def configured(self) -> None:
        """Give it the token that its configuration lacks."""
        self.write("etc/dragoman/credentials/token", "t0ken")

    def told(self, tool: str) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [line for line in lines if line.startswith(f"{tool} ")]

    def link(self, name: str) -> str:
        """What a link in /opt/dragoman points to; empty where there is none."""
        path = self.root / "opt/dragoman" / name
        return str(path.readlink()) if path.is_symlink() else ""

    def releases(self) -> set[str]:
        return {path.name for path in (self.root / "opt/dragoman/releases").iterdir()}

    def tree(self) -> dict[str, str]:
        """Every file with its mode and contents."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if path.is_symlink():
                text = f"-> {path.readlink()}"
            else:
                text = path.read_text() if path.is_file() else ""
            found[str(path.relative_to(self.root))] = f"{mode:o} {text}"
        return {name: text for name, text in found.items() if name not in ASIDE}
