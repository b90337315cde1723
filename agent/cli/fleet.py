"""``dragoman fleet``: many devices, over the broker alone."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
from contextlib import suppress

from agent.cli import broker_options, fleet_screen, options, output
from agent.clock import SystemClock
from agent.config.schema import DeviceId, Mqtt
from agent.errors import RunError, UsageError
from agent.fleet import command, forgetting, sending, table, watching
from agent.fleet.broker import Broker, address, gather
from agent.fleet.health import STALE_S
from agent.fleet.roster import Roster
from agent.fleet.view import ORDERS, View
from agent.printable import as_json, printable

LIST_S = STALE_S + 1  # so that who sends no telemetry is known as such
ANSWER_S = 5.0
SLOWEST = 0.01  # devices a second
FEW = 10  # answers are counted where there are more
DISCOVERY = "homeassistant"  # where a device announces itself unless told otherwise

EPILOG = """\
COMMAND is an object or KEY=VALUE words, as on the topic "command":
  dragoman fleet send volume=40 --all
  dragoman fleet send '{"talk": "press"}' --to kitchen-1 --to bar-2
  dragoman fleet send restart=true --all --first 5 --rate 20
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command, its three parts and their options."""
    parser = subparsers.add_parser("fleet", help="many devices, over the MQTT broker alone")
    parts = parser.add_subparsers(title="parts", metavar="PART", required=True)

    one = parts.add_parser("list", help="status, state, version, last seen and health of each")
    broker_options.add(one)
    one.add_argument(
        "--wait",
        type=options.seconds,
        default=LIST_S,
        metavar="S",
        help="for telemetry, at most (%(default)g)",
    )
    one.add_argument("--json", action="store_true", help="print one JSON object")
    _add_view(one)
    one.set_defaults(run=run_list)

    one = parts.add_parser("watch", help="the same, live; plain lines where it is piped")
    broker_options.add(one)
    one.add_argument("--transcripts", action="store_true", help="show what is said, too")
    _add_view(one)
    one.set_defaults(run=run_watch)

    one = parts.add_parser(
        "send",
        help="a command to one, several or all devices, with their answers",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.add_argument("command", nargs="+", metavar="COMMAND")
    to = one.add_mutually_exclusive_group(required=True)
    to.add_argument("--to", action="append", default=[], metavar="DEVICE", help="may be repeated")
    to.add_argument("--all", action="store_true", help="to every device the broker knows of")
    one.add_argument(
        "--wait",
        type=options.seconds,
        default=ANSWER_S,
        metavar="S",
        help="for each answer, at most (%(default)g)",
    )
    one.add_argument("--rate", type=_rate, metavar="N", help="at most so many devices a second")
    one.add_argument(
        "--first",
        type=_count,
        default=0,
        metavar="N",
        help="try it on so many, and on the others only if all of these carry it out",
    )
    broker_options.add(one)
    one.set_defaults(run=run_send)

    one = parts.add_parser(
        "forget", help="wipe all the broker keeps of a device that is gone or has a new name"
    )
    one.add_argument("device", metavar="DEVICE")
    one.add_argument("--yes", action="store_true", help="do not ask")
    one.add_argument("--dry-run", action="store_true", help="only list the topics")
    one.add_argument("--force", action="store_true", help="even if it seems to be online")
    broker_options.add(one)
    one.set_defaults(run=run_forget)


def _add_view(parser: argparse.ArgumentParser) -> None:
    """The options that choose which devices are shown."""
    parser.add_argument("--unwell", action="store_true", help="only devices that are not ok")
    parser.add_argument(
        "--match",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only devices whose names fit, e.g. 'hall-*'; may be repeated",
    )
    parser.add_argument(
        "--sort", choices=ORDERS, default="name", help="by what to sort (%(default)s)"
    )


def _view(args: argparse.Namespace) -> View:
    return View(tuple(args.match), args.unwell, args.sort)


def _rate(text: str) -> float:
    value = options.seconds(text)
    if value < SLOWEST:
        raise argparse.ArgumentTypeError(f"must be at least {SLOWEST:g}, not {text}")
    return value


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 1_000_000:
        raise argparse.ArgumentTypeError(f"expected a number of devices, got {text}")
    return int(text)


def run_list(args: argparse.Namespace) -> int:
    """Print the fleet; 1 when there is none."""
    output.utf8()
    settings, clock = broker_options.load(args), SystemClock()
    roster = Roster(settings.topic)
    with Broker(settings, roster.topics, clock) as broker:
        gather(broker, roster, clock, args.wait, roster.complete)
    fleet = table.entries(roster, clock.now(), clock.utc())
    shown = _view(args).of(fleet)
    if args.json:
        devices = [table.as_json(entry) for entry in shown]
        found = {"broker": broker.where, "devices": devices, "ignored": roster.ignored}
        print(as_json(found, indent=2))
    elif fleet:
        # What is not read on a terminal is read by a program, and that wants all of it.
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
        for line in table.lines(shown, width) if shown else ():
            print(line.text)
        print(table.summary(fleet, roster.ignored, len(shown)))
    if not fleet:
        raise _nobody(settings, broker.where)
    return 0


def run_watch(args: argparse.Namespace) -> int:
    """Show the fleet until interrupted."""
    output.utf8()
    settings, clock = broker_options.load(args), SystemClock()
    roster = Roster(settings.topic)
    topics = roster.topics
    if args.transcripts:
        topics.append(watching.transcript_topic(settings.topic))
    with fleet_screen.screen(clock, address(settings)) as screen:
        watch = watching.Watch(
            lambda: Broker(settings, topics, clock), settings.topic, screen, clock, _view(args)
        )
        with suppress(KeyboardInterrupt):  # the way to end it
            watch.run()
    return 0


def run_send(args: argparse.Namespace) -> int:
    """Send a command and print the answers; 1 when one device has not carried it out."""
    output.utf8()
    fields = command.parse(args.command)
    settings, clock = broker_options.load(args), SystemClock()
    roster = Roster(settings.topic)
    with Broker(settings, [*roster.topics, sending.result_topic(settings.topic)], clock) as broker:
        gather(broker, roster, clock, LIST_S, lambda: roster.kept)
        devices = sending.targets(roster, args.to, broker.where)
        if not devices:
            raise _nobody(settings, broker.where)
        ref = f"fleet-{secrets.token_hex(8)}"
        job = sending.Sending(broker, settings.topic, ref, _tell, wait_s=args.wait, rate=args.rate)
        canaries, others = sending.canaries(devices, args.first)
        job.run(fields, canaries, clock)
        if job.ok:
            job.run(fields, others, clock)
    if len(job.outcomes) > FEW:
        print(*table.grid([("ANSWER", "DEVICES", "WHO"), *sending.answers(job.outcomes)]), sep="\n")
    if left := len(devices) - len(job.outcomes):
        words = f"not all of the first {len(canaries)} carried it out: not sent to the other {left}"
        raise RunError(words)
    return 0 if job.ok else 1


def run_forget(args: argparse.Namespace) -> int:
    """Wipe a device's retained messages; 1 when some are left, or there were none."""
    device = broker_options.checked("DEVICE", args.device, DeviceId)
    settings, clock = broker_options.load(args), SystemClock()
    listen = forgetting.topics(settings.topic, settings.discovery or DISCOVERY, device)
    with Broker(settings, listen, clock) as broker:
        kept = forgetting.look(broker, settings.topic, device, clock)
        if not kept.topics:
            raise RunError(f"the broker at {broker.where} keeps nothing of '{printable(device)}'")
        for name in kept.topics:
            print(printable(name), flush=True)
        if args.dry_run:
            return 0
        if kept.online and not args.force:
            words = "is online and would come back: stop it first, or give --force"
            raise RunError(f"'{printable(device)}' {words}")
        if not args.yes and not _agreed(len(kept.topics)):
            return 1
        left = forgetting.wipe(broker, kept.topics, clock)
    for name in left:
        print(f"not wiped: {printable(name)}: check the broker's access list", file=sys.stderr)
    print(f"{len(kept.topics) - len(left)} topics wiped")
    return 1 if left else 0


def _agreed(count: int) -> bool:
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError("nobody can be asked here: give --yes")
    return input(f"Wipe these {count} topics? [y/N] ").strip().lower() in ("y", "yes")


def _tell(outcome: sending.Outcome) -> None:
    print(f"{printable(outcome.device)}: {printable(outcome.text)}", flush=True)


def _nobody(settings: Mqtt, where: str) -> RunError:
    return RunError(f"no devices at {where} below {settings.topic}/")
