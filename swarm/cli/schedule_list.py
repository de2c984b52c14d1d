"""`swarm schedule list`, `show`, `next`, `history`: what is due when, what runs, and what became of what was due."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import anyio
import msgspec

from events.bus import read_all
from events.log import Entry, EventLog, session_name, system_clock
from events.types.schedule import Rule, firing_topic
from events.views.schedules import Firing, ScheduleState, SchedulesView, schedules
from swarm.cli.recorded import NothingRecorded, recorded, settings_of, utc_text
from swarm.errors import UsageError
from swarm.insight.firings import rule_said, span_said
from swarm.insight.sentences import said
from swarm.schedule.child import said_path
from swarm.schedule.times import SECOND, delay_of, next_times

if TYPE_CHECKING:
    from swarm.cli.output import Cell, Output

NEXT, HISTORY = 5, 20
WEEK_US = 7 * 86_400 * SECOND
NONE_SET = "no schedule is set; set one with `swarm schedule add NAME FILE --cron EXPR`"
_STYLES = {"done": "green", "idle": "", "failed": "red", "halted": "yellow", "orphaned": "red", "timed out": "red"}


class NoSchedule(UsageError):
    """There is no schedule of that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = get_close_matches(name, known, n=1)
        guess = f"did you mean {near[0]}?" if near else "`swarm schedule list` shows those that are there"
        super().__init__(f"there is no schedule {name!r}; {guess}")


def act(args: argparse.Namespace, output: Output) -> int:
    return anyio.run(_act, args, output)


async def _act(args: argparse.Namespace, output: Output) -> int:
    url = settings_of(args).log
    try:
        async with recorded(url) as log:
            view = (await schedules(log)).view
            if args.action == "list":
                return _list(view, output)
            state = _named(view, args.words[0])
            if args.action == "history":
                return await _history(log, state, args.count or HISTORY, output)
    except NothingRecorded:
        if args.log or args.action != "list":
            raise
        return _list(SchedulesView(), output)
    return _next(state, args.count or NEXT, output) if args.action == "next" else _show(state, url, output)


def _named(view: SchedulesView, name: str) -> ScheduleState:
    state = view.schedules.get(name)
    if state is None or state.removed:
        raise NoSchedule(name, [each.name for each in view.present])
    return state


def standing_of(state: ScheduleState, now: int) -> str:
    """How a schedule stands, in a word or two."""
    if state.open:
        count = len(state.open)
        return "running" if count == 1 else f"{count} running"
    if state.queued:
        return "waits"
    if state.paused_at:
        return "paused"
    return "on" if next_times(state.rule, max(now, state.decided), 1) else "ended"


def next_of(state: ScheduleState, now: int, count: int) -> list[int]:
    """The slots to come that will be started; none of one that is paused."""
    return [] if state.paused_at else next_times(state.rule, max(now, state.decided), count)


def is_good(firing: Firing) -> bool:
    """Whether it did what it was there for, or had nothing to do."""
    return firing.status in ("done", "idle")


async def history_of(
    log: EventLog, name: str, count: int, *, before: Sequence[Entry] = (), after: int = 0, until: int | None = None
) -> list[Entry]:
    """The last `count` entries on what became of a schedule, the oldest first; `before` are those up to `after`."""
    found = list(before)
    async for entries in read_all(log, after=after, until=until, topic=firing_topic(name)):
        found = [*found, *entries][-count:]
    return found


