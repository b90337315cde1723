"""``python -m agent`` is the same command as ``dragoman``."""

import sys

from agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
