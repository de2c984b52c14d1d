"""The budgets of the first view: each cap as a gauge with its marks, what is reserved of it, and what was maybe paid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from events.views.money import ScopeState
from tui.live import SCOPED, Cap, Live
from tui.rows import Row, fitted
from tui.widgets.bars import MARKS, gauge_row
from tui.words import Tone, count, usd

LEGEND = f"marks at {MARKS[0]} · {MARKS[1]} · 100 %"
_NAME = 14  # columns of a scope's name at most
_LEAST = 6  # columns below which a gauge says nothing
_PERCENT = 7


class Amounts(NamedTuple):
    """What one scope holds of money or of tokens."""

    spent: int
    reserved: int
    maybe: int
    over: int
    cap: int | None
    write: Callable[[int], str]

    @property
    def said(self) -> str:
        return self.write(self.spent) + (f" of {self.write(self.cap)}" if self.cap is not None else "")


def _tokens(amount: int) -> str:
    return f"{count(amount)} tok"


def amounts_of(scope: ScopeState, cap: Cap) -> tuple[Amounts, Amounts]:
    """Of money, and of tokens."""
    each = (scope.spent, scope.reserved, scope.maybe_paid, scope.overran)
    spent, reserved, maybe, over = (amount.nanos for amount in each)
    money = Amounts(spent, reserved, maybe, over, cap.nanos, usd)
    spent, reserved, maybe, over = (amount.tokens for amount in each)
    return money, Amounts(spent, reserved, maybe, over, cap.tokens, _tokens)


def budget_rows(live: Live, now: int, width: int) -> list[Row]:
    """For each scope what is spent and reserved against its caps, the widest scope first; without a cap what is spent."""
    scopes = live.scopes(now)
    if not scopes:
        return [[("nothing is spent or reserved yet", "faint")]]
    days = sum(name.startswith("day:") for name, _ in scopes)
    named = [(_named(name, days), amounts_of(scope, live.cap(name))) for name, scope in scopes]
    wide = min(_NAME, max(cell_len(name) for name, _ in named))
    capped = [each for _, both in named for each in both if each.cap is not None]
    said = max([cell_len(each.said) for each in capped], default=0)
    gauge = width - wide - 1 - _PERCENT - said - 1
    if gauge < _LEAST:  # then the caps are left out, and the share of them stays
        said = max([cell_len(each.write(each.spent)) for each in capped], default=0)
        gauge = max(0, width - wide - 1 - _PERCENT - said - 1)
    rows: list[Row] = []
    for name, both in named:
        rows += _rows_of(name, both, wide, gauge, width)
    if len(scopes) > SCOPED:
        rows.append([(f"at most {SCOPED} tasks here; all: `swarm cost --by task`", "faint")])
    return rows


def _named(name: str, days: int) -> str:
    if name.startswith("day:"):
        return "today" if days == 1 else name.partition("@")[0].removeprefix("day:")
    return name


def _rows_of(name: str, both: Sequence[Amounts], wide: int, gauge: int, width: int) -> list[Row]:
    label = fitted([(name, "busy")], wide)
    blank: Row = [(" " * wide, "")]
    rows: list[Row] = []
    for each in both:
        if each.cap is not None:
            rows.append([*(blank if rows else label), (" ", ""), *_against(each, each.cap, gauge, width - wide - 1)])
    if open_ended := [each.said for each in both if each.cap is None and (each.spent or len(rows) < 1)]:
        rows.append([*(blank if rows else label), (f" {' · '.join(open_ended)}  no cap", "faint")])
    return rows + [[*blank, (f" {line}", "warn")] for line in _behind(both, width - wide - 1)]


def _behind(both: Sequence[Amounts], width: int) -> list[str]:
    """What of the amounts is reserved, was maybe paid, or went over its reservation, in as few lines as it takes."""
    kinds = (
        ("reserved", [each.write(each.reserved) for each in both if each.reserved]),
        ("maybe paid", [each.write(each.maybe) for each in both if each.maybe]),
        ("over", [each.write(each.over) for each in both if each.over]),
    )
    lines: list[str] = []
    for what, amounts in kinds:
        said = f"{' + '.join(amounts)} {what}"
        if amounts and lines and len(lines[-1]) + 3 + len(said) <= width:
            lines[-1] += f" · {said}"
        elif amounts:
            lines.append(said)
    return lines


def _against(each: Amounts, cap: int, gauge: int, room: int) -> Row:
    """The gauge, its per cent with `!` from the first mark on and `!!` at the cap, and the amounts at the right."""
    percent = 100 * (each.spent + each.reserved) // cap if cap else 100
    mark = "!!" if percent >= 100 else "!" if percent >= MARKS[0] else ""
    tone: Tone = "bad" if percent >= 100 else "warn" if mark else ""
    drawn = gauge_row(gauge, each.spent, each.reserved, cap) if gauge >= _LEAST else []
    share = f"{percent:>4}%{mark:<2}"
    blank = room - sum(cell_len(text) for text, _ in drawn) - len(share)
    said = each.said if cell_len(each.said) < blank else each.write(each.spent)
    return [*drawn, (share, tone), (" " * max(1, blank - cell_len(said)), ""), (said, "")]
