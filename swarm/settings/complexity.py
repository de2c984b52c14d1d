"""What settings may say of the rules for a task's type and complexity, and how the values of it are read."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Measure = Literal["input_bytes", "inputs", "conditions", "words", "clauses", "items", "questions", "attempts"]


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


class ComplexityChanges(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What settings change in the shipped table."""

    moderate_from: int | None = None
    complex_from: int | None = None
    rules: tuple[RuleChange, ...] = ()
