"""dragoman's command line, noting once a second how much it has allocated.

    python -m tests.bench.watched LOG run --config FILE

Each line of LOG is: seconds of CLOCK_MONOTONIC, live blocks of the interpreter's allocator after a
garbage collection, resident pages.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from pathlib import Path

from agent.cli import main
from tests.bench.processes import PROC


def watch(log: Path) -> None:
    """Write until the process ends."""
    statm = PROC / "self/statm"
    with log.open("w", buffering=1) as out:
        while True:
            gc.collect()
            pages = statm.read_text().split()[1]
            out.write(f"{time.monotonic():.3f} {sys.getallocatedblocks()} {pages}\n")
            time.sleep(1)


if __name__ == "__main__":
    threading.Thread(target=watch, args=[Path(sys.argv[1])], daemon=True).start()
    sys.exit(main(sys.argv[2:]))
