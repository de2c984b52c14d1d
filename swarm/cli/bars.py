"""Bars and sparklines in one line of text, of eighths of a block where the stream can write them and of ASCII where not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.-=+*#@"


def fits(stream: TextIO, signs: str) -> bool:
    """Whether a stream can write these signs as they are."""
    try:
        signs.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def bar(value: int, most: int, width: int, stream: TextIO) -> str:
    """A bar of `width` characters, full where the value is the most or above, and never empty for what is more than nothing."""
    eighths = min(8 * width, value * 8 * width // most) if most > 0 else 0
    eighths = max(eighths, 1 if value > 0 else 0)
    if not fits(stream, _EIGHTHS):
        return ("#" * max(eighths // 8, 1 if value > 0 else 0)).ljust(width, ".")
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(width)


def sparkline(values: Sequence[int], stream: TextIO) -> str:
    """A character for each value, as high as its share of the largest; nothing at all stands lowest."""
    levels, most = _LEVELS if fits(stream, _LEVELS) else _ASCII_LEVELS, max(values, default=0)
    last = len(levels) - 1
    return "".join(levels[-(-value * last // most) if most > 0 and value > 0 else 0] for value in values)
