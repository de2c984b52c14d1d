"""Amounts as people write them: `20k` to tokens, `$0.05` to nano-dollars, `10m` to seconds; no float comes between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

NANOS = 1_000_000_000
"""Nano-dollars in a dollar."""

_NUMBER = re.compile(r"([0-9]{0,12})(?:\.([0-9]{1,15}))?")
_THOUSANDS = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}

_MOST_TOKENS = 10**12
_MOST_NANOS = 1_000_000 * NANOS
_MOST_SECONDS = 30 * 86_400


def parse_tokens(text: str) -> int:
    """Read a number of tokens of at least 1: `800`, `20k`, `1.5M`. Raises ValueError with the sentence to show."""
    number, unit = _split(text, _THOUSANDS)
    value = None if number is None else _scaled(number, _THOUSANDS[unit])
    if value is None or not 1 <= value <= _MOST_TOKENS:
        raise ValueError(f"{shortened(text)} is not a number of tokens; write it as 800, 20k or 1.5M")
    return value


def parse_usd(text: str) -> int:
    """Read US dollars as nano-dollars: `$0.05`, `0.05`, `$2`. Raises ValueError with the sentence to show."""
    number = text.strip().removeprefix("$")
    value = _scaled(number, NANOS) if _NUMBER.fullmatch(number) and number else None
    if value is None:
        raise ValueError(f"{shortened(text)} is not an amount in US dollars (at most nine places); write it as $0.05")
    if value > _MOST_NANOS:
        raise ValueError(f"{shortened(text)} is more than the largest budget; write at most $1000000")
    return value


def parse_seconds(text: str) -> float:
    """Read a time as seconds, above 0 and up to 30 days: `90s`, `10m`, `2h`, `1d`, `1.5h`; a bare number is in seconds.

    Raises ValueError with the sentence to show.
    """
    number, unit = _split(text, _SECONDS)
    millis = None if number is None else _scaled(number, _SECONDS[unit] * 1000)
    if millis is None or not 0 < millis <= _MOST_SECONDS * 1000:
        raise ValueError(f"{shortened(text)} is not a time of up to 30 days; write it as 90s, 10m or 2h")
    return millis / 1000


def shortened(text: str, most: int = 40) -> str:
    """Quote what somebody wrote, on one line, with nothing in it that a terminal would act upon."""
    return repr(text if len(text) <= most else text[: most - 1] + "\u2026")


def kind_of(value: object) -> str:
    """Name the kind of a value in the words of a settings file."""
    match value:
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float() | Decimal():
            return "a number"
        case Mapping():
            return "a table"
        case list() | tuple():
            return "a list"
        case None:
            return "nothing"
        case _:
            return f"a {type(value).__name__}"


def _split(text: str, units: dict[str, int]) -> tuple[str | None, str]:
    """Divide `20k` into number and unit; the number is None where the text is no such amount."""
    text = text.strip()
    unit = text[-1:] if text[-1:] in units else ""
    number = text.removesuffix(unit).rstrip()
    return (number if number and _NUMBER.fullmatch(number) else None), unit


def _scaled(number: str, factor: int) -> int | None:
    """Multiply a decimal number with `factor`; None where the product is not whole."""
    whole, _, part = number.partition(".")
    value, rest = divmod(int(whole + part) * factor, 10 ** len(part))
    return None if rest else value
