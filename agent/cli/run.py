"""``dragoman run``: be the device."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING

from agent import logs
from agent.cli import options
from agent.config import loader
from agent.config.schema import Config
from agent.errors import UsageError
from agent.system import journal
from agent.system.memory import one_heap

if TYPE_CHECKING:
    from agent.app import App

log = logging.getLogger(__name__)

WEB = "127.0.0.1:8080"  #: where ``--web`` alone listens


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser("run", help="be the device: microphone to cloud and back")
    parser.add_argument("--config", metavar="FILE", help="configuration (YAML)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, e.g. audio.capture.device=hw:1,0; may be repeated",
    )
    parser.add_argument("--service", metavar="NAME", help="use this service")
    parser.add_argument("--cloud", metavar="URL", help="one host for all services (emulator)")
    parser.add_argument("--live", action="store_true", help="meter and captions in the terminal")
    parser.add_argument(
        "--web",
        nargs="?",
        const=WEB,
        metavar="HOST:PORT",
        help=f"caption screen in a browser (default: {WEB})",
    )
    parser.add_argument(
        "--duration", type=options.seconds, metavar="S", help="stop after S seconds"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until the microphone ends, ``--duration`` is over or a signal comes."""
    config = _load(args)
    _log(config, quiet=args.live)
    from agent.app import App  # the other commands do not need what it imports

    one_heap()  # before the first thread
    app = App(config, duration_s=args.duration)
    app.on_hangup = lambda: _reload(app, args)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: _asked_to_stop(app, signum))
    if sys.stdin is None or not sys.stdin.isatty():  # a terminal that is closed ends the device
        signal.signal(signal.SIGHUP, lambda *_: app.hang_up())
    with ExitStack() as screens:
        if app.config.web.listen is not None:
            from agent.web.screen import CaptionScreen  # nothing of it is loaded when it is off

            screens.enter_context(CaptionScreen(app))
        if args.live:
            from agent.cli.live import Live  # rich is imported only when something is drawn

            app.watch(screens.enter_context(Live(app)).notice)
        return app.run()


def _load(args: argparse.Namespace) -> Config:
    return loader.load(args.config, args.set, cloud=args.cloud, service=args.service, web=args.web)


def _asked_to_stop(app: App, signum: int, _: FrameType | None = None) -> None:
    app.stop(signal.Signals(signum).name)


def _reload(app: App, args: argparse.Namespace) -> None:
    """Load the configuration again; with a mistake in it the old one stays in use."""
    try:
        config = _load(args)
        later = app.reload(config)
    except UsageError as error:
        for line in str(error).splitlines():
            log.error("not reloaded: %s", line)
        return
    _log(config, quiet=args.live)
    log.info("configuration reloaded")
    for key in later:
        log.warning("%s has changed: it needs a restart", key)


def _log(config: Config, *, quiet: bool) -> None:
    level = "warning" if quiet and config.logging.level == "info" else config.logging.level
    to_journal = journal.is_stderr()
    logs.setup(level, config.logging.format, journal=to_journal)
