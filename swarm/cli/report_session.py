"""`swarm report session`: how a session went beside the ones before it, what was accepted, what waits for a person, what to type next."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import Any

import anyio
import msgspec

from events.log import EventLog, session_name, system_clock
from events.views.approvals import ApprovalsView
from events.views.base import fold
from events.views.cost import Cost
from events.views.questions import QuestionsView
from events.views.tasks import TaskState
from swarm.cli.hints import on_log
from swarm.cli.names import find_session
from swarm.cli.page.elements import cut
from swarm.cli.page.tasks import costs_of, key_of, name_of
from swarm.cli.recorded import decimal_usd, recorded, settings_of, utc_text
from swarm.cli.rows import Value, form_of, write_rows
from swarm.cli.sessions import state_of
from swarm.cycle import TAKEN_UP
from swarm.errors import dollars
from swarm.insight.account import Account, account_of_session, rejected_drafts, tokens_of
from swarm.insight.efficiency import Before, Beside, Figures, Unit, beside, figures_of, read_before
from swarm.insight.reason import many
from tui.words import visible

_TEXT = 120  # characters of a title or a reason
_LISTED = 50  # tasks of a table; a program gets all
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


class Waits(msgspec.Struct, frozen=True):
    """What somebody has to say or to do: about what, why, and what is typed for it."""

    name: str
    why: str
    command: str


class SessionReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is told of a session."""

    name: str
    state: str  # "running", "finished", "interrupted", "orphaned"
    account: Account
    figures: Figures
    before: Before
    beside: tuple[Beside, ...]
    waits: tuple[Waits, ...]
    next: tuple[str, ...]  # commands


def run(args: argparse.Namespace, named: str | None) -> int:
    form, log = form_of(args), args.log

    async def read() -> SessionReport:
        async with recorded(settings_of(args).log) as opened:
            return await read_report(opened, await find_session(opened, named), now=system_clock())

    report = anyio.run(read)
    if form:
        write_rows(form, _COLUMNS, _rows(report.account))
    elif args.json:
        args.output.document(SCHEMA, document(report))
    else:
        for line in markdown(report, log=log):
            args.output.line(line)
    return 0


SCHEMA = "swarm.report.session/1"


async def read_report(log: EventLog, session: int, *, now: int) -> SessionReport:
    """Read what a session came to. Raises LogError."""
    account = await account_of_session(log, session)
    state, figures = account.session, figures_of(account)
    before = Before(of="project", sessions=(), figures=())
    if state is not None:
        before = await read_before(log, state)
    waits = tuple(await _waits(log, session, account.tasks))
    return SessionReport(
        name=session_name(session),
        state="" if state is None else state_of(state, now=now),
        account=account,
        figures=figures,
        before=before,
        beside=tuple(beside(figures, before.figures)),
        waits=waits,
        next=tuple(_next(session, account.tasks, waits)),
    )


async def _waits(log: EventLog, session: int, tasks: Sequence[TaskState]) -> list[Waits]:
    approvals = await fold(log, ApprovalsView(), session=session)
    questions = await fold(log, QuestionsView(), session=session)
    found = [
        Waits(each.name, f"a tool waits for your word: {each.event.question}", f"swarm approve {quote(each.name)}")
        for each in approvals.of(session)
    ]
    found += [
        Waits(each.name, f"an agent asks: {each.event.question}", f"swarm answer {quote(each.name)}")
        for each in questions.of(session)
    ]
    for task in tasks:
        name = name_of(task)
        if task.status == "accepted" and task.kept and not task.applied:
            found.append(Waits(name, "what tools changed is not in your files", f"swarm apply {quote(name)}"))
        if task.status == "accepted" and task.unjudged:
            found.append(Waits(name, "accepted but unjudged: only its form was looked at", f"swarm show {quote(name)}"))
        if task.status == "halted":
            found.append(Waits(name, f"halted: {task.reason}", f"swarm why {quote(name)}"))
    return found


def _next(session: int, tasks: Sequence[TaskState], waits: Sequence[Waits]) -> Iterator[str]:
    """What is typed next: what waits first, then what goes on, then what says more."""
    name = session_name(session)
    yield from dict.fromkeys(each.command for each in waits[:3])
    if any(task.status == "open" or task.cause in TAKEN_UP for task in tasks):
        yield f"swarm resume {name}"
    if failed := next((task for task in tasks if task.status == "failed"), None):
        yield f"swarm why {quote(name_of(failed))}"
    yield f"swarm show {name}"
    yield f"swarm report --html {name} --to report.html"


def markdown(report: SessionReport, *, log: str | None) -> Iterator[str]:
    """The report as Markdown. Texts of users and models are escaped, so that they stay texts."""
    account, figures = report.account, report.figures
    state = account.session
    title = f": {_plain(state.title)}" if state is not None and state.title else ""
    yield f"# Session {report.name}{title}"
    yield ""
    code = f", exit code {state.exit_code}" if state is not None and state.exit_code is not None else ""
    maybe = f" ({dollars(figures.maybe_paid_nanos)} of it maybe paid)" if figures.maybe_paid_nanos else ""
    accepted = f"{figures.accepted:,} of {many(figures.tasks, 'task')} accepted"
    took = f"{figures.tokens:,} tokens in {many(figures.calls, 'call')}, {dollars(figures.nanos)}{maybe}"
    yield f"{report.state or 'unknown'}{code}; {accepted}, {took}"
    yield from ("", "## Efficiency", "")
    yield from _efficiency(report)
    yield from ("", "## Tasks", "")
    yield from _tasks(account)
    if report.waits:
        yield from ("", "## Waits for you", "")
        yield from (
            f"- {_plain(each.name)}: {_plain(each.why)} {_typed(each.command, log)}" for each in report.waits[:_LISTED]
        )
        if len(report.waits) > _LISTED:
            yield f"- {len(report.waits) - _LISTED:,} more"
    yield from ("", "## Next", "")
    yield from (f"- {_typed(command, log)}" for command in report.next)


