"""Boots a throw-away copy of the image for one command and brings back what it left.

The guest is emulated, not virtualised: it needs nothing from the machine's processor.  Its clock
goes by the instructions it has carried out, and leaps to what is due next while it waits.  So it is
as fast as a small board, and all takes as long by its clock however busy the machine is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from tests.hardware.image import PROJECT

BOOT_S = 180  # for booting and copying, beside the command's own time
SLOWER = 6  # times than its clock, at most, on a machine that is busy
LIMIT = 124  # the status of a command that ran too long
LOST = 125  # the status when the guest went down by itself
_LEFT_OUT = (".?*", "demo-out", "__pycache__")  # by name, wherever they are
_KERNEL = (
    "quiet loglevel=4 panic=-1 tsc=reliable mitigations=off nokaslr"
    " random.trust_cpu=on net.ifnames=0 systemd.show_status=0"
)
_QEMU = {
    "amd64": ("qemu-system-x86_64", "-machine", "pc", "-cpu", "max"),
    # The cores of a Raspberry Pi Zero 2 W.
    "arm64": ("qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a53"),
}
_CONSOLE = {"amd64": "ttyS0", "arm64": "ttyAMA0"}  # the serial line, as Linux calls it


def run(
    image: Path, architecture: str, command: Sequence[str], *, out: Path, timeout: int = 600
) -> int:
    """Run ``command`` as root in a fresh guest, in a copy of the project; its exit status.

    Its output is passed on as it comes.  What it puts in ``/out`` goes to ``out``, with
    the guest's journal and console.  ``timeout`` is seconds of the guest's clock.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dragoman-guest-") as name:
        control = Path(name)
        with tarfile.open(control / "project.tar", "w") as tar:
            tar.add(PROJECT, ".", filter=_wanted)
        (control / "command").write_bytes(b"".join(os.fsencode(a) + b"\0" for a in command))
        (control / "timeout").write_text(str(timeout))
        qemu = _command(image, architecture, control, out / "console.log")
        _boot(qemu, SLOWER * (timeout + BOOT_S))
        if not (control / "status").exists():
            console = (out / "console.log").read_text(errors="replace")
            print("the guest went down; its last words:", *console.splitlines()[-20:], sep="\n  ")
            return LOST
        with tarfile.open(control / "out.tar") as tar:
            tar.extractall(out, filter="data")
        return int((control / "status").read_text())


def _boot(qemu: list[str], seconds: float) -> None:
    # An open pipe as its input: at the end of a file QEMU would close the guest's port.
    machine = subprocess.Popen(qemu, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    printer = threading.Thread(target=_pass_on, args=(machine,), daemon=True)
    printer.start()
    try:
        machine.wait(seconds)
    except subprocess.TimeoutExpired:
        print(f"the guest did not end within {seconds:.0f} s", flush=True)
    finally:
        machine.kill()
        machine.wait()
        printer.join(5)


def _command(image: Path, architecture: str, control: Path, console: Path) -> list[str]:
    # setpriv: should this process be killed, the guest ends with it.
    # "snapshot": what the guest writes to its disk is gone with it.
    return [
        *("setpriv", "--pdeathsig", "KILL", *_QEMU[architecture]),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none"),
        *("-accel", "tcg,thread=single,tb-size=1024"),
        *("-icount", "shift=1,sleep=off", "-m", "2048"),  # an instruction is 2 ns
        *("-kernel", f"{image}/kernel", "-initrd", f"{image}/initrd"),
        *("-append", f"{_KERNEL} console={_CONSOLE[architecture]}"),
        *("-serial", f"file:{console}"),
        *("-drive", f"file={image}/disk,format=raw,if=virtio,snapshot=on,cache=unsafe"),
        *("-device", "virtio-rng-pci", "-device", "virtio-serial-pci"),
        *("-chardev", "stdio,id=output,signal=off"),
        *("-device", "virtserialport,chardev=output,name=output"),
        *("-virtfs", f"local,path={control},mount_tag=control,security_model=none"),
    ]


def _pass_on(machine: subprocess.Popen[bytes]) -> None:
    assert machine.stdout is not None
    while data := os.read(machine.stdout.fileno(), 65536):
        sys.stdout.write(data.decode(errors="replace"))
        sys.stdout.flush()


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what the guest does not need; everything belongs to root there."""
    name = Path(member.name).name
    if any(fnmatch(name, pattern) for pattern in _LEFT_OUT):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
