"""`swarm report --html`: a session or a period as one page for a browser."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from events.log import EventLog, session_name, system_clock
from events.types.choice import ChoiceMade
from events.views.attempts import Attempt
from swarm.cli.budget_scope import Here, budgets_of, here, where_counted
from swarm.cli.names import find_session
from swarm.cli.page.document import Page, page
from swarm.cli.page.tasks import TASKS, WHY, Attempts, key_of, name_of, shown_of
from swarm.cli.recorded import local_time, recorded, zone_of
from swarm.cli.report import PERIODS
from swarm.cli.streams import write_result
from swarm.errors import UsageError
from swarm.insight.account import (
    Account,
    account_of_period,
    account_of_session,
    capped,
    concerns,
)
from swarm.insight.choices import why_choice
from swarm.insight.periods import Name, Period, period_of
from swarm.insight.reason import Reason
from swarm.insight.story import read_story
from swarm.insight.tasks import why_task

if TYPE_CHECKING:
    from swarm.cli.output import Output

STDOUT = "-"
_WORDS = {"day": "Today", "week": "This week", "month": "This month"}


class NotWritten(UsageError):
    """The file of a report cannot be written."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"the report cannot be written to {path}: {why}; name another file, or `-` for stdout")


def run(args: argparse.Namespace, what: str | None) -> int:
    """Write the page of a session (the last one for None) or a period to where `--to` says."""
    if args.to is None and sys.stdout.isatty():
        raise UsageError(
            "the page is for a browser: name its file with `--to report.html`, or `--to -` to read its text"
        )
    text = anyio.run(page_text, here(args), what, args.dated)
    to = STDOUT if args.to is None else args.to
    if to == STDOUT:
        write_result(text)
        return 0
    write_to(Path(to), text)
    output: Output = args.output
    output.note(f"written to {to} ({len(text.encode()) / 1000:,.0f} kB)")
    return 0


def write_to(path: Path, text: str) -> None:
    """Put the text where the path says, whole or not at all; readable by its user alone where it is new. Raises NotWritten."""
    from swarm.settings.userfile import replace_file

    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_text(text, "utf-8")  # a pipe or a device has nothing that could be replaced
        else:
            replace_file(path.resolve(), text)  # what a link leads to, not the link
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotWritten(path, why.lower()) from error


async def page_text(where: Here, what: str | None, dated: bool) -> str:
    """The page of a session (the last one for None) or a period. Raises NothingRecorded, LogTrouble, UsageError."""
    zone = zone_of(where.loaded.settings)
    async with recorded(where.log) as log:
        if what is not None and what in PERIODS:
            found = await page_of_period(log, PERIODS[what], where)
        else:
            found = await page_of_session(log, await find_session(log, what), where)
    if dated:
        made = f"{local_time(system_clock(), zone):%Y-%m-%d %H:%M %Z}".strip()
        found = msgspec.structs.replace(found, about=(*found.about, ("Made", made)))
    return page(found)


async def page_of_session(log: EventLog, session: int, where: Here) -> Page:
    """The page of one session. Raises LogError."""
    zone = zone_of(where.loaded.settings)
    account = await account_of_session(log, session)
    name, state = session_name(session), account.session
    account = await _with_caps(log, where, account)
    about: list[tuple[str, str]] = []
    if state is not None:
        about = [
            ("Opened", f"{local_time(state.opened_at, zone):%Y-%m-%d %H:%M:%S}"),
            ("Closed", f"{local_time(state.closed_at, zone):%Y-%m-%d %H:%M:%S}" if state.closed_at else "not yet"),
            ("Exit code", "" if state.exit_code is None else f"{state.exit_code} {state.reason}".strip()),
            ("Task file", Path(state.path).name),
            ("Project", Path(state.directory).name),
            ("Forked from", session_name(state.parent) if state.parent else ""),
        ]
    attempts, reasons = await _told(log, account)
    return Page(
        title=f"Session {name}: {state.title}" if state is not None and state.title else f"Session {name}",
        about=(*about, *_basis(account, where)),
        account=account,
        attempts=attempts,
        reasons=reasons,
        zone=zone,
        commands=(
            f"swarm report session {name}",
            f"swarm show {name}",
            f"swarm why {name} --cost",
            f"swarm budget {name}",
            f"swarm replay {name}",
        ),
    )


