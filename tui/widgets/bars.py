"""Shares and caps as bars of characters. Their meaning is in how far they reach and in their marks, not in a colour."""

from __future__ import annotations

from collections.abc import Sequence

from tui.rows import Row
from tui.words import Tone

MARKS = (80, 90)  # per cent of a cap, where a run prefers cheaper models and where it compacts; at 100 it halts
_EIGHTHS = " ▏▎▍▌▋▊▉"
FILLS: tuple[str, ...] = ("█", "▓", "▒")
"""What is spent, or free; what is reserved, or cheap; what is paid."""


def bar_row(width: int, share: float, tone: Tone = "") -> Row:
    """A share from 0 to 1, in eighths of a column.

    >>> bar_row(4, 0.6)
    [('██▍', ''), (' ', '')]
    """
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    whole, part = divmod(eighths, 8)
    filled = "█" * whole + (_EIGHTHS[part] if part else "")
    return [(filled, tone), (" " * (width - len(filled)), "")]


def gauge_row(width: int, spent: int, reserved: int, cap: int) -> Row:
    """What is spent of a cap and what is reserved, with marks at 80 and 90 %, as they are whole; never full below the cap.

    >>> "".join(text for text, _ in gauge_row(20, 5, 2, 10))
    '██████████▓▓▓▓··│·│·'
    """
    if width <= 0:
        return []
    used = spent + reserved
    percent = 100 * used // cap if cap > 0 else 100
    filled = width if percent >= 100 else min(width - 1, width * used // cap)
    solid = min(filled, width if cap <= 0 else width * spent // cap)
    tone: Tone = "bad" if percent >= 100 else "warn" if percent >= MARKS[0] else "good"
    rest = "".join("│" if at in {width * mark // 100 for mark in MARKS} else "·" for at in range(filled, width))
    return [("█" * solid, tone), ("▓" * (filled - solid), tone), (rest, "faint")]


def mix_row(width: int, parts: Sequence[tuple[int, str, Tone]]) -> Row:
    """Parts of a whole side by side, each an amount with the character and the tone it is filled with.

    The largest remainders get what is left over, so that the parts fill the width together; a part of something is at
    least one column wide where there is room for all.

    >>> "".join(text for text, _ in mix_row(10, [(8, "█", ""), (1, "▓", ""), (1, "▒", "")]))
    '████████▓▒'
    """
    total = sum(amount for amount, _, _ in parts)
    if total <= 0 or width <= 0:
        return [("·" * max(0, width), "faint")]
    sizes = [width * amount // total for amount, _, _ in parts]
    left = width - sum(sizes)
    order = sorted(range(len(parts)), key=lambda at: (-(width * parts[at][0] % total), at))
    for at in order[:left]:
        sizes[at] += 1
    for at, (amount, _, _) in enumerate(parts):
        widest = max(range(len(parts)), key=lambda each: sizes[each])
        if amount and not sizes[at] and sizes[widest] > 1:
            sizes[at], sizes[widest] = 1, sizes[widest] - 1
    return [(glyph * size, tone) for size, (_, glyph, tone) in zip(sizes, parts, strict=True) if size]
