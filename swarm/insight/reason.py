"""An explanation: a statement and what it rests on. The command prints it as a tree, a program gets it as one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

Tone = Literal["", "good", "bad", "warn", "faint"]
"""What a statement means to whoever reads it; how it looks is decided where it is drawn."""


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One statement of an explanation."""

    said: str  # one line
    tone: Tone = ""
    event: int = 0  # position of the event that says it; 0 = it follows from the others
    facts: Mapping[str, Any] = {}  # its numbers and names, for programs: whole nano-dollars, tokens
    text: str | None = None  # a text that it quotes, of any number of lines
    because: tuple[Reason, ...] = ()


def usd(nanos: int) -> str:
    """Nano-dollars as US dollars, all their places: an explanation rounds nothing.

    >>> usd(1_250_000), usd(2_000_000_000), usd(0)
    ('$0.00125', '$2', '$0')
    """
    return exact(nanos, 9)


def exact(amount: int, places: int) -> str:
    """An amount of 10**-places dollars with all its places."""
    sign = "-" if amount < 0 else ""
    text = f"{Decimal(abs(amount)).scaleb(-places):,f}"
    return f"{sign}${text.rstrip('0').rstrip('.') if '.' in text else text}"


def in_unit(value: int, unit: str) -> str:
    """An amount of a cap in its unit, "nanos" or "tokens"."""
    return usd(value) if unit == "nanos" else f"{value:,} tokens"


def minute(at: int) -> str:
    """When something was, from microseconds since 1970: 2026-11-21 10:03 UTC."""
    return f"{datetime.fromtimestamp(at // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"


def many(number: int, noun: str) -> str:
    """How many there are: 1 call, 2 calls."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
