"""What the view of schedules shows: what `swarm schedule list` and `history` tell, as of a place in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import tzinfo

import msgspec

from events.log import Entry, EventLog, session_name
from events.types.schedule import FiringFinished, FiringMissed, FiringOrphaned, FiringSkipped
from events.views.base import begin
from events.views.money import MoneyView
from events.views.schedules import Firing, ScheduleState, SchedulesView, before_first
from swarm.cli.lookup.folded import Folded
from swarm.cli.recorded import local_time
from swarm.cli.schedule_list import NEXT, NONE_SET, due_said, history_of, is_good, next_of, standing_of
from swarm.errors import dollars
from swarm.insight.firings import rule_said
from swarm.insight.sentences import said
from tui.live import Live
from tui.rows import Row
from tui.sheet import Cell, Column, Line, Sheet, Text
from tui.words import Tone, span, visible

MOST = 200
"""Events of a schedule that are shown; `swarm schedule history` has more."""

LAST = 7
"""Runs that a line shows as signs, the newest last."""

_COLUMNS = (
    Column("name", least=8, most=32),
    Column("when", rank=2, most=36),
    Column("next in", right=True),
    Column("last", most=30),
    Column("took", right=True, rank=4),
    Column("cost", right=True, rank=1),
    Column(f"last {LAST}", rank=3, least=LAST),
    Column("overlap", rank=5),
    Column("state", most=28),
)
_OPENED = (
    Column("what", least=20, most=110),
    Column("session", rank=2),
    Column("cost", right=True, rank=1),
    Column("when", most=36),
    Column("event", right=True, rank=3),
)
_STANDS: dict[str, Tone] = {"running": "busy", "paused": "warn", "waits": "warn", "ended": "faint"}
_EMPTY: tuple[Row, ...] = (
    [(NONE_SET, "")],
    [("", "")],
    [("a schedule runs a task file by itself: at times of a clock (--cron),", "faint")],
    [("or again and again (--every); when it is due next, what became of each", "faint")],
    [("run and what that cost stands here then", "faint")],
)


class _Scheduled(msgspec.Struct):
    """What is folded. A replay's view model knows the money of its own session alone, and so this is beside it."""

    schedules: SchedulesView
    money: MoneyView

    def apply(self, entry: Entry) -> None:
        self.schedules.apply(entry)
        self.money.apply(entry)


class ScheduleLookup:
    """Looks the sheets up; `zone` is that of the times of the last runs, None the machine's."""

    def __init__(self, log: EventLog, zone: tzinfo | None) -> None:
        self._log, self._zone = log, zone
        self._scheduled = Folded(log, _begin)
        self._history: tuple[str, int, list[Entry]] = ("", 0, [])  # of which schedule, and up to where it was read

    async def __call__(self, live: Live, now: int, name: str) -> Sheet:
        """Raises LogError."""
        position = live.position
        view = await self._scheduled.at(position)
        if not name:
            return await self._all(view, now)
        state = view.schedules.schedules.get(name)
        if state is None or state.removed:
            return Sheet(title=_title(name), notes=([("there is no such schedule here", "faint")],))
        return _opened(state, await self._history_of(name, position), view.money, now)

    async def _all(self, view: _Scheduled, now: int) -> Sheet:
        lines: list[Line] = []
        for state in view.schedules.present:
            lines.append(_line(state, view.money, now, self._zone))
            await asyncio.sleep(0)  # the moments to come of some expressions take long to find
        if not lines:
            return Sheet(title="Schedules", notes=_EMPTY)
        return Sheet(title="Schedules", columns=_COLUMNS, lines=tuple(lines))

    async def _history_of(self, name: str, position: int) -> list[Entry]:
        known, after, entries = self._history
        if known != name or position < after:
            after, entries = 0, []
        entries = await history_of(self._log, name, MOST, before=entries, after=after, until=position)
        self._history = name, position, entries
        return entries


async def _begin(log: EventLog) -> tuple[_Scheduled, int]:
    """Behind the first schedule that was set: before it no session is one of theirs."""
    view, after = await begin(log, _Scheduled(SchedulesView(), MoneyView()))
    return (view, after) if view.schedules.schedules else (view, max(after, await before_first(log)))


