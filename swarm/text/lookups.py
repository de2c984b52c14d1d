"""Templates: `{{name}}` stands for a value, and for nothing else; there is no logic in them. Pure.

A text is filled in one pass, so that a value which holds braces stays what it is. `\\{{` is how braces themselves are
written. In a shell command a lookup becomes a quoted reference to an environment variable: no value is ever code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a variable, and a field of an item, may be called."""

RESERVED = ("item", "vars", "env")
"""Names with which longer lookups begin; no variable has one of them."""

_MARK = re.compile(r"(?P<literal>\\)?\{\{(?P<name>[^{}\n]*)\}\}|(?P<braces>\\\{\{)")
_LOOKUP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
_COMMAND_MARK = re.compile(r"(?P<literal>\\)?\{\{[ \t]*(?P<name>[A-Za-z_][\w.]*)[ \t]*\}\}")


class Lookup(msgspec.Struct, frozen=True):
    """A `{{name}}` in a text: what it asks for, as it is written, and where it begins."""

    name: str
    written: str
    start: int
    nth: int  # how often the same was written before, in the same text

    @property
    def is_plain(self) -> bool:
        """Whether it is a name, or a name with one field: nothing else can be looked up."""
        return _LOOKUP.fullmatch(self.name) is not None


class InQuotes(Exception):
    """A lookup stands where a shell would not take its variable as one word."""

    def __init__(self, lookup: Lookup, where: str) -> None:
        self.lookup, self.where = lookup, where
        super().__init__(f"{lookup.written} stands in {where}")


def lookups_in(text: str) -> list[Lookup]:
    """Return the lookups of a text in their order."""
    return list(_found(text, _MARK))


def lookups_in_command(command: str) -> list[Lookup]:
    """Return the lookups of a shell command. What is no plain name, such as `{{.Id}}`, is another program's and no lookup."""
    return list(_found(command, _COMMAND_MARK))


def _found(text: str, mark: re.Pattern[str]) -> Iterator[Lookup]:
    for found in mark.finditer(text) if "{{" in text else ():
        if found["name"] is not None and not found["literal"]:
            yield _lookup(found)


def _lookup(found: re.Match[str]) -> Lookup:
    before = found.string.count(found[0], 0, found.start())
    return Lookup(found["name"].strip(), found[0], found.start(), before)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with each lookup replaced by its value. Raises KeyError with a name that has none."""

    def value(found: re.Match[str]) -> str:
        if found["literal"] or found["braces"]:
            return found[0][1:]
        return values[found["name"].strip()]

    return _MARK.sub(value, text) if "{{" in text else text


def variable_of(name: str) -> str:
    """Return the environment variable in which a command finds what a lookup stands for.

    >>> [variable_of(name) for name in ("pkg", "vars.pkg", "item", "item.path", "env.HOME")]
    ['SWARM_VAR_pkg', 'SWARM_VAR_pkg', 'SWARM_ITEM', 'SWARM_ITEM_path', 'SWARM_ENV_HOME']
    """
    first, _, field = name.partition(".")
    if first == "item":
        return f"SWARM_ITEM_{field}" if field else "SWARM_ITEM"
    if first == "env":
        return f"SWARM_ENV_{field}"
    return f"SWARM_VAR_{field or first}"


def command_of(written: str) -> str:
    """Return a shell command in which each lookup is a quoted reference to its environment variable.

    Raises InQuotes at one that stands in quotes or behind a here-document, where the reference would be taken apart, or be
    handed on as a part of some other program's text.
    """
    if "{{" not in written:
        return written
    where = _quoting(written)

    def reference(found: re.Match[str]) -> str:
        if found["literal"]:
            return found[0][1:]
        lookup = _lookup(found)
        if where(lookup.start):
            raise InQuotes(lookup, where(lookup.start))
        return f'"${{{variable_of(lookup.name)}}}"'

    return _COMMAND_MARK.sub(reference, written)


_TOKEN = re.compile(
    r"""(?P<escaped>\\.)|(?P<ansi>\$')|(?P<single>'[^']*'?)|(?P<double>"(?:[^"\\]|\\.)*"?)|(?P<here><<)|(?P<back>`)"""
    r"""|(?<![^\s;&|()])(?P<comment>\#[^\n]*)""",
    re.DOTALL,
)


def _quoting(command: str) -> Callable[[int], str]:
    """Make a function that says in what quotes a place of the command stands, "" where in none."""
    spans: list[tuple[int, int, str]] = []
    for found in _TOKEN.finditer(command):
        match found.lastgroup:
            case "double" if "$(" in found[0]:
                spans.append((found.start(), len(command), "a command with $(...) in quotes"))
            case "single" | "double":
                spans.append((found.start(), found.end(), "quotes"))
            case "back":
                spans.append((0, len(command), "a command with backticks"))
            case "ansi":
                spans.append((found.start(), len(command), "a command with $'...'"))
            case "here":
                spans.append((found.start(), len(command), "a command with a here-document"))
            case _:
                pass
    return lambda at: next((where for start, end, where in spans if start <= at < end), "")
