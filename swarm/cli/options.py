"""The options that all commands share, and how a command is called with its own.

A command is a module with `add_arguments(parser)` and `run(args) -> int`. In `args` it finds its own arguments, the shared
ones (json, quiet, verbose, color, no_input, log, debug) and `args.output`; to the folder of `-C` it has gone already.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
from typing import NoReturn, Protocol, cast

from swarm.cli.output import Output
from swarm.errors import UsageError


class Command(Protocol):
    """What the module of a command has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are sentences of ours."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see `{self.prog} --help`")


def run_command(name: str, module: str, help_: str, words: list[str]) -> int:
    """Import the module of a command, read its words and run it. Raises UsageError where the words make no sense."""
    shared = shared_options(f"swarm {name}")
    options, own_words = _take_shared(shared, words)
    description = f"{help_[0].upper()}{help_[1:]}."
    parser = _Parser(prog=f"swarm {name}", description=description, parents=[shared], allow_abbrev=False)
    command = cast("Command", importlib.import_module(module))
    command.add_arguments(parser)
    try:
        args, unknown = parser.parse_known_args(own_words, options)
    except SystemExit:  # argparse has printed the help
        return 0
    if unknown:
        raise UsageError(_not_known(unknown[0], parser))
    if args.folder is not None:
        _go_to(args.folder)
    args.output = Output(
        json=args.json, quiet=args.quiet, verbose=args.verbose, color=args.color, no_input=args.no_input
    )
    return command.run(args)


def shared_options(prog: str) -> argparse.ArgumentParser:
    """Return a parser for the options that every command has."""
    parser = _Parser(prog=prog, add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    group = parser.add_argument_group("shared by all commands")
    group.add_argument("--json", action="store_true", help="write the result as JSON")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but the result and errors")
    group.add_argument("-v", "--verbose", action="count", help="say more on stderr")
    group.add_argument("--color", choices=["auto", "always", "never"], help="default: on a terminal without NO_COLOR")
    group.add_argument("--no-input", action="store_true", help="never ask; exit with 5 where a question would stand")
    group.add_argument("--log", metavar="URL", help="use this log instead of the one in the settings")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    group.add_argument("-C", dest="folder", metavar="DIR", help="go to this folder first")
    return parser


def _take_shared(shared: argparse.ArgumentParser, words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Take the shared options out first, so that they may stand anywhere, also behind the word of a nested command."""
    end = words.index("--") if "--" in words else len(words)
    options = argparse.Namespace(
        json=False, quiet=False, verbose=0, color="auto", no_input=False, log=None, debug=False, folder=None
    )
    options, own_words = shared.parse_known_args(words[:end], options)
    return options, own_words + words[end:]


def _not_known(word: str, parser: argparse.ArgumentParser) -> str:
    from difflib import get_close_matches  # only an error needs it

    options = set(re.findall(r"--[a-z][a-z-]+", parser.format_help()))
    near = get_close_matches(word.partition("=")[0], sorted(options), n=1)
    guess = f"did you mean {near[0]}?" if near else f"see `{parser.prog} --help`"
    return f"{parser.prog} does not know {word}; {guess}"


def _go_to(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise UsageError(f"-C {folder}: cannot go there ({error.strerror}); name a folder that exists") from error
