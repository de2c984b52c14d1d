"""How hard a task is and of what type, from its words, its size, its structure and its past. Pure; the rules are data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from swarm.settings.complexity import Measure
from swarm.settings.ruletable import Rule, Table, shipped
from swarm.text.words import Reading, read

Level = Literal["simple", "moderate", "complex"]

_MOST_SAID = 3  # phrases that a factor names
_LEAST_DRAFTS = 10


class Complexity(msgspec.Struct, frozen=True):
    """What a task is taken for, and from what that was read."""

    type: str
    level: Level
    factors: tuple[str, ...]


class Held(NamedTuple):
    """A rule that holds, and what it was seen by."""

    name: str
    rule: Rule
    seen: str
    times: int = 1


def classify(
    prompt: str,
    *,
    input_size: int,
    checks: int,
    accept: Sequence[str],
    inputs: int = 0,
    attempts: Mapping[str, float] | None = None,
    table: Table | None = None,
) -> Complexity:
    """The type for which most weight speaks, and the level of the points that come together.

    `input_size` is in bytes, `inputs` are the texts that they are in; `attempts` is what `usual_attempts` gives, where the past
    is known; `table` is the one that ships where none is given. Factors name the rules that held, those of the type first.
    """
    table = table or shipped()
    reading = read(prompt, fillers=table.starters)
    held = _held(table, reading, _measures(reading, input_size, inputs, checks + len(accept)))
    type_ = _heaviest(table, held)
    held += _held_by_type(table, type_, (attempts or {}).get(type_, 0.0))
    points = sum(one.rule.points * one.times for one in held)
    level: Level = (
        "complex" if points >= table.complex_from else "moderate" if points >= table.moderate_from else "simple"
    )
    return Complexity(type_, level, tuple(_factors(held, type_)))


def usual_attempts(verdicts: Iterable[tuple[str, int, int]]) -> dict[str, float]:
    """How many drafts it took on average until one was accepted, by type of task, from types with what was accepted and rejected.

    Types with fewer than ten drafts, or none accepted, are left out: they say nothing yet.

    >>> usual_attempts([("code", 4, 5), ("code", 4, 3), ("docs", 2, 1)])
    {'code': 2.0}
    """
    sums: dict[str, tuple[int, int]] = {}
    for type_, accepted, rejected in verdicts:
        before = sums.get(type_, (0, 0))
        sums[type_] = before[0] + accepted, before[1] + rejected
    return {
        type_: (accepted + rejected) / accepted
        for type_, (accepted, rejected) in sums.items()
        if accepted and accepted + rejected >= _LEAST_DRAFTS
    }


def _measures(reading: Reading, input_size: int, inputs: int, conditions: int) -> dict[Measure, float]:
    return {
        "input_bytes": input_size,
        "inputs": inputs,
        "conditions": conditions,
        "words": len(reading.words),
        "clauses": reading.clauses,
        "items": reading.items,
        "questions": reading.questions,
    }


def _held(table: Table, reading: Reading, measures: Mapping[Measure, float]) -> list[Held]:
    """The rules on words that hold, as the text goes, then those on measures. What is said of a prompt is never its own words."""
    found = table.phrases.found(reading, table.leading)
    by_words = [
        Held(name, table.rules[name], ", ".join(said[:_MOST_SAID]), min(table.rules[name].most, len(said)))
        for name, said in found.items()
    ]
    by_size = [
        Held(name, rule, f"{measures[measure]:,.10g}")
        for name, rule, measure in table.measured
        if measures.get(measure, -1) >= rule.least
    ]
    return by_words + by_size


def _held_by_type(table: Table, type_: str, attempts: float) -> Iterator[Held]:
    """The rules on the type, and those on what tasks of the type needed before."""
    for name, rule in table.of_types:
        if type_ in rule.types:
            yield Held(name, rule, type_)
    for name, rule, measure in table.measured:
        if measure == "attempts" and attempts >= rule.least:
            yield Held(name, rule, f"{attempts:.1f}")


def _heaviest(table: Table, held: Iterable[Held]) -> str:
    weights: dict[str, int] = {}
    for one in held:
        if one.rule.type:
            weights[one.rule.type] = weights.get(one.rule.type, 0) + one.rule.weight * one.times
    best = max(weights, key=lambda type_: (weights[type_], -table.ranks[type_]), default="")
    return best if best and weights[best] > 0 else table.otherwise


def _factors(held: Sequence[Held], type_: str) -> Iterator[str]:
    """What was decided by what: `write-tests (unit test)` for the type, `+2 items-3 (4)` for the level."""
    for one in held:
        if one.rule.type == type_ and one.rule.weight > 0:
            yield f"{one.name} ({one.seen})"
    for one in held:
        if one.rule.points:
            yield f"{one.rule.points * one.times:+d} {one.name} ({one.seen})"
