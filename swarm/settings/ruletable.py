"""The rules by which a task gets its type and its complexity: a table that ships, and what settings change in it.

The words of the shipped table stand in it as `words_of_phrase` gives them back: without case and accents.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec

from swarm.settings.complexity import ComplexityChanges, Measure, RuleChange
from swarm.text.words import Phrases

_CONDITIONS = ("words", "measure", "types")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One factor. It holds where the prompt has one of the words, a measure is large enough, or the task is of a type."""

    words: tuple[str, ...] = ()  # phrases, as `Phrases` takes them
    lead: bool = False  # a phrase counts only where a sentence begins with it
    measure: Measure | None = None
    least: float = 0  # of the measure
    types: tuple[str, ...] = ()
    type: str = ""  # what it speaks for, with `weight`
    weight: int = 0
    points: int = 0  # what it adds to the complexity
    most: int = 1  # so many of its phrases count, each with weight and points


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """All that a task is classified by."""

    types: tuple[str, ...]  # of two with the same weight the first is taken
    otherwise: str  # the type of a task of which no rule knows one
    moderate_from: int  # points
    complex_from: int
    fillers: tuple[str, ...]  # words before the one with which a sentence begins in earnest
    rules: Mapping[str, Rule]

    @cached_property
    def phrases(self) -> Phrases:
        return Phrases((phrase, name) for name, rule in self.rules.items() for phrase in rule.words)

    @cached_property
    def starters(self) -> Collection[str]:
        """The fillers, to be looked up."""
        return frozenset(self.fillers)

    @cached_property
    def leading(self) -> Collection[str]:
        """The rules whose phrases count only where a sentence begins with them."""
        return frozenset(name for name, rule in self.rules.items() if rule.lead)

    @cached_property
    def measured(self) -> tuple[tuple[str, Rule, Measure], ...]:
        return tuple((name, rule, rule.measure) for name, rule in self.rules.items() if rule.measure is not None)

    @cached_property
    def of_types(self) -> tuple[tuple[str, Rule], ...]:
        return tuple((name, rule) for name, rule in self.rules.items() if rule.types)

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """The place of each type, those of settings behind the shipped ones."""
        own = (rule.type for rule in self.rules.values() if rule.type)
        return {name: rank for rank, name in enumerate(dict.fromkeys((*self.types, *own)))}


@cache
def shipped() -> Table:
    return msgspec.json.decode(Path(__file__).with_name("rules.json").read_bytes(), type=Table)


@cache
def table_of(changes: ComplexityChanges) -> Table:
    """The shipped table with what settings change in it. A rule that is new in them comes behind those that ship."""
    table = shipped()
    if changes == ComplexityChanges():
        return table
    rules = dict(table.rules)
    for change in changes.rules:
        rules[change.name] = changed(rules.get(change.name), change)
    said = {key: value for key in ("moderate_from", "complex_from") if (value := getattr(changes, key)) is not None}
    return msgspec.structs.replace(table, **said, rules=rules)


def changed(rule: Rule | None, change: RuleChange) -> Rule:
    """A rule, or a new one, with what a change says of it. One condition takes the place of another."""
    said: dict[str, Any] = {
        key: value for key, value in msgspec.structs.asdict(change).items() if value is not None and key != "name"
    }
    if any(key in said for key in _CONDITIONS):
        said = {"words": (), "measure": None, "types": (), **said}
    return msgspec.structs.replace(rule or Rule(), **said)


def what_is_wrong(changes: ComplexityChanges) -> tuple[str, str] | None:
    """The key of the first change that cannot be, and why, as a sentence; None where all can."""
    table = table_of(changes)
    if table.moderate_from >= table.complex_from:
        key = "complex_from" if changes.complex_from is not None else "moderate_from"
        why = f"a task is moderate from {table.moderate_from} points and complex from {table.complex_from}; the second must be more"
        return key, why
    for change in changes.rules:
        if why := _no_rule(change.name, table.rules[change.name]):
            return f"rules.{change.name}", why
    return None


def _no_rule(name: str, rule: Rule) -> str:
    given = [key for key in _CONDITIONS if getattr(rule, key)]
    if not given:
        near = get_close_matches(name, shipped().rules, n=1)
        meant = f"; did you mean '{near[0]}', which ships?" if near else "; add words, measure or types"
        return f"rule '{name}' says nothing of when it holds{meant}"
    if len(given) > 1:
        return f"rule '{name}' has {' and '.join(given)}; leave one of them, and make a second rule of the other"
    if rule.type and rule.measure == "attempts":
        return f"rule '{name}' makes a type of what tasks of a type needed; a rule on attempts has points only"
    if rule.type and rule.types:
        return f"rule '{name}' makes a type of another ({rule.type}); a rule with types has points only"
    if bool(rule.type) != bool(rule.weight) and not (rule.type and name in shipped().rules):
        missing = "weight" if rule.type else "type"
        return f"rule '{name}' has no {missing}; a rule that speaks for a type has both, such as type = \"docs\", weight = 3"
    if not rule.type and not rule.points and name not in shipped().rules:
        return f"rule '{name}' changes nothing; add points, or type and weight"
    return ""
