"""A private PulseAudio with one silent sound card, seen through ALSA as ``mic`` and ``speaker``.

What is played on ``speaker`` is heard by ``mic``; with :meth:`Pulse.room` another microphone,
``ear``, hears it through a room, in which somebody else may talk.  The daemon has its own runtime
directory, talks on its own socket and neither reads nor writes a user's settings.
Tests import the fixture :func:`pulse`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from math import inf
from pathlib import Path

import pytest

from tests.patience import HANG_S

RATE = 16000
SINK, AIR = "card", "air"
QUICK_S = 0.05
RAW = ["--raw", f"--rate={RATE}", "--channels=1", "--format=s16le", "--latency-msec=20"]
TOOLS = ("pulseaudio", "pacat", "parec", "pactl")

ALSA_CONFIG = """\
</usr/share/alsa/alsa.conf>
pcm.mic {{ type pulse server "{server}" device "card.monitor" }}
pcm.speaker {{ type pulse server "{server}" device "card" }}
pcm.ear {{ type pulse server "{server}" device "air.monitor" }}
"""


def missing() -> str | None:
    """What the machine lacks for these tests, or None."""
    tools = [tool for tool in TOOLS if not shutil.which(tool)]
    if tools:
        return f"not installed: {', '.join(tools)}"
    if find_spec("alsaaudio") is None:
        return "pyalsaaudio is not installed"
    plugins = [*Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")]
    return None if plugins else "not installed: the pulse plugin of ALSA (libasound2-plugins)"


def wait_for(what: str, condition: Callable[[], object], seconds: float = HANG_S) -> None:
    """Wait until ``condition()`` is true; fail the test after ``seconds``."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            pytest.fail(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


class Pulse:
    """The daemon in ``folder``; :meth:`kill` and :meth:`start` may alternate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = f"unix:{folder}/native"
        self.environment = {
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
            "PULSE_COOKIE": str(folder / "cookie"),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_SERVER": self.server,
            "PULSE_STATE_PATH": str(folder),
        }
        (folder / "asound.conf").write_text(ALSA_CONFIG.format(server=self.server))
        (folder / "client.conf").write_text("autospawn = no\nenable-shm = no\n")
        (folder / "cookie").write_bytes(bytes(256))
        self._daemon: subprocess.Popen[bytes] | None = None
        self._awake: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the daemon and wait until its sinks are as quick as a card."""
        socket = f"socket={self.folder}/native"
        modules = [f"module-native-protocol-unix {socket} auth-anonymous=1"]
        for sink in (SINK, AIR):
            modules.append(f"module-null-sink sink_name={sink} rate={RATE} channels=1 format=s16le")
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        load = [word for module in modules for word in ("-L", module)]
        self._daemon = self._spawn(["pulseaudio", *options, "--disable-shm=yes", *load])
        wait_for("PulseAudio answers", self._answers)
        # An idle null sink works in blocks of two seconds, and what is written into it meanwhile
        # stays so late; a stream that wants little keeps it quick, after the first such block.
        with Path("/dev/zero").open("rb") as silence:
            for sink in (SINK, AIR):
                awake = self._spawn(["pacat", *RAW, "-d", sink], stdin=silence.fileno())
                self._awake.append(awake)
        wait_for("the sinks are quick", self._quick)

    def kill(self) -> None:
        """Let the daemon die without a word to its clients; idempotent."""
        for process in filter(None, (self._daemon, *self._awake)):
            process.kill()
            process.wait(HANG_S)
        self._daemon, self._awake = None, []
        (self.folder / "native").unlink(missing_ok=True)

    @contextmanager
    def room(self, reverberation_s: float = 0.25) -> Iterator[None]:
        """Walls around the speaker and the microphone ``ear``; :meth:`say` is heard by it too."""
        raw = " ".join(RAW)
        walls = f"{sys.executable} -m tests.system.walls {reverberation_s}"
        carry = f"parec {raw} -d {SINK}.monitor | {walls} | pacat {raw} -d {AIR}"
        process = self._spawn(["setsid", "bash", "-c", carry])
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(HANG_S)

    @property
    def gaps(self) -> int:
        """How often the :meth:`room` was late so far, so that its sound has gaps."""
        return (self.folder / "log").read_text(errors="replace").count("gap\n")

    def say(self, pcm: bytes) -> None:
        """Say s16le mono in the :meth:`room`; return when it was said."""
        self.play(pcm, AIR)

    def play(self, pcm: bytes, sink: str = SINK) -> None:
        """Play s16le mono into the sink with pacat; return when it has been played."""
        command = ["pacat", *RAW, "-d", sink]
        subprocess.run(command, input=pcm, env=self._env(), check=True, timeout=HANG_S)

    @contextmanager
    def recording(self) -> Iterator[Callable[[], bytes]]:
        """Record the sink with parec; the value gives what was heard so far."""
        path = self.folder / "heard.raw"
        with path.open("wb") as file:
            command = ["parec", *RAW, "-d", f"{SINK}.monitor"]
            recorder = self._spawn(command, stdout=file.fileno())
            try:
                wait_for("parec records", lambda: path.stat().st_size)
                yield path.read_bytes
            finally:
                recorder.send_signal(signal.SIGINT)
                recorder.wait(HANG_S)

    def _answers(self) -> bool:
        command = ["pactl", "info"]
        return not subprocess.run(command, env=self._env(), capture_output=True).returncode

    def _quick(self) -> bool:
        """Whether no sink holds more than :data:`QUICK_S` of sound."""
        command = ["pactl", "list", "sinks"]
        told = subprocess.run(command, env=self._env(), capture_output=True, text=True).stdout
        latencies = [int(us) / 1e6 for us in re.findall(r"Latency: (\d+) usec", told)]
        return max(latencies, default=inf) < QUICK_S

    def _spawn(
        self,
        command: list[str],
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        log = self.folder / "log"
        with log.open("ab") as stderr:
            return subprocess.Popen(
                command, stdin=stdin, stdout=stdout, stderr=stderr, env=self._env()
            )

    def _env(self) -> dict[str, str]:
        own = {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder)}
        return {"PATH": os.environ["PATH"]} | self.environment | own


@pytest.fixture(scope="module")
def pulse() -> Iterator[Pulse]:
    """A running :class:`Pulse`; ALSA of this process sees its devices."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    # Not tmp_path: a socket's path may have 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="pulse-") as folder, pytest.MonkeyPatch.context() as m:
        daemon = Pulse(Path(folder))
        for key, value in daemon.environment.items():
            m.setenv(key, value)
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.kill()
            if sys.exc_info()[0]:
                print((daemon.folder / "log").read_text(errors="replace"))
