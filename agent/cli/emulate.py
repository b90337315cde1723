"""`dragoman emulate`: every provider on this machine, to try things out without an account."""

from __future__ import annotations

import argparse
import logging
import sys
from importlib.util import find_spec
from pathlib import Path

from agent.errors import UsageError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "emulate",
        help="answer as the speech providers do, on this machine",
        description="Answers as the speech providers do, strictly by their documents, on one "
        "port of this machine. Every credential is the word demo.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8765, help="port; 0: any (%(default)s)")
    parser.add_argument(
        "--engine",
        choices=("scripted", "local"),
        default="scripted",
        help="scripted: sentences from a script; local: really recognise, translate and speak",
    )
    parser.add_argument("--script", type=Path, metavar="FILE", help="YAML options of the engine")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="YAML list of what goes wrong")
    parser.add_argument("--record", type=Path, metavar="DIR", help="keep audio, messages, requests")
    parser.add_argument(
        "--rate", type=int, choices=(16_000, 8_000), default=16_000, help="of audio (%(default)s)"
    )
    parser.add_argument(
        "--jobs-per-second",
        type=int,
        choices=range(1, 11),
        default=10,
        metavar="N",
        help="submissions of long recordings allowed, 1 to 10 (%(default)s)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM; `UsageError` for wrong files, `RunError` for a port in use."""
    for module in ("aiohttp", "numpy", "soxr"):
        if find_spec(module) is None:
            raise UsageError(f"emulate needs {module}: pip install 'dragoman[emulator]'")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    from agent.emulator.engines import load_engine
    from agent.emulator.faults import read_faults
    from agent.emulator.server import Emulator
    from agent.emulator.stream import Rules

    with load_engine(args.engine, args.script) as engine:
        emulator = Emulator(
            args.host,
            args.port,
            engine=engine,
            faults=read_faults(args.faults) if args.faults else (),
            rules=Rules(rate=args.rate, jobs_per_s=args.jobs_per_second),
            record=args.record,
            keep=False,
        )
        emulator.serve(lambda: _announce(emulator.url))
    return 0


def _announce(url: str) -> None:
    websocket = url.replace("http", "ws", 1)
    print(f"listening on {url} ({websocket}); every credential is: demo", flush=True)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)
