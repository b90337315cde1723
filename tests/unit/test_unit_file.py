"""The unit file against the program it starts, and against systemd's own judgement."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.config.loader import DEFAULT_PATH
from agent.config.schema import Network
from agent.control.supervisor import STALLED_S
from agent.errors import UsageError
from agent.system.priority import PRIORITY
from tests.patience import HANG_S

UNIT = Path(__file__).parents[2] / "systemd" / "dragoman.service"
LINES = [line for line in UNIT.read_text().splitlines() if re.match(r"\w+=", line)]
EXPOSURE = 2.0


def values(key: str) -> list[str]:
    return [line.partition("=")[2] for line in LINES if line.startswith(f"{key}=")]


def test_it_starts_the_daemon_with_the_default_configuration() -> None:
    assert values("ExecStart") == [f"/opt/dragoman/dragoman run --config {DEFAULT_PATH}"]
    assert values("Type") == ["notify"]
    assert values("Restart") == ["always"]


def test_the_priority_the_daemon_takes_is_granted() -> None:
    assert int(values("LimitRTPRIO")[0]) >= PRIORITY
    assert values("LimitMEMLOCK") == ["infinity"]
    assert values("RestrictRealtime") == []
    assert "sched_setscheduler" in values("SystemCallFilter")[-1]


def test_a_fault_of_ours_does_not_cost_others_their_memory() -> None:
    """It is spared when memory is short and keeps its own from being swapped: so it is bounded."""
    assert values("OOMScoreAdjust") == ["-200"]
    high, most = (int(values(key)[0].removesuffix("M")) for key in ("MemoryHigh", "MemoryMax"))
    assert Network().recordings_max_mb + 100 <= high < most <= 300  # a board has 512 MB


def test_memory_outlives_the_process_but_no_orderly_stop() -> None:
    assert values("RuntimeDirectory") == ["dragoman"]
    assert values("RuntimeDirectoryMode") == ["0700"]
    assert values("RuntimeDirectoryPreserve") == ["restart"]


def test_the_watchdog_is_slower_than_the_supervisor() -> None:
    assert int(values("WatchdogSec")[0]) > 2 * STALLED_S


def test_a_wrong_configuration_is_not_tried_again() -> None:
    assert values("RestartPreventExitStatus") == [str(UsageError.exit_code)]


def test_what_gpio_and_names_need_is_left_open() -> None:
    assert values("ProcSubset") == values("PrivateDevices") == []
    assert "AF_NETLINK" in values("RestrictAddressFamilies")[0].split()
    assert values("SupplementaryGroups") == ["audio gpio"]


def test_its_exposure_is_low() -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=False)
    if "Permission denied" in done.stderr:  # systemd 252 wants to make /run/systemd even then
        pytest.skip(f"systemd-analyze is for root here: {done.stderr.strip()}")
    found = re.search(r"exposure level for dragoman.service: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    assert float(found.group(1)) < EXPOSURE
