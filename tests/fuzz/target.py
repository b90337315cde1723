"""One entrance under libFuzzer, by atheris: ``python -m tests.fuzz.target NAME [OPTION…]``.

Options are libFuzzer's; the process ends with the first find.
"""

from __future__ import annotations

import logging
import sys

import atheris

from agent import redact

with atheris.instrument_imports(include=["agent"]):
    from tests.fuzz.entrances import ENTRANCES


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    name = sys.argv.pop(1)
    logging.disable(logging.CRITICAL)
    redact.learn("hunter2-hunter2")
    atheris.Setup(sys.argv, ENTRANCES[name].take)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
