"""``dragoman translate``: a text in another language."""

from __future__ import annotations

import argparse

from agent.cli import options, textual


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser(
        "translate",
        help="translate a text",
        description="Translates a text with a service of the configuration that can: own, or "
        "twetalk-translate (any two of 17 languages).",
    )
    parser.add_argument("text", metavar="TEXT", help="the text, or - for standard input")
    textual.add_service(parser)
    options.add_languages(parser)
    textual.add_stream(parser)
    options.add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the translation; UsageError for an empty text and languages not known."""
    config = textual.serving(args, "translates")
    text = textual.standard_input() if args.text == "-" else args.text
    return textual.answer(config, text, "translates", stream=args.stream)
