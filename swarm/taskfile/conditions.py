"""How `when` is read: `write.passed > 0`, `survey.output.urgent`, `not vars.dry`; of several, all must hold."""

from __future__ import annotations

import re
from typing import cast

from swarm.conditions import ATTRIBUTES, STATUSES
from swarm.task import Condition, Operator, When
from swarm.taskfile.problems import Place, Wrong, listed, nearest
from swarm.taskfile.scope import place_of
from swarm.taskfile.values import TEXT, At, Kind, items_in, text
from swarm.taskfile.yamltree import Node
from swarm.units import shortened

_CONDITION = re.compile(r"\s*(?P<not>not\s+)?(?P<name>[\w.-]+?)\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>.*?))?\s*")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_WORD = re.compile(r"[\w./-]+")
_FIELD = re.compile(r"[A-Za-z_][\w-]*")

_LONGEST = 500  # characters of one condition

_EXAMPLE = (
    "write it as `write.passed > 0`, `survey.status == accepted` or `survey.output.urgent`; of a list all must hold"
)


def _when(node: Node, at: At) -> When:
    conditions: tuple[Condition, ...] = items_in(Kind(_condition, {})).read(node, at)
    if not conditions:
        raise Wrong(node.place, f"{at.where} says nothing", _EXAMPLE)
    named = {condition.name.partition(".")[2] for condition in conditions if condition.name.startswith("vars.")}
    return When(conditions=conditions, vars={name: at.scope.vars[name] for name in at.scope.vars if name in named})


def _condition(node: Node, at: At) -> Condition:
    written = text(node, at)
    found = _CONDITION.fullmatch(written) if len(written) <= _LONGEST else None
    if found is None or (found["not"] and found["op"]):
        message = f"{at.where} is {shortened(written)}, which is no comparison and no name"
        raise Wrong(node.place, message, _EXAMPLE)
    name = found["name"]
    place = place_of(name, node, at.report)
    _check_name(name, place, at)
    if found["op"] is None:
        return Condition(name=name, op="not" if found["not"] else "")
    behind = place_of(found["value"], node, at.report) if found["value"] else node.place
    value = _value(found["value"], behind, at)
    op = cast("Operator", found["op"])
    _check_value(name, op, value, behind, at)
    return Condition(name=name, op=op, value=value)


def _check_name(name: str, place: Place, at: At) -> None:
    first, *rest = name.split(".")
    if first == "vars":
        if len(rest) != 1 or rest[0] not in at.scope.vars:
            meant = nearest(".".join(rest), at.scope.vars)
            hint = f"variables here: {listed(at.scope.vars)}" if at.scope.vars else "the file has no `vars`"
            raise Wrong(place, f"{shortened(name)} in {at.where} is no variable{meant}", hint)
        return
    if not rest or rest[0] not in ATTRIBUTES:
        said = rest[0] if rest else ""
        hint = f"of a task can be asked: {', '.join(f'{first}.{one}' for one in ATTRIBUTES)}"
        raise Wrong(place, f"{shortened(name)} in {at.where} asks nothing of a task{nearest(said, ATTRIBUTES)}", hint)
    if rest[0] != "output" and rest[1:]:
        raise Wrong(place, f"{shortened(name)} in {at.where}: {rest[0]!r} has no fields", f"write {first}.{rest[0]}")
    for field in rest[1:]:
        if not _FIELD.fullmatch(field):
            raise Wrong(place, f"{shortened(name)} in {at.where} names no field", "write it as survey.output.urgent")


def _value(written: str, place: Place, at: At) -> str | int | float | bool | None:
    if quoted := _QUOTED.fullmatch(written):
        return quoted[1] if quoted[1] is not None else quoted[2]
    if written in ("true", "false"):
        return written == "true"
    if written == "null":
        return None
    if _NUMBER.fullmatch(written):
        return float(written) if "." in written else int(written)
    if _WORD.fullmatch(written):
        return written
    hint = "write a number, true, false, null, a word, or a text in quotes; `and` and `or` are not read: use a list"
    raise Wrong(place, f"{at.where} compares with {shortened(written)}, which is no value", hint)


def _check_value(name: str, op: str, value: object, place: Place, at: At) -> None:
    attribute = name.split(".")[1]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if attribute == "status" and (value not in STATUSES or op not in ("==", "!=")):
        meant = nearest(str(value), STATUSES)
        raise Wrong(
            place, f"{at.where}: a task is never {shortened(str(value))}{meant}", f"known: {', '.join(STATUSES)}"
        )
    if attribute in ("passed", "failed", "total") and not is_number:
        hint = f"write it as `{name} > 0`"
        raise Wrong(place, f"{at.where} compares {name}, a number of tasks, with {shortened(str(value))}", hint)
    if op in ("<", "<=", ">", ">=") and not is_number:
        raise Wrong(place, f"{at.where}: {op} compares numbers, and {shortened(str(value))} is none", "use == or !=")


WHEN = Kind(_when, items_in(TEXT).schema)
