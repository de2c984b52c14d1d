"""The first line of the screen, for any width: what matters least goes first, and the title has what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from events.log import session_name
from tui.live import Live, todays
from tui.rows import ASKS, Piece, Row
from tui.words import PAUSED, Tone, count, usd, visible

_STATES: dict[str, tuple[str, Tone]] = {
    "running": ("● live", "busy"),
    "finished": ("✔ finished", "good"),
    "interrupted": ("‖ interrupted", "warn"),
    "orphaned": ("✘ orphaned", "bad"),
}
_GAP = 2
_TITLE = 8  # columns below which nothing of a title is worth showing


class Part(NamedTuple):
    """A part of the line. Rank 0 always stands there; where there is no room for all, those of the highest rank go first."""

    rank: int
    row: Row
    gap: int = _GAP  # before it


def header_row(
    live: Live, state: str, now: int, behind: str, width: int, *, hint: str = "", marks: Sequence[Piece] = ()
) -> Row:
    """The session, its state, its tasks, what today has cost, and what waits for a person; `hint` says how it is answered,
    `marks` what holds of the screen itself."""
    if live.state is None:
        return [("swarm  ", ""), (behind or "no session yet; start one with `swarm run`", "faint")]
    parts = _parts(live, state, now, behind, hint, marks)
    while _size(parts) > width and (last := max(part.rank for part in parts)):
        parts = [part for part in parts if part.rank != last]
    row: Row = []
    for part in parts:
        if row and part.gap:
            row.append((" " * part.gap, ""))
        row += part.row
    if width - _size(parts) >= _GAP + _TITLE:
        row.append((f"{' ' * _GAP}{visible(live.state.title)}", "faint"))
    return row


def _parts(live: Live, state: str, now: int, behind: str, hint: str, marks: Sequence[Piece]) -> list[Part]:
    """In the order in which they stand."""
    counts, asks, rate = live.counts(), live.asks.total(), live.rate(now)
    tasks = "".join(f" {glyph}{counts[glyph]}" for glyph in "✔✘‖⊘●↻○" if counts[glyph])
    accepted = live.census.tiers.total()
    parts = [
        Part(6, [("swarm", "")]),
        Part(0, [_state(live, state)]),
        *(Part(0, [mark]) for mark in marks),
        Part(0, [(session_name(live.session), "")]),
        Part(3, [(f"{counts.total()} tasks{tasks}", "")]),
        Part(2, _today(live, now)),
        Part(5, [(f"free {100 * live.census.tiers['free'] // accepted}%", "")] if accepted else []),
        Part(0, [(f"{ASKS.glyph} {asks} {'waits' if asks == 1 else 'wait'} for you", ASKS.tone)] if asks else []),
        Part(
            1, [(f": {hint}", ASKS.tone)] if asks and hint else [], gap=0
        ),  # nothing goes on before somebody does that
        Part(7, [(f"{_rate(rate)} ev/s", "faint")] if rate else []),
        Part(0, [(behind, "warn")] if behind else []),
    ]
    return [part for part in parts if any(text for text, _ in part.row)]


def _state(live: Live, state: str) -> Piece:
    if state == "running" and live.tasks.whole(live.session).paused is not None:
        return f"{PAUSED.glyph} {PAUSED.word}", PAUSED.tone
    return _STATES.get(state, (state, ""))


def _size(parts: list[Part]) -> int:
    return sum(part.gap + sum(cell_len(text) for text, _ in part.row) for part in parts) - _GAP


def _rate(rate: float) -> str:
    return count(round(rate)) if rate >= 10 else f"{rate:.1f}"


def _today(live: Live, now: int) -> Row:
    """What today has cost in all time zones that are counted in, of the least cap, and how much of that it is."""
    days = todays(live.money.scopes, now)
    spent = sum(live.money.scopes[name].spent.nanos for name in days)
    caps = [nanos for name in days if (nanos := live.cap(name).nanos) is not None]
    text = f"today {usd(spent)}"
    if not caps:
        return [(text, "")]
    cap = min(caps)
    percent = 100 * spent // cap if cap else 100
    tone: Tone = "bad" if spent > cap else ""
    return [(f"{text} of {usd(cap)} {percent}%" + (" !!" if spent > cap else ""), tone)]
