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
    attempts: float = 0.0,
    table: Table | None = None,
) -> Complexity:
    """The type for which most weight speaks, and the level of the points that come together.

    `input_size` is in bytes, `inputs` are the texts that they are in; `attempts` is how many drafts of a step tasks such as
    this one took on average (0: not known). Factors name the rules that held, those of the type first.
    """
    table = table or shipped()
    reading = read(prompt, fillers=table.starters)
    held = _held(table, reading, _measures(reading, input_size, inputs, checks + len(accept), attempts))
    type_ = _heaviest(table, held)
    held += [Held(name, rule, type_) for name, rule in table.of_types if type_ in rule.types]
    points = sum(one.rule.points * one.times for one in held)
    level: Level = (
        "complex" if points >= table.complex_from else "moderate" if points >= table.moderate_from else "simple"
    )
    return Complexity(type_, level, tuple(_factors(held, type_)))


def _measures(reading: Reading, input_size: int, inputs: int, conditions: int, attempts: float) -> dict[Measure, float]:
    return {
        "input_bytes": input_size,
        "inputs": inputs,
        "conditions": conditions,
        "words": len(reading.words),
        "clauses": reading.clauses,
        "items": reading.items,
        "questions": reading.questions,
        "attempts": attempts,
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
        if measures[measure] >= rule.least
    ]
    return by_words + by_size


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
