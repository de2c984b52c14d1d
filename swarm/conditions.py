"""`when`: whether a task is to be done, from how the tasks that it needs have ended. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from swarm.task import Condition, When
from swarm.text.fence import unfenced

STATUSES = ("accepted", "failed", "cancelled", "skipped")
"""How a task may have ended, for `NEED.status`."""

RULING = ("status", "passed", "failed")
"""What of a need makes the condition decide instead of that need's acceptance."""

ATTRIBUTES = (*RULING, "total", "output")

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def needs_of(when: When) -> set[str]:
    """Return the tasks that it speaks of."""
    return {condition.name.partition(".")[0] for condition in when.conditions} - {"vars"}


def ruled_by(when: When) -> set[str]:
    """Return the tasks of whose end it speaks: they may have ended in any way before it is looked at."""
    parts = [condition.name.split(".") for condition in when.conditions]
    return {part[0] for part in parts if part[0] != "vars" and part[1] in RULING}


def holds(when: When, facts: Mapping[str, Any]) -> bool:
    """Say whether all conditions hold.

    `facts` has `NEED.status` (a text), `NEED.passed`, `.failed` and `.total` (numbers) and `NEED.output` (the result's
    text, JSON where a field of it is asked for). What is missing is nothing: not equal to anything, neither less nor more.
    """
    return all(_holds(condition, _fact(condition.name, when, facts)) for condition in when.conditions)


def written(when: When) -> str:
    """Return the conditions as people write them."""
    return " and ".join(_written(condition) for condition in when.conditions)


def _written(condition: Condition) -> str:
    if condition.op in ("", "not"):
        return f"{condition.op} {condition.name}".strip()
    return f"{condition.name} {condition.op} {msgspec.json.encode(condition.value).decode()}"


def _fact(name: str, when: When, facts: Mapping[str, Any]) -> Any:
    first, attribute, *fields = name.split(".")
    if first == "vars":
        return _plain(when.vars.get(attribute))
    fact = facts.get(f"{first}.{attribute}")
    if attribute != "output":
        return fact
    fact = _plain(fact)
    for field in fields:
        fact = fact.get(field) if isinstance(fact, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return fact  # pyright: ignore[reportUnknownVariableType]


def _plain(fact: Any) -> Any:
    """Return what a text says as JSON, or the text without space around it."""
    if not isinstance(fact, str):
        return fact
    try:
        return msgspec.json.decode(unfenced(fact))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return fact.strip()


def _holds(condition: Condition, fact: Any) -> bool:
    match condition.op:
        case "":
            return bool(fact)
        case "not":
            return not fact
        case "==":
            return _same(fact, condition.value)
        case "!=":
            return not _same(fact, condition.value)
        case order:
            value: Any = condition.value
            return _is_number(fact) and _is_number(value) and _ORDERS[order](fact, value)


def _same(fact: Any, value: Any) -> bool:
    """Say whether both are the same; the text `5` is no number, and true is no 1."""
    if isinstance(fact, bool) or isinstance(value, bool):
        return fact is value
    return bool(fact == value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
