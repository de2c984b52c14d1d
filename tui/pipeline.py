"""The row of the three roles: what waits for each, and what each is at; and what accepted tasks were done with."""

from __future__ import annotations

from collections.abc import Mapping

from tui.census import TIERS
from tui.rows import Piece, Row
from tui.widgets.bars import FILLS, mix_row
from tui.words import Tone

ROLES = ("explorer", "worker", "validator")
"""In the order in which a task passes them."""


def pipeline_row(queued: Mapping[str, int], running: Mapping[str, int], glyphs: Mapping[str, int]) -> Row:
    """The roles in their order, each with the tasks that wait for it (q) and its calls that are under way (run); then the
    tasks that were accepted, that failed, and that are tried again. Calls of other roles are told beside."""
    row: Row = [(" ", "")]
    for role in ROLES:
        waits, runs = queued.get(role, 0), running.get(role, 0)
        row.append((role, ""))
        row.append((f"  {waits} q", "" if waits else "faint"))
        row.append((" · ", "faint"))
        row.append((f"{runs} run", "busy" if runs else "faint"))
        row.append((" ──▶ ", "faint"))
    ends: tuple[tuple[str, Tone], ...] = (("✔", "good"), ("✘", "bad"), ("↻", "busy"))
    for glyph, tone in ends:
        amount = glyphs.get(glyph, 0)
        row.append((f"{glyph} {amount}  ", tone if amount else "faint"))
    others: list[Piece] = [(f"{name} {amount} run  ", "busy") for name, amount in running.items() if name not in ROLES]
    return row + others


def tier_rows(width: int, tiers: Mapping[str, int]) -> list[Row]:
    """The accepted tasks by what they were done with: a bar, and the shares in words, cut to whole per cents."""
    total = sum(tiers.values())
    if not total:
        return [[("no task is accepted yet", "faint")]]
    words = "  ".join(
        f"{fill} {name} {100 * tiers.get(name, 0) // total}%" for name, fill in zip(TIERS, FILLS, strict=True)
    )
    tones: tuple[Tone, ...] = ("good", "", "warn")
    parts: list[tuple[int, str, Tone]] = [
        (tiers.get(name, 0), fill, tone) for name, fill, tone in zip(TIERS, FILLS, tones, strict=True)
    ]
    return [mix_row(width, parts), [(words, "")]]
