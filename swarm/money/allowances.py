"""What a call is allowed by the level of its task, where nothing else says it: one table for asking, capping and guessing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one call."""

    input_tokens: int
    output_tokens: int

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


ALLOWANCES: Mapping[str, Allowance] = {
    "simple": Allowance(500, 300),
    "moderate": Allowance(1_000, 800),
    "complex": Allowance(2_000, 1_500),
    "analysis": Allowance(4_000, 2_000),
}
"""By the level of a task; one of the type analysis has its own, whatever its level."""

MORE = 4
"""How many times as much is asked for once an answer was cut at what was allowed."""


def allowance(type_: str, level: str) -> Allowance:
    """What a call for a task of that type and level is allowed.

    >>> allowance("docs", "simple"), allowance("analysis", "simple")
    (Allowance(input_tokens=500, output_tokens=300), Allowance(input_tokens=4000, output_tokens=2000))
    """
    return ALLOWANCES[type_ if type_ in ALLOWANCES else level]