def _efficiency(report: SessionReport) -> Iterator[str]:
    number, of = len(report.before.sessions), report.before.of
    if number:
        first, last = (session_name(report.before.sessions[at]) for at in (0, -1))
        which = f"the last {many(number, 'session')}" if number > 1 else "the last session"
        yield f"Beside the median of {which} of the same {of} before it ({first if number == 1 else f'{first} to {last}'})."
    else:
        yield f"There is no session of the same {of} before it to compare it with."
    yield from ("", f"|  | {report.name} | median before | |", "| --- | ---: | ---: | --- |")
    for each in report.beside:
        word = {True: "better", False: "worse", None: ""}[each.better]
        fewer = f" (of {each.sessions})" if 0 < each.sessions < number else ""
        unit = each.measure.unit
        yield f"| {each.measure.name} | {written(each.now, unit)} | {written(each.median, unit)}{fewer} | {word} |"


def _tasks(account: Account) -> Iterator[str]:
    costs = costs_of(account)
    yield "| task | state | rejected drafts | tokens | money | written |"
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    for task in account.tasks[:_LISTED]:
        cost = costs.get(key_of(task), Cost())
        said = f"{task.status}, unjudged" if task.unjudged else task.status
        reason = f": {_plain(task.reason)}" if task.reason else ""
        written_to = ", ".join(_plain(output.path) for output in task.outputs) if task.status == "accepted" else ""
        sums = f"{rejected_drafts(task):,} | {tokens_of(cost):,} | {dollars(cost.nanos)}"
        yield f"| {_plain(name_of(task))} | {said}{reason} | {sums} | {written_to} |"
    if len(account.tasks) > _LISTED:
        yield f"| {len(account.tasks) - _LISTED:,} more |  |  |  |  |  |"


def written(value: int | None, unit: Unit) -> str:
    """A figure for people; "-" where there is none."""
    if value is None:
        return "-"
    match unit:
        case "nanos":
            return dollars(value)
        case "per mille":
            return f"{value // 10}.{value % 10} %"
        case "tokens" | "calls":
            return f"{value:,}"


def _plain(text: str) -> str:
    """The text on one line with nothing in it that Markdown, HTML or a terminal would act upon."""
    return _MARKDOWN.sub(r"\\\1", visible(cut(text, _TEXT)))


def _typed(command: str, log: str | None) -> str:
    return on_log(f"`{command}`", log)


def document(report: SessionReport) -> dict[str, Any]:
    """Everything as one JSON document; amounts are whole nano-dollars, shares thousandths."""
    account, state = report.account, report.account.session
    return {
        "session": report.name,
        "title": state.title if state is not None else "",
        "state": report.state,
        "exit_code": state.exit_code if state is not None else None,
        "opened": utc_text(state.opened_at) if state is not None else None,
        "closed": utc_text(state.closed_at) if state is not None and state.closed_at else None,
        "figures": {**msgspec.structs.asdict(report.figures), "usd": decimal_usd(report.figures.nanos)},
        "beside": {
            "of": report.before.of,
            "sessions": [session_name(number) for number in report.before.sessions],
            "measures": [
                {
                    "name": each.measure.name,
                    "unit": each.measure.unit,
                    "now": each.now,
                    "median": each.median,
                    "of_sessions": each.sessions,
                    "better": each.better,
                }
                for each in report.beside
            ],
        },
        "tasks": [dict(zip(_COLUMNS, row, strict=True)) for row in _rows(account)],
        "waits": [msgspec.structs.asdict(each) for each in report.waits],
        "next": list(report.next),
    }


_COLUMNS = (
    "task",
    "title",
    "status",
    "unjudged",
    "reason",
    "rejected_drafts",
    "calls",
    "tokens",
    "nanos",
    "usd",
    "outputs",
)


def _rows(account: Account) -> Iterator[Sequence[Value]]:
    costs = costs_of(account)
    for task in account.tasks:
        cost = costs.get(key_of(task), Cost())
        yield (
            name_of(task),
            task.title,
            task.status,
            int(task.unjudged),
            task.reason,
            rejected_drafts(task),
            cost.calls,
            tokens_of(cost),
            cost.nanos,
            decimal_usd(cost.nanos),
            " ".join(output.path for output in task.outputs) if task.status == "accepted" else "",
        )


def text_of(report: SessionReport, form: str, *, log: str | None) -> str:
    """The report as a file of that ending has it: .json a document, any other Markdown."""
    if form == ".json":
        return json.dumps({"schema": SCHEMA, **document(report)}, indent=2) + "\n"
    return "\n".join(markdown(report, log=log)) + "\n"