def due_said(slots: Sequence[int], rule: Rule) -> list[str]:
    """Slots on the clock of their schedule: Mon 2026-11-23 06:30 CET; with seconds where they are no whole minute."""
    zone = ZoneInfo(rule.zone)
    moments = [datetime.fromtimestamp(slot // SECOND, zone) for slot in slots]
    return [
        f"{moment:%a %Y-%m-%d %H:%M}{f':{moment.second:02}' if moment.second else ''} {moment:%Z}" for moment in moments
    ]


def _list(view: SchedulesView, output: Output) -> int:
    now = system_clock()
    if output.json:
        output.document("swarm.schedules/1", {"schedules": [_document(each, now) for each in view.present]})
        return 0
    if not view.present:
        output.note(NONE_SET)
        return 0
    header = ("NAME", "WHEN", "NEXT", "LAST", "TOOK", "7 DAYS", "STATE", "FILE")
    output.table(header, [_row(each, now) for each in view.present])
    return 0


def _row(state: ScheduleState, now: int) -> list[Cell]:
    from tui.words import span

    slots, last = next_of(state, now, 1), state.last
    ended = (last.status, _STYLES.get(last.status, "")) if last else ""
    week = [each for each in state.recent if now - each.ended_at < WEEK_US]
    good = sum(map(is_good, week))
    standing = standing_of(state, now)
    return [
        state.name,
        rule_said(state.rule),
        f"in {span(slots[0] - now)}" if slots else "-",
        ended or "-",
        span(last.ended_at - last.at) if last else "-",
        f"✔{good} ✘{len(week) - good}" if week else "-",
        (standing, {"running": "blue", "paused": "yellow"}.get(standing, "")),
        state.path,
    ]


def _show(state: ScheduleState, url: str, output: Output) -> int:
    now = system_clock()
    if output.json:
        output.document("swarm.schedule.show/1", _document(state, now))
        return 0
    output.line(f"{state.name}  {standing_of(state, now)}", "bold")
    for name, text in _told(state, now):
        output.line(f"  {name:<10} {text}")
    for firing in [*state.running, *reversed(state.recent[-5:])]:
        output.line(f"  {_firing_said(firing, state.rule)}")
    for last in (state.running or state.recent)[-1:]:
        if (path := said_path(url, state.name, last.position)).exists():  # one that a person started said it to them
            output.note(f"what it said: {path}", "dim")
    return 0


def _told(state: ScheduleState, now: int) -> list[tuple[str, str]]:
    rule = state.rule
    late = "not made up for" if rule.catch_up == "skip" else f"{rule.catch_up} within {span_said(rule.window_s)}"
    again = f"{rule.retries} more, first after {span_said(rule.retry_s)}" if rule.retries else "none more"
    found = [
        ("when", rule_said(rule) + (f", up to {span_said(rule.jitter_s)} later" if rule.jitter_s else "")),
        ("runs", " ".join(["swarm run", *state.options, state.path])),
        ("in", state.directory),
        ("missed", late),
        ("overlap", rule.overlap + (f", {rule.most_runs} at once" if rule.overlap == "allow" else "")),
        ("time-out", span_said(rule.timeout_s)),
        ("tries", again),
    ]
    found += [("approvals", rule.approvals)] if rule.approvals else []
    if state.paused_at:
        found.append(("paused", f"by {state.paused_by}" + (f": {state.pause_reason}" if state.pause_reason else "")))
    if slots := next_of(state, now, 1):
        found.append(("next", due_said(slots, rule)[0]))
    if state.queued:
        found.append(("waiting", ", ".join(due_said([each.due for each in state.queued], rule))))
    return found


def _firing_said(firing: Firing, rule: Rule) -> str:
    from tui.words import span

    parts = [due_said([firing.due], rule)[0], firing.status]
    parts += [f"try {firing.nth}"] if firing.nth > 1 else []
    parts += [session_name(firing.session)] if firing.session else []
    parts += [f"took {span(firing.ended_at - firing.at)}"] if firing.ended_at else []
    detail = firing.idle or firing.detail
    return "  ".join(parts) + (f"  {detail}" if detail else "")


def _next(state: ScheduleState, count: int, output: Output) -> int:
    slots = next_of(state, system_clock(), count)
    if output.json:
        rows = [
            {"due": utc_text(slot), "starts": utc_text(slot + delay_of(state.name, state.rule, slot))} for slot in slots
        ]
        output.document("swarm.schedule.next/1", {"schedule": state.name, "next": rows})
        return 0
    for text in due_said(slots, state.rule):
        output.line(text)
    if not slots:
        why = "it is paused" if state.paused_at else "its end has passed"
        output.note(f"{state.name} is not due any more: {why}")
    return 0


async def _history(log: EventLog, state: ScheduleState, count: int, output: Output) -> int:
    found = await history_of(log, state.name, count)
    if output.json:
        rows = [
            {"position": each.position, "at": utc_text(each.at), "kind": each.kind, "said": said(each)}
            for each in found
        ]
        output.document("swarm.schedule.history/1", {"schedule": state.name, "events": rows})
        return 0
    for each in found:
        output.line(f"{datetime.fromtimestamp(each.at // SECOND, UTC):%Y-%m-%d %H:%M:%S}Z  {said(each)}")
    if not found:
        output.note(f"nothing became due of {state.name} so far")
    return 0


def _document(state: ScheduleState, now: int) -> dict[str, Any]:
    slots = next_of(state, now, 1)
    return {
        "schedule": state.name,
        "state": standing_of(state, now),
        "file": state.path,
        "directory": state.directory,
        "options": list(state.options),
        "rule": msgspec.structs.asdict(state.rule),
        "next": utc_text(slots[0]) if slots else None,
        "running": [_firing_document(each) for each in state.running],
        "queued": [utc_text(each.due) for each in state.queued],
        "recent": [_firing_document(each) for each in reversed(state.recent)],
        "tally": msgspec.structs.asdict(state.tally),
        "paused_by": state.paused_by or None,
    }


def _firing_document(firing: Firing) -> dict[str, Any]:
    return {
        "firing": firing.position,
        "due": utc_text(firing.due),
        "started": utc_text(firing.at),
        "ended": utc_text(firing.ended_at) if firing.ended_at else None,
        "status": firing.status,
        "exit_code": firing.exit_code,
        "try": firing.nth,
        "by_hand": firing.manual,
        "session": session_name(firing.session) if firing.session else None,
        "idle": firing.idle or None,
        "detail": firing.detail or None,
    }
