"""What used a scope up: its calls, its marks and caps, and the tasks that it stopped, the newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

import msgspec

from events.log import Entry, EventLog, session_name
from events.scopes import SHARED, session_of
from events.types.call import BudgetMarked, BudgetSet
from events.types.task import TaskFailed, TaskHalted
from events.views.base import begin
from events.views.scope import ScopedCall, ScopeView
from swarm.cli.lookup.folded import Folded
from swarm.errors import amount, dollars
from tui.rows import Row
from tui.sheet import Cell, Column, Line, Sheet, Text
from tui.words import Tone, visible

MOST = 500
"""Lines that are shown; `swarm log` has all."""

_TONES: dict[str, Tone] = {"reserved": "warn", "settled": "", "maybe paid": "warn"}
_COLUMNS = (
    Column("what", least=16, most=60),
    Column("tokens", right=True),
    Column("cost", right=True),
    Column("task", rank=1, most=30),
    Column("time", rank=2),
    Column("event", right=True, rank=3),
)


class HistoryView(msgspec.Struct):
    """The calls of a scope, and what was said of its caps."""

    calls: ScopeView
    said: dict[int, tuple[int, str, Tone]] = {}  # by position: when, and in words

    def apply(self, entry: Entry) -> None:
        self.calls.apply(entry)
        if (found := _said(entry, self.calls.scope)) is not None:
            self.said[entry.position] = (entry.at, *found)


def _said(entry: Entry, scope: str) -> tuple[str, Tone] | None:
    match entry.event:
        case BudgetMarked(unit=unit, percent=percent, used=used, cap=cap) as mark if mark.scope == scope:
            said = f"{percent} % are spent: {amount(used, unit)} of {amount(cap, unit)}"
            return said, "bad" if percent >= 100 else "warn"
        case BudgetSet(tokens=tokens, nanos=nanos, by=by) as cap if cap.scope == scope:
            caps = [amount(most, unit) for unit, most in (("nanos", nanos), ("tokens", tokens)) if most is not None]
            return f"cap set to {' and '.join(caps)} by {by}", "good"
        case TaskHalted(unit=unit, needed=needed) as end if end.scope == scope:
            return f"halted {entry.task}: it needed {amount(needed, unit)}", "bad"
        case TaskFailed(unit=unit, needed=needed) as end if end.scope == scope:
            return f"failed {entry.task}: it needed {amount(needed, unit)}", "bad"
        case _:
            return None


class ScopeHistory:
    """The history that was looked at last is kept, and read on."""

    def __init__(self, log: EventLog, zone: tzinfo | None) -> None:
        self._log, self._zone = log, zone
        self._kept: tuple[str, Folded[HistoryView]] | None = None

    async def sheet(self, key: str, position: int) -> Sheet:
        """Of a scope as the lines of the view name it, such as "nanos s4/build". Raises LogError."""
        _, _, scope = key.partition(" ")
        if self._kept is None or self._kept[0] != scope:
            self._kept = scope, _folded(self._log, scope)
        return _sheet(await self._kept[1].at(position), self._zone)


def _folded(log: EventLog, scope: str) -> Folded[HistoryView]:
    async def anew(log: EventLog) -> tuple[HistoryView, int]:
        calls, after = await begin(log, ScopeView(scope))
        return HistoryView(calls), after

    async def own(log: EventLog) -> tuple[HistoryView, int]:
        return HistoryView(ScopeView(scope)), 0

    session = session_of(scope)
    return Folded(log, anew) if session == SHARED else Folded(log, own, session=session)


def _sheet(view: HistoryView, zone: tzinfo | None) -> Sheet:
    scope = visible(view.calls.scope.partition("@")[0].replace(":", " ", 1))
    moved = sorted({*view.calls.calls, *view.said}, reverse=True)
    lines = tuple(_line(view, position, zone) for position in moved[:MOST])
    return Sheet(title=f"Budget \u203a {scope}", columns=_COLUMNS, lines=lines, notes=tuple(_notes(view, len(moved))))


def _line(view: HistoryView, position: int, zone: tzinfo | None) -> Line:
    call = view.calls.calls.get(position)
    if call is None:
        at, said, tone = view.said[position]
        cells: tuple[Cell, ...] = (Text(visible(said), tone), Text(""), Text(""), Text(""))
    else:
        at, tone = call.at, _TONES[call.state]
        who = f"{call.role} {visible(call.agent)}@{visible(call.model)}"
        what = who if call.state == "settled" else f"{who}, {call.state}"
        task = f"{session_name(call.session)}/{visible(call.task)}"
        cells = (Text(what, tone), Text(f"{call.tokens:,}", tone), Text(dollars(call.nanos), tone), Text(task))
    time = datetime.fromtimestamp(at // 1_000_000, zone)
    more: tuple[Cell, ...] = (Text(f"{time:%m-%d %H:%M:%S}", "faint"), Text(str(position), "faint"))
    return Line((*cells, *more), key=f"event {position}")


def _notes(view: HistoryView, moved: int) -> Iterator[Row]:
    calls = list(view.calls.calls.values())
    if not moved:
        yield [("nothing was spent or reserved here yet", "faint")]
        return
    if moved > MOST:
        yield [(f"the newest {MOST} of {moved:,}; `swarm log` has all", "faint")]
    yield [("", "")]
    for state, word in (("settled", "settled"), ("maybe paid", "maybe paid"), ("reserved", "reserved now")):
        held = [call for call in calls if call.state == state]
        if held:
            yield [(_summed(word, held), _TONES[state] or "faint")]


def _summed(word: str, calls: list[ScopedCall]) -> str:
    tokens, nanos = sum(call.tokens for call in calls), sum(call.nanos for call in calls)
    return f"{word}: {dollars(nanos)} and {tokens:,} tokens in {len(calls):,} call{'' if len(calls) == 1 else 's'}"
