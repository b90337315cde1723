"""The installed service: put there, upgraded, cut short, carried over, removed."""

from __future__ import annotations

import random
import re
import time

from tests.fresh.machine import CLONE, Failed, Machine
from tests.fresh.roots import USER

UNIT = "dragoman.service"
ETC = "/etc/dragoman"
READY_S = 30
#: A device that hears a recording, speaks to nobody, and has its cloud on this machine's port 9.
_CONFIG = """\
device: {id: fresh}
service:
  name: twetalk-v2
  url: http://127.0.0.1:9
  token_file: ${CREDENTIALS_DIRECTORY}/dragoman_token
  source: en
  target: es
audio:
  capture: {device: "file:/usr/share/sounds/alsa/Front_Center.wav", loop: true}
  playback: {device: null}
talk: {mode: open}
mqtt: {host: null}
"""
#: Every package in the environment of the service can be loaded on this processor.
_IMPORT_ALL = """
from importlib import import_module, metadata
for name in sorted(metadata.packages_distributions()):
    if name.startswith("_") or name in ("pip", "setuptools", "pkg_resources"):
        continue  # those make environments, and what they load themselves
    try:
        print(import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:  # a name that is only listed
            raise
"""
_LISTENER = """
import os, shutil, socket, subprocess, threading, time
os.makedirs("/run/fresh", exist_ok=True)
shutil.copy("/etc/dragoman/credentials/token", "/run/fresh/dragoman_token")
shutil.chown("/run/fresh/dragoman_token", "dragoman")
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("/run/fresh/notify")
os.chmod("/run/fresh/notify", 0o666)
told = {"NOTIFY_SOCKET": "/run/fresh/notify", "CREDENTIALS_DIRECTORY": "/run/fresh"}
run = ["/opt/dragoman/dragoman", "run", "--config", "/etc/dragoman/dragoman.yaml"]
who = {"user": "dragoman", "group": "dragoman", "extra_groups": []}
service = subprocess.Popen(run, env=dict(os.environ, **told), cwd="/run", **who)
while b"READY=1" not in notify.recv(4096):
    pass
print("READY=1", flush=True)
threading.Thread(target=lambda: all(iter(lambda: notify.recv(4096), b"")), daemon=True).start()
time.sleep(5)
assert service.poll() is None, "it does not stay up"
service.terminate()
assert service.wait() == 0
"""
_OURS = "/opt/dragoman /etc/dragoman /etc/systemd/system/dragoman.service /usr/local/bin/dragoman"


def install(machine: Machine) -> str:
    """By a user, from a clone in the home directory."""
    machine.boot()
    machine.run(CLONE, user=USER)
    _note_what_is_there(machine)
    (machine.path / f"home/{USER}/fresh.yaml").write_text(_CONFIG)
    started = time.monotonic()
    machine.run("cd dragoman && sudo scripts/install --config ~/fresh.yaml", user=USER, seconds=600)
    took = time.monotonic() - started
    token = f"echo demo | sudo install -m 600 /dev/stdin {ETC}/credentials/token"
    machine.run(token, user=USER)
    if machine.boots:
        machine.run("sudo systemctl restart dragoman", user=USER, seconds=READY_S)
    _ready(machine)
    machine.run("dragoman --version")
    machine.attempt("dragoman devices; dragoman doctor --no-sound")
    machine.run(f"/opt/dragoman/current/bin/python -c '{_IMPORT_ALL}'")
    _reboot(machine)
    _ready(machine)
    machine.halt()
    return f"ready; installed in {took:.0f} s"


def upgrade(machine: Machine) -> str:
    """To a version that is newer, by root with a mask that hides everything from others."""
    machine.boot()
    _ready(machine)
    before = _kept(machine)
    _newer(machine, "9.0.0")
    machine.run(f"umask 077; ~{USER}/dragoman/scripts/install", seconds=600)
    _is_version(machine, "9.0.0")
    _ready(machine)
    _same(before, _kept(machine))
    return "9.0.0 ready"


