"""``dragoman translate``: a text in another language."""

from __future__ import annotations

import argparse

from agent.cli import options, textual


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command and its options."""
    parser = subparsers.add_parser(
        "translate",
        help="translate a text (twetalk-translate)",
        description="Translates a text between any two of 17 languages with twetalk-translate.",
    )
    parser.add_argument("text", metavar="TEXT", help="the text, or - for standard input")
    options.add_languages(parser)
    textual.add_stream(parser)
    options.add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the translation; UsageError for an empty text and languages not known."""
    config = options.load(args, "twetalk-translate")
    text = textual.standard_input() if args.text == "-" else args.text
    return textual.answer(config, text, stream=args.stream)
