"""`swarm schedule add`, `pause`, `resume`, `rm`: what a person says of schedules."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from events.log import EventLog, open_log, system_clock
from events.types.schedule import (
    AnyFiring,
    AnySchedule,
    Rule,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSet,
)
from events.views.schedules import ScheduleState
from swarm.cli.detach import option_words
from swarm.cli.given import overrides_of
from swarm.cli.recorded import log_errors, require_log, settings_of
from swarm.cli.schedule_list import NoSchedule, due_said
from swarm.cli.secrets import secrets_of
from swarm.cli.trust import require_trust
from swarm.engine.requests import person
from swarm.errors import UsageError
from swarm.insight.firings import rule_said
from swarm.plan import require_schedule
from swarm.schedule.book import Book, open_book
from swarm.schedule.decide import left_out
from swarm.schedule.terms import TERMS, BadTerm, rule_of
from swarm.schedule.times import next_times
from swarm.zones import local_zone

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.settings.load import Settings
    from swarm.task import TaskFile


class NotPaused(UsageError):
    """A schedule that goes on cannot be resumed, one that is paused not paused again."""

    def __init__(self, name: str, *, paused: bool) -> None:
        state = "is paused already" if paused else "is not paused"
        super().__init__(f"the schedule {name} {state}; `swarm schedule show {name}` says how it stands")


def act(args: argparse.Namespace, output: Output) -> int:
    settings = settings_of(args)
    with log_errors():
        return anyio.run(_add if args.action == "add" else _say, args, settings, output)


async def _add(args: argparse.Namespace, settings: Settings, output: Output) -> int:
    name, path = require_schedule(args.words[0]), args.words[1]
    file = _read(path, args)
    rule = _rule(args, file, settings.time_zone or local_zone(os.environ), system_clock())
    was_there: list[bool] = []
    async with open_log(settings.log) as log:
        redact = secrets_of(settings).redact
        await require_trust(log, file, trusted=args.trust, output=output, redact=redact)  # at night nobody can be asked
        book = await open_book(log)

        def say(state: ScheduleState | None) -> Sequence[AnySchedule | AnyFiring]:
            was_there.append(state is not None and not state.removed)
            return _set(state, args, rule, book)

        await book.write(name, say)
        state = (await book.read()).schedules[name]
    _told(args, output, state, "has another rule now" if was_there[-1] else "is set")
    return 0


def _read(path: str, args: argparse.Namespace) -> TaskFile:
    from swarm.taskfile.read import load_task_file

    return load_task_file(Path(path), overrides=overrides_of(args.set))


def _rule(args: argparse.Namespace, file: TaskFile, zone: str, now: int) -> Rule:
    """The rule of the options, and of the file where these say nothing. Raises UsageError."""
    said = {term: text for term in TERMS if (text := getattr(args, f"term_{term}")) is not None}
    terms = dict(file.schedule)
    if "cron" in said or "every" in said:
        terms = {term: text for term, text in terms.items() if term not in ("cron", "every")}
    try:
        return rule_of({**terms, **said}, zone=zone, now=now)
    except BadTerm as bad:
        option = f"--{bad.term.replace('_', '-')}"
        where = f"{option}: " if bad.term in said else "" if bad.term == "cron" and not terms else f"{file.path}: "
        raise UsageError(f"{where}{bad}") from bad


def _set(
    state: ScheduleState | None, args: argparse.Namespace, rule: Rule, book: Book
) -> Sequence[AnySchedule | AnyFiring]:
    event = ScheduleSet(
        schedule=args.words[0],
        directory=str(Path.cwd()),
        path=args.words[1],
        rule=rule,
        options=tuple(option_words(args, yes=args.yes)),
        since=book.clock(),
        by=person(),
    )
    return (*(left_out(state, event.since, "changed") if state else ()), event)


async def _say(args: argparse.Namespace, settings: Settings, output: Output) -> int:
    name: str = args.words[0]
    require_log(settings.log)
    async with open_log(settings.log) as log:
        state = await _said(log, name, args)
    words = {"pause": "is paused", "resume": "goes on", "rm": "is removed"}
    _told(args, output, state, words[args.action])
    return 0


async def _said(log: EventLog, name: str, args: argparse.Namespace) -> ScheduleState:
    book = await open_book(log)

    def say(state: ScheduleState | None) -> Sequence[AnySchedule | AnyFiring]:
        if state is None or state.removed:
            raise NoSchedule(name, known)
        by, now = person(), book.clock()
        match args.action:
            case "pause":
                if state.paused_at:
                    raise NotPaused(name, paused=True)
                return (SchedulePaused(schedule=name, by=by, reason=args.reason),)
            case "resume":
                if not state.paused_at:
                    raise NotPaused(name, paused=False)
                return (*left_out(state, now, "paused"), ScheduleResumed(schedule=name, by=by, since=now))
            case _:
                return (*left_out(state, now, "removed"), ScheduleRemoved(schedule=name, by=by))

    known = [each.name for each in (await book.read()).present]
    await book.write(name, say)
    return (await book.read()).schedules[name]


def _told(args: argparse.Namespace, output: Output, state: ScheduleState, said: str) -> None:
    now = system_clock()
    goes_on = not (state.paused_at or state.removed)
    slots = next_times(state.rule, max(now, state.decided), 1) if goes_on else []
    if output.json:
        output.document(
            "swarm.schedule/1", {"schedule": state.name, "action": args.action, "next": due_said(slots, state.rule)}
        )
        return
    output.line(f"{state.name} {said}: {state.path}, {rule_said(state.rule)}" if goes_on else f"{state.name} {said}")
    if slots:
        output.line(f"  due next   {due_said(slots, state.rule)[0]}")
        if args.action == "add":
            output.note("started by `swarm schedule run-due`, once a minute from cron", "dim")
    elif goes_on:
        output.note("it is never due again: its end has passed", "yellow")
    if state.removed and state.open:
        output.note("what runs of it goes on; `swarm ps` lists it")