async def page_of_period(log: EventLog, name: Name, where: Here) -> Page:
    """The page of all sessions in a period. Raises LogError."""
    zone = zone_of(where.loaded.settings)
    period = period_of(name, local_time(where.now, zone).date())
    account = await _with_caps(log, where, await account_of_period(log, period, zone))
    attempts, reasons = await _told(log, account)
    return Page(
        title=f"{_WORDS[name]}, {period.label}" if period is not None else "Everything that the log holds",
        about=(("Days", _days(period)), *_basis(account, where)),
        account=account,
        attempts=attempts,
        reasons=reasons,
        zone=zone,
        notes=tuple(_left_out(account)),
        commands=(
            f"swarm cost {name} --by model,role",
            f"swarm cost {name} --by task",
            f"swarm report tokens {name}",
            f"swarm report ab {name}",
            f"swarm report waste {name}",
            "swarm budget",
            "swarm ps --all",
        ),
    )


def _days(period: Period | None) -> str:
    if period is None:
        return ""
    return f"{period.first}" if period.first == period.last else f"{period.first} to {period.last}"


def _basis(account: Account, where: Here) -> Iterator[tuple[str, str]]:
    yield "Read up to", f"event {account.head:,}" if account.head else "no event"
    yield "Times in", where.loaded.settings.time_zone or "the zone of the machine that made it"


def _left_out(account: Account) -> Iterator[str]:
    if account.archived:
        yield "A part of the log was archived: it is in the sums of money and tokens, and in nothing else."
    undated = sum(cost.calls for payer, cost in account.costs.items() if not payer.day)
    if account.period is None and undated:
        yield f"{undated:,} calls are of no day: their events name none."


async def _with_caps(log: EventLog, where: Here, account: Account) -> Account:
    """The account with the caps that hold for it. What is in flight is left out: it is not spent yet."""
    session = account.session.number if account.session is not None else 0
    dated = account.period is not None and account.period.name in ("day", "month")
    counted = await where_counted(log, where) if dated else where
    budgets = await budgets_of(log, counted, session=session)
    held = budgets.held([scope for scope in budgets.scopes() if concerns(account, scope)])
    caps = capped(budgets.money.scopes, ((each.scope, each.unit, each.cap) for each in held))
    return msgspec.structs.replace(account, caps=caps)


async def _told(log: EventLog, account: Account) -> tuple[Attempts, list[tuple[str, Reason]]]:
    """The attempts of the tasks that have room, and why those went as they did that have room for that."""
    shown, explained = shown_of(account, TASKS), shown_of(account, WHY)
    attempts: dict[tuple[int, str], list[Attempt]] = {}
    reasons: dict[tuple[int, str], Reason] = {}
    for session in sorted({task.session for task in (*shown, *explained)}):
        story = await read_story(log, session)
        attempts.update((key_of(task), story.attempts.of(task.name)) for task in shown if task.session == session)
        names = {task.name for task in explained if task.session == session and task.name in story.tasks}
        told = [entry for entry in story.entries if entry.task in names or not entry.task]
        few = msgspec.structs.replace(story, entries=told)  # each task looks through all of them
        for name in names:
            reason = why_task(few, name, step=0, told={}, halt=None)
            reasons[session, name] = with_choices(reason, choices_of(story.attempts.of(name)))
    return attempts, [(name_of(task), reasons[key_of(task)]) for task in explained if key_of(task) in reasons]


def choices_of(attempts: Sequence[Attempt]) -> dict[int, ChoiceMade]:
    return dict(choice for attempt in attempts for choice in attempt.choices)


def with_choices(reason: Reason, choices: Mapping[int, ChoiceMade]) -> Reason:
    """The reason with each choice in it explained by its rules, its candidates, and who could not take part."""
    if reason.event in choices and not reason.because:
        return why_choice(reason.event, choices[reason.event])
    return msgspec.structs.replace(reason, because=tuple(with_choices(each, choices) for each in reason.because))
