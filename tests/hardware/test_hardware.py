"""What ``scripts/test-hardware`` runs, as a test; only with ``DRAGOMAN_HARDWARE=1``."""

from __future__ import annotations

import os

import pytest

from tests.hardware import host, suite

ASKED = os.environ.get("DRAGOMAN_HARDWARE") == "1"


@pytest.mark.skipif(not ASKED, reason="takes minutes; DRAGOMAN_HARDWARE=1 runs it")
def test_on_hardware() -> None:
    why = host.obstacle()
    if why:
        pytest.skip(f"the hardware tests cannot run here: {why}")
    rows = suite.run()
    assert rows
    assert not any(row.good is False for row in rows), f"\n{suite.table(rows)}"
