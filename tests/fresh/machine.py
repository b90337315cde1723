"""A throw-away copy of a system: an overlay over it, in which commands run.

Without systemd a command is PID 2 of a container, and what it leaves behind ends with it. Booted,
the system's own systemd is PID 1, and commands join it.
"""

from __future__ import annotations

import configparser
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.fresh import groups, host
from tests.fresh.roots import Root, remove

BUNDLE = "/srv/dragoman.bundle"  # the checkout, as git clones it
_GIT = "git -c advice.detachedHead=false -c init.defaultBranch=main"
CLONE = f"{_GIT} clone --quiet {BUNDLE} dragoman"
BOOT_S = 60
_CA = "/etc/ssl/certs/host.crt"
_NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wd=/")


class Failed(Exception):
    """A command that did not do what it should; the text says which."""


@dataclass
class Machine:
    """A copy of ``root``: what it changes goes to ``folder``, over the layers ``below``.

    What it prints goes to ``log``; ``bundle`` is the checkout.
    """

    root: Root
    below: Sequence[Path]
    folder: Path
    bundle: Path
    log: Path
    keep: bool = False  # leave it when something fails in it
    keep_as: Path | None = None  # where its changes are kept when nothing fails
    _leader: int = field(default=0, init=False)
    _container: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def patience(self) -> float:
        """How many times slower than this machine a command may be."""
        return 20 if self.root.emulated else 4

    @property
    def path(self) -> Path:
        """Where its file system is seen."""
        return self.folder / "root"

    @property
    def changes(self) -> Path:
        """The layer that holds what differs from those below."""
        return self.folder / "changes"

    def __enter__(self) -> Machine:
        for name in ("root", "changes", "work"):
            (self.folder / name).mkdir(parents=True)
        lower = ":".join(map(str, self.below))
        options = f"lowerdir={lower},upperdir={self.changes},workdir={self.folder}/work"
        # Renames of folders from below have to work as on any disk.
        options += ",redirect_dir=on"
        mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(self.path)]
        subprocess.run(mount, check=True)
        self._tell()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        subprocess.run(["umount", self.path], check=True)
        if not kind and self.keep_as:
            self.keep_as.parent.mkdir(parents=True, exist_ok=True)
            if self.keep_as.exists():
                remove(self.keep_as)
            self.changes.rename(self.keep_as)
        if kind and self.keep:
            print(f"   left in {self.changes}", flush=True)
        else:
            remove(self.folder)

    def _tell(self) -> None:
        """Put this machine's ways to packages where the system's apt and pip look."""
        etc = self.path / "etc"
        (etc / "apt/apt.conf.d/99host").write_text(host.apt_settings())
        shutil.copyfile(host.ca_bundle(), self.path / _CA.lstrip("/"))
        pip = configparser.RawConfigParser()
        pip["global"] = host.pip_settings() | {"cert": _CA}
        with (etc / "pip.conf").open("w") as file:
            pip.write(file)
        variables = host.proxies()
        if self.root.emulated:
            variables |= host.BOARD
            kept = "".join(f"Defaults env_keep += {name}\n" for name in host.BOARD)
            (etc / "sudoers.d/processor").write_text(kept)
        with (etc / "environment").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in variables.items())

    # --- commands ---------------------------------------------------------------------------

    def run(self, command: str, *, user: str = "root", seconds: float = 60) -> str:
        """Run a line of shell as ``user`` after a log-in; what it printed.

        ``seconds`` is what it may take on this machine.  Raises Failed when it takes longer by
        far, or its exit status is not 0.
        """
        status, output = self.attempt(command, user=user, seconds=seconds)
        if status:
            raise Failed(f"{_short(command)}: exit {status}")
        return output

    def attempt(self, command: str, *, user: str = "root", seconds: float = 60) -> tuple[int, str]:
        """The same; its exit status and what it printed."""
        limit = seconds * self.patience
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            log.write(f"\n[{time.strftime('%H:%M:%S')}] {user}$ {command}\n".encode())
            log.flush()
            begin = log.tell()
            child = subprocess.Popen(
                self._inside("su", "-l", user, "-c", command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=None if self._leader else self._group,
            )
            try:
                status = child.wait(limit)
            except subprocess.TimeoutExpired:
                raise Failed(f"{_short(command)}: not done after {limit:.0f} s") from None
            finally:
                child.kill()
                child.wait()
        with self.log.open("rb") as log:
            log.seek(begin)
            return status, log.read().decode(errors="replace")

    def _inside(self, *command: str) -> list[str]:
        if self._leader:
            clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8")
            return ["nsenter", f"--target={self._leader}", *_NAMESPACES, *clean, *command]
        return [*self._nspawn(), "--as-pid2", "--console=pipe", "--", *command]

    def _nspawn(self) -> list[str]:
        alone = ["--register=no"] if host.booted() else ["--register=no", "--keep-unit"]
        visible = host.pip_paths(host.pip_settings())
        binds = [f"--bind-ro={path}" for path in visible if not path.startswith("/etc/ssl")]
        return [
            # setpriv: should this process be killed, the system ends with it.
            *(
                "setpriv",
                "--pdeathsig",
                "KILL",
                "systemd-nspawn",
                "--quiet",
                *alone,
                "--suppress-sync=yes",
                "--timezone=off",
            ),
            *(f"--machine={self.root.name}", f"--directory={self.path}", *binds),
            *(f"--bind-ro={self.bundle}:{BUNDLE}", "--setenv=LANG=C.UTF-8", "--hostname=fresh"),
        ]

    def _group(self) -> None:
        groups.join(self.folder.name)

    # --- systemd ----------------------------------------------------------------------------

    @property
    def boots(self) -> bool:
        """Its systemd can be PID 1: not emulated, where it starts no service."""
        return not self.root.emulated

    def boot(self) -> None:
        """Start its systemd where it can; Failed when it is not up in time."""
        if not self.boots:
            return
        with self.log.open("ab") as log:
            self._container = subprocess.Popen(
                [*self._nspawn(), "--boot", "--console=pipe"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=self._group,
            )
        end = time.monotonic() + BOOT_S * self.patience
        while not self._up():
            if time.monotonic() > end or self._container.poll() is not None:
                raise Failed("its systemd did not come up")
            time.sleep(0.5)

    def _up(self) -> bool:
        assert self._container is not None
        pid = self._container.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            return False
        self._leader = int(children[-1])
        if not (Path(f"/proc/{self._leader}/root") / "run/systemd/system").is_dir():
            return False
        asked = self._inside("systemctl", "is-system-running")
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        return done.stdout.strip() in ("running", "degraded")

    def halt(self) -> None:
        """Shut its systemd down in order."""
        if self._container is None:
            return
        self.attempt("systemctl poweroff")
        try:
            self._container.wait(BOOT_S * self.patience)
        except subprocess.TimeoutExpired:
            raise Failed("its systemd did not end") from None
        finally:
            self.cut()

    def cut(self) -> None:
        """Power cut: everything that runs in it is gone at once."""
        if self._container is not None:
            self._container.kill()
            self._container.wait()
        self._container, self._leader = None, 0
        groups.end(self.folder.name)

    def version(self, package: str) -> str:
        """The version of an installed Debian package, empty without."""
        command = ["dpkg-query", f"--admindir={self.path}/var/lib/dpkg", "-W", "-f=${Version}"]
        done = subprocess.run([*command, package], capture_output=True, text=True, check=False)
        return done.stdout.split("-")[0]


def _short(command: str) -> str:
    line, *more = command.splitlines()
    return f"{line} …" if more else line
