"""What the lookups of a task file stand for, and which of them may stand where."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from swarm.taskfile.problems import Place, Report, Reported, Wrong, listed, nearest
from swarm.taskfile.yamltree import Node, Scalar
from swarm.text.lookups import InQuotes, Lookup, command_of, filled, lookups_in, lookups_in_command
from swarm.units import shortened

ESCAPE = "for the braces themselves write \\{{"


class Scope(msgspec.Struct, frozen=True):
    """What can be looked up in one task, and what was."""

    vars: Mapping[str, str] = {}
    env: Mapping[str, str | None] = {}  # the names that the file allows; None: not set here
    items: bool = False  # the task is done for each of some items, so lookups are filled when these are known
    used: set[str] = msgspec.field(default_factory=set[str])

    @property
    def values(self) -> dict[str, str]:
        """Every name that can be filled now, with what it stands for."""
        found = {f"env.{name}": value for name, value in self.env.items() if value is not None}
        for name, value in self.vars.items():
            found |= {name: value, f"vars.{name}": value}
        return found

    @property
    def names(self) -> list[str]:
        """What can be looked up, as it is told to people."""
        return [*self.vars, *(("item",) if self.items else ()), *(f"env.{name}" for name in self.env)]

    def fresh(self, *, items: bool) -> Scope:
        """Return the scope of a further task of the same file."""
        return Scope(vars=self.vars, env=self.env, items=items)


def fill(written: str, node: Node, where: str, scope: Scope, report: Report) -> str:
    """Return a text with its lookups filled, or, in a task with items, as it is. What cannot be filled is reported."""
    if "{{" not in written:
        return written
    _look_up(lookups_in(written), node, where, scope, report)
    return written if scope.items else filled(written, scope.values)


def fill_command(written: str, node: Node, where: str, scope: Scope, report: Report) -> str:
    """Return a shell command in which each lookup is a reference to its variable."""
    if "{{" not in written:
        return written
    _look_up(lookups_in_command(written), node, where, scope, report)
    try:
        return command_of(written)
    except InQuotes as error:
        place = place_of(error.lookup.written, node, report, error.lookup.nth)
        message = f"{error.lookup.written} in {where} stands in {error.where}"
        hint = (
            "write it outside of them, it brings its own" if error.where == "quotes" else "hand it over as an argument"
        )
        raise Wrong(place, message, hint) from None


def _look_up(lookups: list[Lookup], node: Node, where: str, scope: Scope, report: Report) -> None:
    seen, known = report.seen, scope.values
    told: set[str] = set()
    for lookup in lookups:
        wrong = _wrong(lookup, where, scope, known)
        if wrong is None:
            scope.used.add(lookup.name)
        elif lookup.written not in told:  # a text may say it a hundred times
            told.add(lookup.written)
            report.add(place_of(lookup.written, node, report, lookup.nth), *wrong)
    if report.seen > seen:
        raise Reported


def _wrong(lookup: Lookup, where: str, scope: Scope, known: Mapping[str, str]) -> tuple[str, str] | None:
    """Say what is wrong with a lookup and what to do, None where nothing is."""
    name = lookup.name
    first, _, field = name.partition(".")
    if not lookup.is_plain:
        message = f"{shortened(lookup.written)} in {where} is no template: only a name can stand in one"
        return message, f"write a name such as {{{{pkg}}}} or {{{{item.path}}}}; {ESCAPE}"
    if first == "item":
        if scope.items:
            return None
        message = f"{lookup.written} in {where} stands for an item, and the task is not done for each of some"
        return message, f"add `each: [...]` to the task; {ESCAPE}"
    if name in known:
        return None
    if first == "env" and field in scope.env:
        message = f"{lookup.written} in {where} is an environment variable that is not set here"
        return message, f"set {field}, or make it one of `vars` with a value"
    if first == "env" and field:
        message = f"{lookup.written} in {where} is an environment variable that the file does not ask for"
        return message, f"add at the top: `env_allow: [{field}]`"
    message = f"{shortened(name)} in {where} is no variable{nearest(name, known)}"
    return message, _names(name, field, scope)


def _names(name: str, field: str, scope: Scope) -> str:
    if field.startswith("output"):
        return f"the result of a task is taken in by `input: {{from: {name.partition('.')[0]}}}`; {ESCAPE}"
    known = f"names here: {listed(scope.names)}" if scope.names else "give it a value at the top: `vars: {name: value}`"
    return f"{known}; {ESCAPE}"


def place_of(piece: str, node: Node, report: Report, nth: int = 0) -> Place:
    """Return where a piece of the node's text stands, for the time after `nth` others; the node's own place where it is
    written in another way there.
    """
    start, end = node.span if isinstance(node, Scalar) else (0, 0)
    index = report.text.find(piece, start, end)
    for _ in range(nth):
        index = report.text.find(piece, index + 1, end) if index >= 0 else -1
    return node.place if index < 0 else report.place_at(index, len(piece))
