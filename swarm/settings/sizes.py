"""How large a model is, by what a server or its name says, and from which size on it may judge, or is offered tools natively."""

from __future__ import annotations

import re
from typing import Literal

JUDGES_FROM = 6_500_000_000
"""A model with fewer parameters judges nobody. Of yes-or-no verdicts one with .5 billion got 1 of 4 right and one with 1.5
billion 3 of 4, having said yes to nearly all; what is sold as "7B" has 6.7 billion and more."""

CALLS_FROM = 3_500_000_000
"""A local model with fewer parameters is offered tools through the schema of its answer: those with .5 and 1.5 billion that were
tried left the field for calls empty, even where a call was required. What is sold as "3B" has up to 3.4 billion."""

ToolsBy = Literal["native", "schema"]
"""How tools are offered to a model: in the field that its format has for them, or through the schema of its answer."""

_UNITS = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_NUMBER = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s*([kmbt])", re.IGNORECASE)
_IN_NAME = re.compile(r"(?<![a-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([mb])(?![a-z0-9])", re.IGNORECASE)


def tools_by(size: int | None) -> ToolsBy:
    """How tools are offered to a local model of so many parameters, where nothing is said of it; None is unknown."""
    return "schema" if size is not None and size < CALLS_FROM else "native"


def size_of(written: str) -> int | None:
    """Read a number of parameters as servers write it; None where it is none.

    >>> size_of("3.2B"), size_of("494.03M"), size_of("large")
    (3200000000, 494030000, None)
    """
    found = _NUMBER.fullmatch(written.strip())
    return _scaled(found[1], found[2]) if found else None


def size_in(name: str) -> int | None:
    """Find the number of parameters in a model's name; of experts that are mixed, of all of them.

    >>> size_in("llama3.2:3b"), size_in("mixtral-8x7b"), size_in("gemma-4-26b-a4b-it"), size_in("kimi-k2")
    (3000000000, 56000000000, 26000000000, None)
    """
    found = _IN_NAME.search(name)
    return int(found[1] or 1) * _scaled(found[2], found[3]) if found else None


def _scaled(number: str, unit: str) -> int:
    whole, _, part = number.partition(".")
    scaled: int = int(whole + part) * _UNITS[unit.lower()] // 10 ** len(part)
    return scaled
