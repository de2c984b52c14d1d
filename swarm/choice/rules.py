"""The rules by which a task gets its type and its complexity: a table that ships, with what settings change in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path

import msgspec

from swarm.choice.words import Phrases
from swarm.settings.complexity import ComplexityChanges, Measure, RuleChange


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
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
    """All that `classify` goes by."""

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
    def starters(self) -> frozenset[str]:
        """The fillers, to be looked up."""
        return frozenset(self.fillers)

    @cached_property
    def leading(self) -> frozenset[str]:
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
    """The shipped table with the changes that settings make. A rule that is new in settings comes behind those that ship."""
    table = shipped()
    thresholds = {
        key: value
        for key in ("moderate_from", "complex_from")
        if (value := getattr(changes, key)) is not None
    }
    return msgspec.structs.replace(table, **thresholds, rules=_changed(table.rules, changes.rules))


def _changed(rules: Mapping[str, Rule], changes: Iterable[RuleChange]) -> dict[str, Rule]:
    changed = dict(rules)
    for change in changes:
        said = {key: value for key, value in msgspec.structs.asdict(change).items() if value is not None}
        changed[said.pop("name")] = msgspec.structs.replace(rules.get(change.name, Rule()), **said)
    return changed
