"""How settings say what they change in the rules for type and complexity."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import msgspec

from swarm.units import kind_of, shortened

if TYPE_CHECKING:
    from swarm.settings.layers import Layers

Measure = Literal["input_bytes", "inputs", "conditions", "words", "clauses", "items", "questions", "attempts"]
MEASURES: tuple[Measure, ...] = get_args(Measure)

MOST_WORDS = 1_000
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class RuleChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What settings say of one rule, new or shipped. None is not said."""

    name: str
    words: tuple[str, ...] | None = None
    lead: bool | None = None
    measure: Measure | None = None
    least: float | None = None
    types: tuple[str, ...] | None = None
    type: str | None = None
    weight: int | None = None
    points: int | None = None
    most: int | None = None


class ComplexityChanges(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What settings change in the shipped table."""

    moderate_from: int | None = None
    complex_from: int | None = None
    rules: tuple[RuleChange, ...] = ()


def parse_name(value: object, source: object) -> str:
    """Read the name of a type."""
    if not isinstance(value, str) or not is_name(value):
        shown = shortened(value) if isinstance(value, str) else kind_of(value)
        raise ValueError(f'the name of a type is expected, such as "docs": a-z, 0-9, - and _, not {shown}')
    return value


def parse_names(value: object, source: object) -> tuple[str, ...]:
    return tuple(parse_name(each, source) for each in _listed(value, 'types, such as ["docs"]'))


def parse_phrases(value: object, source: object) -> tuple[str, ...]:
    """Read phrases; they are kept as they are compared, without case and accents."""
    from swarm.text.words import words_of_phrase  # brings its patterns, which only such settings need

    listed = _listed(value, 'phrases, such as ["unit test*", "turn * into"]')
    if len(listed) > MOST_WORDS:
        raise ValueError(
            f"at most {MOST_WORDS:,} phrases are expected, not {len(listed):,}; make a second rule of the rest"
        )
    for each in listed:
        if not isinstance(each, str):
            raise ValueError(f'a phrase is a text such as "unit test*", not {kind_of(each)}')
    return tuple(" ".join(words_of_phrase(each)) for each in listed)


def parse_measure(value: object, source: object) -> str:
    if value not in MEASURES:
        shown = shortened(value) if isinstance(value, str) else kind_of(value)
        raise ValueError(f"one of {', '.join(MEASURES)} is expected, not {shown}")
    return str(value)


def parse_least(value: object, source: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= value < 1e12:
        raise ValueError(f"a number from 0 on is expected, not {kind_of(value) if isinstance(value, str) else value}")
    return float(value)


def whole(least: int, most: int) -> Callable[[object, object], int]:
    def parse(value: object, source: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            shown = value if isinstance(value, int) else kind_of(value)
            raise ValueError(f"a whole number from {least} to {most} is expected, not {shown}")
        return value

    return parse


def is_name(text: str) -> bool:
    """Whether a text can be the name of a type or of a rule."""
    return _NAME.fullmatch(text) is not None


def changes_in(layers: Layers) -> ComplexityChanges:
    """What the layers change; a change that cannot be becomes one of their problems."""
    tops: dict[str, Any] = {}
    rules: dict[str, dict[str, Any]] = {}
    for key, value in layers.values.items():
        match key:
            case ("complexity", "rules", name, field):
                rules.setdefault(name, {})[field] = value
            case ("complexity", field):
                tops[field] = value
            case _:
                pass
    changes = ComplexityChanges(**tops, rules=tuple(RuleChange(name=name, **said) for name, said in rules.items()))
    if changes == ComplexityChanges() or any(key[0] == "complexity" for key in layers.refused):
        return ComplexityChanges()  # what is wrong has been said
    from swarm.settings.ruletable import what_is_wrong  # reads the table that ships

    if wrong := what_is_wrong(changes):
        place, why = wrong
        layers.problems.append(f"{layers.place_of('complexity', *place.split('.'))}: {why}")
        return ComplexityChanges()
    return changes


def _listed(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"a list of {what}, is expected, not {kind_of(value)}")
    listed = list(cast("Iterable[Any]", value))
    if not listed:
        raise ValueError(f"a list of {what}, is expected, not an empty one")
    return listed