def _line(state: ScheduleState, money: MoneyView, now: int, zone: tzinfo | None) -> Line:
    slots, last, (standing, tone) = next_of(state, now, 1), state.last, _standing(state, now)
    cells: tuple[Cell, ...] = (
        Text(visible(state.name)),
        Text(visible(rule_said(state.rule))),
        Text(span(slots[0] - now) if slots else "—"),
        _ended(last, zone),
        Text(span(last.ended_at - last.at) if last else "—"),
        Text(_cost(last.session if last else 0, money)),
        Text(_signs(state.recent)),
        Text(state.rule.overlap),
        Text(standing, tone),
    )
    return Line(cells, key=state.name)


def _ended(firing: Firing | None, zone: tzinfo | None) -> Cell:
    if firing is None:
        return Text("—")
    began = f"{local_time(firing.at, zone):%m-%d %H:%M}"
    tone: Tone = "good" if is_good(firing) else "warn" if firing.status == "halted" else "bad"
    return Text(f"{_sign(firing)} {firing.status} {began}", tone)


def _cost(session: int, money: MoneyView) -> str:
    """Of a run that came to no session there is none, and one that called no model cost nothing."""
    if not session:
        return "—"
    scope = money.scopes.get(session_name(session))
    return dollars(scope.spent.nanos) + ("?" if scope.maybe_paid.nanos else "") if scope is not None else dollars(0)


def _signs(recent: Sequence[Firing]) -> str:
    return "".join(map(_sign, recent[-LAST:])).rjust(LAST, "·")


def _sign(firing: Firing) -> str:
    return "✔" if is_good(firing) else "✘"


def _standing(state: ScheduleState, now: int) -> tuple[str, Tone]:
    """How it stands, with the sessions that run of it, or why it is paused."""
    word = standing_of(state, now)
    running = " ".join(session_name(each.session) for each in state.running if each.session)
    why = f": {visible(state.pause_reason)}" if word == "paused" and state.pause_reason else ""
    return f"{word}{why}" + (f" {running}" if running else ""), _STANDS.get(word.split()[-1], "")


def _title(name: str) -> str:
    return f"Schedules \u203a {visible(name)}"


def _opened(state: ScheduleState, entries: Sequence[Entry], money: MoneyView, now: int) -> Sheet:
    """The next times, the nearest first, and below them what happened, the newest first."""
    slots = next_of(state, now, NEXT)
    lines = [
        Line((Text(f"due in {span(slot - now)}", "busy"), Text(""), Text(""), Text(when), Text("")), key=f"due {slot}")
        for slot, when in zip(slots, due_said(slots, state.rule), strict=True)
    ]
    lines += [_happened(entry, state, money) for entry in reversed(entries)]
    notes: list[Row] = []
    if not slots:
        why = "it is paused" if state.paused_at else "its end has passed"
        notes.append([(f"not due any more: {why}", "warn" if state.paused_at else "faint")])
    if not entries:
        notes.append([(f"nothing became due of {visible(state.name)} so far", "faint")])
    if len(entries) == MOST:
        notes.append([(f"the newest {MOST}; `swarm schedule history` has more", "faint")])
    title = f"{_title(state.name)} · {visible(rule_said(state.rule))} · {_standing(state, now)[0]}"
    return Sheet(title=title, columns=_OPENED, lines=tuple(lines), notes=tuple(notes))


def _happened(entry: Entry, state: ScheduleState, money: MoneyView) -> Line:
    session = entry.event.run if isinstance(entry.event, FiringFinished | FiringOrphaned) else 0
    cells = (
        Text(visible(said(entry)), _tone_of(entry)),
        Text(session_name(session) if session else ""),
        Text(_cost(session, money) if session else ""),
        Text(due_said([entry.at], state.rule)[0], "faint"),
        Text(str(entry.position), "faint"),
    )
    return Line(cells, key=f"event {entry.position}")


def _tone_of(entry: Entry) -> Tone:
    match entry.event:
        case FiringFinished(exit_code=0):
            return "good"
        case FiringFinished(exit_code=3) | FiringMissed() | FiringSkipped():
            return "warn"
        case FiringFinished() | FiringOrphaned():
            return "bad"
        case _:
            return ""
