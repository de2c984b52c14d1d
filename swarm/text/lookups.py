"""Templates: `{{name}}` stands for a value, and for nothing else; there is no logic in them. Pure.

A text is filled in one pass, so that a value which holds braces stays what it is. `\\{{` is how braces themselves are
written. In a shell command a lookup becomes a quoted reference to an environment variable: no value is ever code.
"""

from __future__ import annotations

import re
from bisect import bisect_right
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


_SIGN = re.compile(
    r"""(?P<escaped>\\.)|(?P<refused>\$\(\(|\$'|<<|`)|(?P<opened>\$?\()|(?P<closed>\))|(?P<single>')|(?P<double>")"""
    r"""|(?P<comment>(?<![^\s;&|()])\#[^\n]*)""",
    re.DOTALL,
)
_REFUSED = {
    "$((": "arithmetic",
    "$'": "a command with $'...'",
    "<<": "a command with a here-document",
    "`": "a command with backticks",
}


def _quoting(command: str) -> Callable[[int], str]:
    """Make a function that says in what a place of the command stands where it is not taken as a word, else "".

    Quotes may stand in `$(...)` and that in quotes, so what is innermost counts. Behind a sign whose end only a shell could
    find (here-documents, backticks, arithmetic, `$'`) nothing is taken as a word.
    """
    changes: list[tuple[int, str]] = [(0, "")]
    open_: list[str] = []  # quotes and brackets that are not closed yet
    at = 0
    while found := _SIGN.search(command, at):
        at = found.end()
        inner = open_[-1] if open_ else ""
        kind = found.lastgroup
        if kind == "refused" and (inner != '"' or found[0] in ("$((", "`")):
            changes.append((found.start(), _REFUSED[found[0]]))
            break
        if kind == "single" and inner != '"':
            end = command.find("'", at)
            at = len(command) if end < 0 else end + 1
            changes += [(found.start(), "quotes"), (at, "")]
        elif kind == "double":
            if inner == '"':
                open_.pop()
            else:
                open_.append('"')
        elif kind == "opened" and (inner != '"' or found[0] == "$("):
            open_.append("(")
        elif kind == "closed" and inner == "(":
            open_.pop()
        elif kind == "comment" and inner == '"':
            at = found.start() + 1
        changes.append((at, "quotes" if open_ and open_[-1] == '"' else ""))
    places = [place for place, _ in changes]
    return lambda index: changes[bisect_right(places, index) - 1][1]
