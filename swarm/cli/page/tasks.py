"""The sections of a report's page that tell of tasks: the table with their pipelines, why it was so, stages, and waste."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from shlex import quote

from events.log import session_name
from events.types.task import StepAccepted
from events.views.attempts import Attempt
from events.views.cost import Cost
from events.views.tasks import TaskState
from swarm.cli.page.charts import percent
from swarm.cli.page.elements import Child, Column, Element, cut, element, table
from swarm.errors import dollars
from swarm.insight.account import Account, rejected_drafts, summed, tokens_of
from swarm.insight.reason import Reason, many
from swarm.insight.waste import BASIS, Row
from tui.words import status_of

TASKS = 200
"""Rows of the table of tasks; what the others come to is one more."""

WHY = 40
"""Tasks of which it is told why they went as they did."""

_ATTEMPTS = 8  # of a pipeline in the table
_TITLE, _REASON = 80, 200  # characters
_LINES = 60  # of an explanation of one task
_COMMAND = re.compile(r"`([^`\n]*)`")
_HOW = {"used": "used", "measured": "measured alone", "held": "held back"}

Attempts = Mapping[tuple[int, str], Sequence[Attempt]]
"""By session and name of the task."""


def shown_of(account: Account, most: int) -> list[TaskState]:
    """The tasks that have a place: all in their order, or the dearest first where they are too many."""
    if len(account.tasks) <= most:
        return list(account.tasks)
    costs = costs_of(account)
    dearest = sorted(account.tasks, key=lambda task: (*_dearness(costs.get(key_of(task), Cost())), task.session))
    return dearest[:most]


def costs_of(account: Account) -> dict[tuple[int, str], Cost]:
    """What the calls of each task came to in the account, by session and name."""
    found: dict[tuple[int, str], Cost] = {}
    for payer, cost in account.costs.items():
        found.setdefault((payer.session, payer.task), Cost()).add(cost)
    return found


def key_of(task: TaskState) -> tuple[int, str]:
    return task.session, task.name


def name_of(task: TaskState) -> str:
    return f"{session_name(task.session)}/{task.name}"


def tasks(account: Account, attempts: Attempts) -> Iterator[Element]:
    """Each task with its state, its drafts, what it took, and who did what in which attempt."""
    if not account.tasks:
        yield element("p", "No task was done in this time.")
        return
    costs, shown = costs_of(account), shown_of(account, TASKS)
    rows = [_task(task, costs.get(key_of(task), Cost()), attempts.get(key_of(task), ())) for task in shown]
    told, whole = (summed(costs.get(key_of(task), Cost()) for task in some) for some in (shown, account.tasks))
    left = len(account.tasks) - len(shown)
    if left:
        rows.append((f"{left:,} more tasks", "", "", "", *_sums(minus(whole, told)), ""))
    rest = minus(account.total, whole)
    if rest.calls:
        rows.append(("of tasks that are not told here", "", "", "", *_sums(rest), ""))
    rows.append(("total", "", many(len(account.tasks), "task"), "", *_sums(account.total), ""))
    heads = (
        *(Column(name, False) for name in ("Task", "Title", "State")),
        *(Column(name) for name in ("Rejected drafts", "Calls", "Tokens", "Money")),
        Column("Pipeline", False),
    )
    which = f"the {len(shown):,} dearest of {len(account.tasks):,}" if left else f"{len(shown):,}"
    yield table(f"Tasks ({which})", heads, rows, last=True)


def minus(whole: Cost, part: Cost) -> Cost:
    """What is left of sums."""
    return Cost(**{field: getattr(whole, field) - getattr(part, field) for field in whole.__struct_fields__})


def _task(task: TaskState, cost: Cost, attempts: Sequence[Attempt]) -> tuple[Child, ...]:
    status = status_of(task)
    said: list[Child] = [element("span", f"{status.glyph}\u00a0{status.word}", class_=_tone(status.tone))]
    if task.unjudged:
        said.append(" (unjudged)")
    if task.reason:
        said.append(f": {cut(task.reason, _REASON)}")
    return (
        name_of(task),
        cut(task.title, _TITLE),
        element("span", *said),
        f"{rejected_drafts(task):,}",
        *_sums(cost),
        _pipeline(attempts),
    )


def _sums(cost: Cost) -> tuple[str, str, str]:
    return f"{cost.calls:,}", f"{tokens_of(cost):,}", dollars(cost.nanos)


def _dearness(cost: Cost) -> tuple[int, int]:
    return -cost.nanos, -tokens_of(cost)


def _pipeline(attempts: Sequence[Attempt]) -> Child:
    lines = [element("li", *_attempt(each)) for each in attempts[:_ATTEMPTS]]
    if len(attempts) > _ATTEMPTS:
        lines.append(element("li", f"{len(attempts) - _ATTEMPTS:,} more attempts"))
    return element("ol", *lines) if lines else ""


def _attempt(attempt: Attempt) -> Iterator[Child]:
    """Who was called in which role, and what came of it."""
    where = f"step {attempt.step}, attempt {attempt.number}" if attempt.step else f"plan, attempt {attempt.number}"
    called = dict.fromkeys(f"{call.role} {call.agent}@{call.model}" for call in attempt.calls)
    yield f"{where}: {' → '.join(cut(each, _TITLE) for each in called) or 'no call'}"
    last = attempt.verdicts[-1].event if attempt.verdicts else None
    if last is not None:
        accepted = isinstance(last, StepAccepted)
        yield " "
        yield element("span", "✔ accepted" if accepted else "✘ rejected", class_="good" if accepted else "bad")
        if not accepted and last.reason:
            yield f": {cut(last.reason, _TITLE)}"
    elif attempt.abandoned:
        yield " "
        yield element("span", "⊘ abandoned", class_="warn")
        yield f": {cut(attempt.abandoned, _TITLE)}"


def why(reasons: Sequence[tuple[str, Reason]], left: int) -> Iterator[Element]:
    """Why tasks went as they did, and why who was chosen; closed until somebody opens it."""
    for name, reason in reasons:
        lines = _Lines(_LINES)
        inner = _reasons(reason.because, lines)
        summary = element("summary", cut(reason.said, _REASON))
        more = (
            element("p", f"{lines.over:,} more lines: ", _code(f"swarm why {quote(name)}"), class_="note")
            if lines.over
            else None
        )
        yield element("details", summary, inner, more)
    if left:
        yield element("p", f"{left:,} more tasks: ", _code("swarm why ID"), " tells of any of them.", class_="note")


class _Lines:
    """How many lines may still be told, and how many were not."""

    def __init__(self, most: int) -> None:
        self.left, self.over = most, 0

    def take(self) -> bool:
        self.left -= 1
        self.over += self.left < 0
        return self.left >= 0


def _reasons(reasons: Sequence[Reason], lines: _Lines) -> Element | None:
    items: list[Element] = []
    for reason in reasons:
        told, below = lines.take(), None
        if reason.because:
            below = _reasons(reason.because, lines)
        if told:
            said = element("span", cut(reason.said, 2 * _REASON), class_=_tone(reason.tone))
            items.append(element("li", said, below))
    return element("ul", *items, class_="why") if items else None


def said_of(text: str) -> Iterator[Child]:
    """A sentence of ours, in which no word of anybody else stands, with its commands and settings as code."""
    for number, part in enumerate(_COMMAND.split(text)):
        if part:
            yield _code(part) if number % 2 else part


def stages(account: Account) -> Iterator[Element]:
    """What passed each stage, and what requests had less by it."""
    if not account.stages:
        yield element("p", "No text passed a stage.")
        return
    rows = [
        (
            row.stage,
            _HOW[row.how],
            f"{row.texts:,}",
            f"{row.before:,}",
            f"{row.after:,}",
            f"{row.undone:,}",
            f"{row.saved:,}",
            dollars(row.saved_nanos),
        )
        for row in account.stages
    ]
    heads = (
        *(Column(name, False) for name in ("Stage", "How")),
        *(Column(name) for name in ("Texts", "Tokens before", "After", "Told whole", "Saved tokens", "Saved money")),
    )
    yield table("What stages saved, by our own count (an estimate)", heads, rows)


def waste(account: Account) -> Iterator[Element]:
    """What was spent on what came to no accepted result, and what avoids the like of it."""
    said = account.waste
    if not said.rows:
        yield element("p", f"Nothing was wasted of {said.all.count:,} calls.")
        return
    share = percent(said.calls.tokens, said.all.tokens)
    spent = f"{said.calls.tokens:,} of {said.all.tokens:,} tokens ({share}) and {dollars(said.calls.nanos)} of "
    yield element("p", f"{spent}{dollars(said.all.nanos)} went into calls that came to no accepted result.")
    heads = (
        *(Column(name, False) for name in ("What", "Means")),
        *(Column(name) for name in ("Times", "Tokens", "Money")),
        Column("What avoids it", False),
    )
    for caption, part in (("Calls for nothing", False), ("Parts of calls", True)):
        rows = [_wasted(row) for row in said.rows if row.part is part]
        if rows:
            yield table(caption, heads, rows)
    yield element("p", f"{BASIS}.", class_="note")


def _wasted(row: Row) -> tuple[Child, ...]:
    avoid = element("span", *said_of(row.avoid))
    return row.what, row.says, f"{row.count:,}", f"{row.tokens:,}", dollars(row.nanos), avoid


def _code(text: str) -> Element:
    return element("code", text)


def _tone(tone: str) -> str | None:
    return tone if tone in ("good", "bad", "warn", "faint") else None
