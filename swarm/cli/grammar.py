"""What can be typed: the commands with their options and arguments, as their parsers know them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Literal

import msgspec

from swarm.cli.main import COMMANDS
from swarm.cli.options import parser_of

Kind = Literal["words", "file", "folder", "session", "text"]
"""What a value is: one of some words, a path, a session of the log, or anything."""

_ARGUMENTS: dict[str, Kind] = {"FILE": "file", "FILE|PROMPT": "file", "SESSION": "session", "ID": "session"}
_OPTIONS: dict[str, Kind] = {"--session": "session", "--log": "file", "-C": "folder"}


class Value(msgspec.Struct, frozen=True):
    """What can stand somewhere."""

    kind: Kind
    words: tuple[str, ...] = ()


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """An option under all of its names; `value` is None for a switch."""

    names: tuple[str, ...]
    help: str
    value: Value | None = None


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it is typed."""

    name: str
    help: str
    options: tuple[Option, ...]
    values: tuple[Value, ...]  # of its arguments, in their order


def spoken_commands() -> tuple[Spoken, ...]:
    """Return every command, in the order of the help. It imports the modules of all of them."""
    return tuple(_spoken(name, module, help_) for group in COMMANDS.values() for name, (module, help_) in group.items())


def _spoken(name: str, module: str, help_: str) -> Spoken:
    parser, _ = parser_of(name, module, help_)
    actions = [action for action in parser._actions if action.help != argparse.SUPPRESS]  # pyright: ignore[reportPrivateUsage]  # argparse has no other way to ask
    return Spoken(
        name=name,
        help=help_,
        options=tuple(_option(action) for action in actions if action.option_strings),
        values=tuple(_value(action) for action in actions if not action.option_strings),
    )


def _option(action: argparse.Action) -> Option:
    value = None if action.nargs == 0 else _value(action)
    help_ = (action.help or "").replace("%%", "%")
    return Option(names=tuple(action.option_strings), help=help_, value=value)


def _value(action: argparse.Action) -> Value:
    if action.choices is not None:
        return Value("words", tuple(map(str, action.choices)))
    named: list[Kind] = [_OPTIONS[name] for name in action.option_strings if name in _OPTIONS]
    if named:
        return Value(named[0])
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    kind = _ARGUMENTS.get(metavar, "text")
    if action.option_strings and kind == "session":
        kind = "text"  # the ID of an option is a task's
    return Value(kind)


def names_with_value(command: Spoken) -> Iterator[tuple[str, Value]]:
    """Yield each name of an option that takes a value, with what that may be."""
    for option in command.options:
        if option.value is not None:
            for name in option.names:
                yield name, option.value