def killed(machine: Machine) -> str:
    """Cut short at random; what is there must work, and the next upgrade must go through."""
    machine.boot()
    _ready(machine)
    before = _kept(machine)
    _newer(machine, "9.0.0")
    started = time.monotonic()
    machine.run(f"~{USER}/dragoman/scripts/install", seconds=600)
    whole = time.monotonic() - started
    moments = []
    turns = 3 if machine.root.emulated else 6
    for turn in range(turns):
        _newer(machine, f"9.0.{turn + 1}")
        # The second half of them late, when the new one takes the place of the old.
        moment = random.uniform(0 if turn < turns // 2 else 0.7 * whole, whole)
        moments.append(f"{moment:.0f}")
        _cut_short(machine, moment, power=bool(turn % 2))
        machine.run("dragoman --version")
        _reboot(machine)
        _ready(machine)
        _same(before, _kept(machine))
    machine.run(f"~{USER}/dragoman/scripts/install", seconds=600)
    _is_version(machine, f"9.0.{turns}")
    _ready(machine)
    return f"after {', '.join(moments)} of {whole:.0f} s"


def release(machine: Machine) -> str:
    """The next release of the operating system, with another Python."""
    machine.boot()
    _ready(machine)
    before = _kept(machine)
    old, new = machine.root.suite, machine.root.next
    machine.run(f"sed -i 's/{old}/{new}/g' $(find /etc/apt/sources.list* -type f)")
    apt = "apt-get -y -q -o Dpkg::Options::=--force-confold"
    machine.run("apt-get update -q", seconds=120)
    machine.run(f"DEBIAN_FRONTEND=noninteractive {apt} full-upgrade", seconds=900)
    machine.run(f"DEBIAN_FRONTEND=noninteractive {apt} autoremove --purge", seconds=120)
    _reboot(machine)
    started = time.monotonic()
    if not machine.boots:
        machine.run("/opt/dragoman/current/source/scripts/install", seconds=600)
    _ready(machine, seconds=600)
    took = time.monotonic() - started
    machine.run("dragoman --version")
    _same(before, _kept(machine))
    return f"ready {took:.0f} s after the boot, by itself"


def uninstall(machine: Machine) -> str:
    """With what it brought, but for what somebody has come to need."""
    machine.boot()
    _ready(machine)
    there = f"/home/{USER}/there"
    with (machine.path / there.lstrip("/") / "packages").open() as file:
        before = set(file.read().split())
    machine.run("DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-yaml", seconds=120)
    machine.run(f"cd ~{USER}/dragoman && scripts/install --uninstall --purge", seconds=120)
    left, _ = machine.attempt(f"! ls -d {_OURS}")
    if left:
        raise Failed("something of dragoman is left")
    machine.run("! getent passwd dragoman")
    machine.run("python3 -c 'import yaml'")
    machine.run(f"{_GROUPS} | diff {there}/groups -")
    after = set(machine.run(_PACKAGES).split())
    gone, left_over = before - after, after - before - set(machine.run(_NEEDED_BY_USER).split())
    if gone:
        raise Failed(f"packages that were there before are gone: {' '.join(sorted(gone))}")
    if left_over:
        raise Failed(f"packages are left: {' '.join(sorted(left_over))}")
    return f"of the packages {len(after - before)} stay, for python3-yaml"


_PACKAGES = "dpkg-query -W -f '${db:Status-Status} ${Package}\\n' | sed -n 's/^installed //p'"
_NEEDED_BY_USER = (
    "apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts"
    " --no-breaks --no-replaces --no-enhances python3-yaml | grep '^[a-z]' | sed 's/:.*//'"
)
_GROUPS = "getent group | cut -d: -f1 | sort"


def _note_what_is_there(machine: Machine) -> None:
    note = f"mkdir there && {_PACKAGES} >there/packages; {_GROUPS} >there/groups"
    machine.run(note, user=USER)


def _ready(machine: Machine, seconds: float = READY_S) -> None:
    """Active: the unit is of Type=notify, so that READY=1 came.  And it stays so."""
    if not machine.boots:
        _ready_alone(machine)
        return
    end = time.monotonic() + seconds * machine.patience
    while machine.attempt(f"systemctl is-active --quiet {UNIT}")[0]:
        if time.monotonic() > end:
            machine.attempt(f"systemctl status --no-pager {UNIT}")
            machine.attempt(f"journalctl -u {UNIT} -n 30 --no-pager")
            raise Failed("the service is not ready")
        time.sleep(1)
    pid = f"systemctl show -p MainPID {UNIT}"
    if machine.run(pid) != machine.run(f"sleep 5; {pid}"):
        raise Failed("the service does not stay up")


def _ready_alone(machine: Machine) -> None:
    """The same without systemd: this listens for READY=1 in its place."""
    (machine.path / "root/ready.py").write_text(_LISTENER)
    machine.run("python3 ready.py", seconds=READY_S)


def _kept(machine: Machine) -> str:
    """What an upgrade leaves alone."""
    return machine.run(
        f"cd {ETC} && find . -type f -exec sha256sum {{}} + -exec stat -c %a%U%n {{}} +"
    )


def _same(before: str, after: str) -> None:
    if before != after:
        raise Failed("configuration or token are not as they were")


def _newer(machine: Machine, version: str) -> None:
    """A clone after ``git pull``: only the version differs."""
    path = machine.path / f"home/{USER}/dragoman/agent/__init__.py"
    path.write_text(re.sub(r'(__version__ = )".*"', rf'\1"{version}"', path.read_text()))


def _is_version(machine: Machine, version: str) -> None:
    said = machine.run("dragoman --version")
    if version not in said:
        raise Failed(f"the command is {said.strip()}, not {version}")


def _cut_short(machine: Machine, moment: float, *, power: bool) -> None:
    """Begin an upgrade and end it after ``moment`` seconds, by a power cut or by SIGKILL."""
    run = f"/home/{USER}/dragoman/scripts/install"
    if not machine.boots:  # with the first process all of them end
        machine.attempt(f"timeout -s KILL {moment:.1f} {run}", seconds=600)
        return
    machine.run(f"systemd-run --quiet --collect --unit=upgrade {run}")
    time.sleep(moment)
    if power:
        machine.cut()
        machine.boot()
    else:
        machine.attempt("systemctl kill --signal=KILL upgrade.service")
        machine.attempt("while systemctl is-active --quiet upgrade.service; do sleep 0.2; done")


def _reboot(machine: Machine) -> None:
    machine.halt()
    machine.boot()
