"""`swarm ps`: the sessions of the log, newest first."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.bus import read_all
from events.lineage import fold_session
from events.log import EventLog, session_name, system_clock
from events.views.approvals import ApprovalsView
from events.views.base import fold
from events.views.questions import QuestionsView
from events.views.sessions import SessionState, SessionsView
from events.views.standing import standing
from events.views.steering import Paused
from events.views.tasks import TaskState, TasksView
from swarm import alive
from swarm.cli.names import NO_SESSION
from swarm.cli.recorded import NothingRecorded, decimal_usd, recorded, settings_of, utc_text
from swarm.cli.sessions import STYLES, State, state_of
from swarm.errors import dollars

if TYPE_CHECKING:
    from events.log import Entry
    from swarm.cli.output import Cell, Output

SHOWN = 10  # sessions without --all; running ones are shown in any case
_MARKS = {
    "accepted": "✔",
    "failed": "✘",
    "halted": "‖",
    "cancelled": "⊘",
    "skipped": "⊝",
    "running": "●",
    "waiting": "○",
}
_LONGEST_TITLE = 40


class Listed(msgspec.Struct, frozen=True):
    """A session, the state it is in, and its tasks."""

    session: SessionState
    state: State
    tasks: tuple[TaskState, ...]
    asks: int = 0  # uses of tools that wait for a person's word, and questions of agents
    paused: Paused | None = None

    @property
    def is_paused(self) -> bool:
        """Whether somebody runs it and nothing of it begins."""
        return self.state == "running" and self.paused is not None

    @property
    def counts(self) -> Counter[str]:
        """How many tasks are accepted, failed, halted, cancelled, running or waiting."""
        return Counter(_progress(task) for task in self.tasks)


class _Both(msgspec.Struct):
    sessions: SessionsView
    tasks: TasksView
    approvals: ApprovalsView
    questions: QuestionsView

    def apply(self, entry: Entry) -> None:
        self.sessions.apply(entry)
        self.tasks.apply(entry)
        self.approvals.apply(entry)
        self.questions.apply(entry)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-a", "--all", action="store_true", help=f"all sessions, not only the {SHOWN} newest")


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    try:
        shown, left_out = anyio.run(_list, settings_of(args).log, None if args.all else SHOWN)
        if not shown:
            output.note(NO_SESSION)
    except NothingRecorded as nothing:
        if args.log:
            raise  # who names a log means one that is there
        output.note(str(nothing))
        shown, left_out = [], 0
    if output.json:
        output.document("swarm.ps/1", {"sessions": [session_document(one) for one in shown], "left_out": left_out})
        return 0
    if shown:
        _table(shown, output, now=system_clock())
    if left_out:
        output.note(f"{left_out} older ones are not shown; see `swarm ps --all`")
    return 0


async def _list(url: str, most: int | None) -> tuple[list[Listed], int]:
    async with recorded(url) as log:
        return await listed(log, most, now=system_clock())


async def listed(log: EventLog, most: int | None, *, now: int) -> tuple[list[Listed], int]:
    """The newest sessions of the log and all that run, the newest first; and how many others there are. None: all."""
    numbers = [entry.session async for page in read_all(log, topic="sessions") for entry in page]
    both = _Both(SessionsView(), TasksView(), ApprovalsView(), QuestionsView())
    if most is None or len(numbers) <= most:
        both = await fold(log, both)
    else:  # a long log is not read for the sake of a few
        owned = (await standing(log)).view.claims.claims
        running = {number for number, claim in owned.items() if alive.exists(claim, now)}
        for number in {*numbers[-most:], *running}:
            await fold(log, both, session=number)
    found = sorted(both.sessions.sessions.values(), key=lambda session: -session.number)
    for one in found:
        if one.parent:
            both.tasks.tasks.update((await fold_session(log, TasksView(), one.number)).tasks)
    shown = [
        Listed(
            one,
            state_of(one, now=now),
            tuple(both.tasks.of(one.number).values()),
            len(both.approvals.of(one.number)) + len(both.questions.of(one.number)),
            both.tasks.whole(one.number).paused,
        )
        for one in found
    ]
    return shown, max(0, len(numbers) - len(shown))


def _progress(task: TaskState) -> str:
    from tui.words import status_of

    word = status_of(task).word
    return {"retrying": "running", "paused": "waiting"}.get(word, word)


def _table(shown: Sequence[Listed], output: Output, *, now: int) -> None:
    from tui.words import count, cut, span

    header = ("SESSION", "STATE", "TYPE", "TASKS", "TOKENS", "COST", "AGE", "TITLE")
    rows: list[list[Cell]] = []
    for one in shown:
        tasks = " ".join(f"{mark}{one.counts[kind]}" for kind, mark in _MARKS.items() if one.counts[kind])
        rows.append(
            [
                session_name(one.session.number),
                _state_cell(one),
                one.session.type,
                tasks,
                count(sum(task.tokens for task in one.tasks)),
                dollars(sum(task.cost_nanos for task in one.tasks)),
                span(now - one.session.opened_at),
                cut(one.session.title, _LONGEST_TITLE),
            ]
        )
    output.table(header, rows)


def _state_cell(one: Listed) -> Cell:
    state = "paused" if one.is_paused else one.state
    return (f"{state}, asks" if one.asks else state, "yellow" if one.asks or one.is_paused else STYLES[one.state])


def session_document(one: Listed) -> dict[str, Any]:
    """What `--json` says of a session."""
    nanos = sum(task.cost_nanos for task in one.tasks)
    return {
        "session": session_name(one.session.number),
        "number": one.session.number,
        "title": one.session.title,
        "type": one.session.type,
        "state": one.state,
        "asks": one.asks,
        "paused": one.is_paused,
        "directory": one.session.directory,
        "owner": one.session.claim.owner if one.session.claim else None,
        "opened": utc_text(one.session.opened_at),
        "closed": utc_text(one.session.closed_at) if one.session.closed_at else None,
        "exit_code": one.session.exit_code,
        "tasks": {kind: one.counts[kind] for kind in _MARKS},
        "tokens": sum(task.tokens for task in one.tasks),
        "maybe_paid": sum(task.maybe_paid for task in one.tasks),
        "cost_nanos": nanos,
        "cost_usd": decimal_usd(nanos),
    }
