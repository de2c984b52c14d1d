"""The options that all commands share, and how a command is called with its own.

A command is a module with `add_arguments(parser)` and `run(args) -> int`. In `args` it finds its own arguments, the shared
ones (json, quiet, verbose, color, no_input, log, debug) and `args.output`; to the folder of `-C` it has gone already.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
from collections.abc import Iterable
from copy import copy
from typing import NoReturn, Protocol, cast

from swarm.cli.output import Output
from swarm.cli.streams import write_result
from swarm.errors import UsageError

_NEAR = 0.7  # --jsn and --json, not --foo and --color


class Command(Protocol):
    """What the module of a command has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Names the arguments in the line of the usage, and no option: there are more than fit, and the list below has them."""

    _ANY = argparse.Action(["OPTIONS"], "options", nargs=0)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],  # pyright: ignore[reportPrivateUsage]  # in the base's signature
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, [self._ANY, *(one for one in actions if not one.option_strings)], groups, prefix)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are sentences of ours."""

    def error(self, message: str) -> NoReturn:
        missing = re.fullmatch(r"the following arguments are required: (.*)", message)
        said = f"{missing[1]} is missing" if missing else message + _meant(message)
        raise UsageError(f"{self.prog}: {said}; see `{self.prog} --help`")

    def print_help(self, file: object = None) -> None:
        write_result(self.format_help())


def _meant(message: str) -> str:
    """What asks for the nearest choice where one was mistyped."""
    found = re.fullmatch(r"argument .*: invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL)
    if found is None:
        return ""
    from difflib import get_close_matches  # only an error needs it

    choices = re.findall(r"[^\s,']+", found[2])
    near = get_close_matches(found[1].lower(), choices, n=1) if len(found[1]) <= 64 else []
    return f", did you mean {near[0]}?" if near else ""


def run_command(name: str, module: str, help_: str, words: list[str]) -> int:
    """Import the module of a command, read its words and run it. Raises UsageError where the words make no sense."""
    if wrong := next((word for word in words if re.fullmatch(r"-[^=]+=--", word)), None):
        raise UsageError(f"{wrong.removesuffix('=--')} is given `--`, which is no value")  # argparse makes a list of it
    options, own_words = _take_shared(shared_options(f"swarm {name}"), _with_values(words))
    parser, command = parser_of(name, module, help_)
    try:
        args, unknown = _read(parser, own_words, options)
    except SystemExit:  # argparse has printed the help
        return 0
    except UsageError as error:
        raise _about_a_file(error, own_words) from error
    if unknown:
        raise _about_a_file(UsageError(_not_known(unknown[0], parser)), own_words)
    if args.folder is not None:
        _go_to(args.folder)
    args.output = Output(
        json=args.json,
        quiet=args.quiet,
        verbose=args.verbose,
        color=args.color,
        no_input=args.no_input,
        log=args.log,
        folder=args.folder,
    )
    return command.run(args)


def _with_values(words: list[str]) -> list[str]:
    """The words with `--at -2m` as `--at=-2m`: no option begins with a digit, and argparse takes such a word for one.

    >>> _with_values(["s1", "--at", "-2m", "--json", "--", "--at", "-2m"])
    ['s1', '--at=-2m', '--json', '--', '--at', '-2m']
    """
    joined: list[str] = []
    for at, word in enumerate(words):
        if word == "--":
            return [*joined, *words[at:]]
        if joined and re.fullmatch(r"--[a-z-]+", joined[-1]) and re.match(r"-[0-9]", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def parser_of(name: str, module: str, help_: str) -> tuple[argparse.ArgumentParser, Command]:
    """Import the module of a command; return what reads its words, the shared options included, and the module."""
    description = f"{help_[0].upper()}{help_[1:]}."
    parser = _Parser(prog=f"swarm {name}", description=description, formatter_class=_Formatter, allow_abbrev=False)
    command = cast("Command", importlib.import_module(module))
    command.add_arguments(parser)
    add_shared(parser)  # behind the command's own, in its help, too
    return parser, command


def shared_options(prog: str) -> argparse.ArgumentParser:
    """Return a parser for the options that every command has."""
    parser = _Parser(prog=prog, add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    add_shared(parser)
    return parser


def add_shared(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has."""
    group = parser.add_argument_group("shared by all commands")
    group.add_argument("--json", action="store_true", help="write the result as JSON")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but the result and errors")
    group.add_argument("-v", "--verbose", action="count", help="say more on stderr")
    group.add_argument("--color", choices=["auto", "always", "never"], help="default: on a terminal without NO_COLOR")
    group.add_argument("--no-input", action="store_true", help="never ask; exit with 5 where a question would stand")
    group.add_argument("--log", metavar="URL", help="use this log instead of the one in the settings")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    group.add_argument("-C", dest="folder", metavar="DIR", help="go to this folder first")


def _take_shared(shared: argparse.ArgumentParser, words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Take the shared options out first, so that they may stand anywhere, also behind the word of a nested command."""
    end = words.index("--") if "--" in words else len(words)
    options = argparse.Namespace(
        json=False, quiet=False, verbose=0, color="auto", no_input=False, log=None, debug=False, folder=None
    )
    options, own_words = shared.parse_known_args(words[:end], options)
    return options, own_words + words[end:]


def _read(
    parser: argparse.ArgumentParser, words: list[str], options: argparse.Namespace
) -> tuple[argparse.Namespace, list[str]]:
    """Read the words of a command; return those that nothing takes, too. Words may stand behind an option, as in `match --most 3 TEXT`."""
    shared = copy(options)
    args, unknown = parser.parse_known_args(words, options)
    if unknown and not any(word.startswith("-") for word in unknown):  # argparse gives them to nobody at first
        args, unknown = parser.parse_known_intermixed_args(words, shared)
    return args, unknown


def _about_a_file(error: UsageError, words: list[str]) -> UsageError:
    """Return the error, or what explains it: a file whose name is read as an option."""
    named = next((word for word in words if word.startswith("-") and os.path.lexists(word)), None)
    return error if named is None else UsageError(f"{named} is read as an option; a file of this name is ./{named}")


def _not_known(word: str, parser: argparse.ArgumentParser) -> str:
    from difflib import get_close_matches  # only an error needs it

    if not word.startswith("-"):
        return f"{parser.prog} has no use for {word!r}; see `{parser.prog} --help`"
    options = set(re.findall(r"--[a-z][a-z-]+", parser.format_help()))
    near = get_close_matches(word.partition("=")[0], sorted(options), n=1, cutoff=_NEAR)
    guess = f"did you mean {near[0]}?" if near else f"see `{parser.prog} --help`"
    return f"{parser.prog} does not know {word}; {guess}"


def _go_to(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise UsageError(f"-C {folder}: cannot go there ({error.strerror}); name a folder that exists") from error
