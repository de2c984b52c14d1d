"""What a person sees of a run while it runs: a small block on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Literal, Protocol
from unicodedata import east_asian_width

import anyio

from events.log import Entry, session_name
from events.types.answer import AnswerServed
from events.types.any import kind_of
from events.types.call import BudgetMarked, CallFailed, CallOverran, CallReserved, CallUnknown
from events.types.control import TierPinned, TierUnpinned, WorkPaused, WorkUnpaused
from events.types.model import ModelCooled, pause_of
from events.types.task import (
    StepAccepted,
    StepAudited,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskExpanded,
    TaskReopened,
)
from events.types.tool import ApprovalAsked, ApprovalGiven, SandboxProbed, ToolFinished
from events.views.tasks import TaskState, TasksView
from events.views.using import UsingView
from swarm.cli.output import Output, counted
from swarm.cli.streams import write_aside
from swarm.errors import amount, dollars
from swarm.insight.uses import ended_said, sandbox_said, used_said, word_said
from tui.words import PAUSED, status_of, visible

Mode = Literal["auto", "live", "plain", "json", "none"]
MODES: tuple[Mode, ...] = ("auto", "live", "plain", "json", "none")
HEARTBEAT_S = 30.0
FRAME_S = 0.125
MOST_LINES = 6
MOST_ACCEPTED = 20
"""Up to so many tasks each has a last line of its own; of more only those that were not accepted."""

GLYPHS = {"open": "●", "accepted": "✔", "failed": "✘", "halted": "‖", "cancelled": "⊘", "skipped": "⊝"}
STYLES = {"accepted": "green", "failed": "red", "halted": "yellow", "cancelled": "dim", "skipped": "dim"}


class Progress(Protocol):
    """Shows a session's entries as they come; `run` paints until it is cancelled, `close` leaves the screen whole."""

    def recall(self, entries: Sequence[Entry]) -> None:
        """Know what stood in the log before; it is no news."""
        ...

    def observe(self, entries: Sequence[Entry]) -> None: ...

    async def run(self) -> None: ...

    def tell(self, text: str) -> None:
        """Say something beside the display."""
        ...

    def hold(self, held: bool) -> None:
        """Leave the screen alone while a person is asked."""
        ...

    def close(self) -> None: ...


def progress_of(mode: Mode, output: Output) -> Progress:
    """The display that fits: a block where somebody looks at a terminal, plain lines in a pipe or in CI."""
    if mode == "auto":
        can_paint = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        mode = "none" if output.quiet else "live" if can_paint and not output.in_ci else "plain"
    match mode:
        case "live":
            return Live(output)
        case "plain":
            return Plain(output)
        case "json":
            return JsonLines(output)
        case _:
            return Silent(output)


_ABOVE = (
    StepRejected
    | BudgetMarked
    | CallOverran
    | SandboxProbed
    | WorkPaused
    | WorkUnpaused
    | TierPinned
    | TierUnpinned
    | TaskReopened
)
"""What is told in a line of its own above the block, which stays."""


class Silent:
    """Shows nothing but what it is told to say; the displays below do more."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def recall(self, entries: Sequence[Entry]) -> None:
        pass

    def observe(self, entries: Sequence[Entry]) -> None:
        pass

    async def run(self) -> None:
        await anyio.sleep_forever()

    def tell(self, text: str) -> None:
        self._output.note(text)

    def hold(self, held: bool) -> None:
        pass

    def close(self) -> None:
        pass


class Plain(Silent):
    """One line for each change of a task, and a sign of life where nothing changes for long."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._view = TasksView()
        self._said = time.monotonic()

    def recall(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._view.apply(entry)

    def observe(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._view.apply(entry)
            line = change_of(entry)
            if line:
                self._output.note(line)
                self._said = time.monotonic()

    async def run(self) -> None:
        while True:
            await anyio.sleep(HEARTBEAT_S)
            if time.monotonic() - self._said >= HEARTBEAT_S:
                self._output.note(f"… {how_far(self._view)}")


class JsonLines(Silent):
    """The same changes for programs: one JSON object a line, the kind of event and its essential fields."""

    def observe(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.task:
                line = {
                    "position": entry.position,
                    "kind": kind_of(entry.event),
                    "session": f"s{entry.session}",
                    "task": entry.task,
                    "step": entry.step,
                    "attempt": entry.attempt,
                }
                self._output.problem(json.dumps(line))


class Live(Silent):
    """A block of a few lines, painted over at a fixed rate and only when something changed; what it leaves scrolls."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._held = False
        self._view, self._using = TasksView(), UsingView()
        self._lines = 0
        self._dirty = False

    def recall(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._view.apply(entry)

    def observe(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._view.apply(entry)
            self._using.apply(entry)
            if isinstance(entry.event, _ABOVE) or _is_refused(entry):
                self._above(change_of(entry))
        self._dirty = True

    async def run(self) -> None:
        while True:
            await anyio.sleep(FRAME_S)
            if self._dirty and not self._held:
                self._dirty = False
                self.paint()

    def tell(self, text: str) -> None:
        if self._held:
            write_aside("\n")  # the cursor stands behind the question
        self._above(text)
        self._dirty = True

    def hold(self, held: bool) -> None:
        self._erase()
        self._held, self._dirty = held, True

    def close(self) -> None:
        self._erase()
        tasks = self._tasks()
        shown = [task for task in tasks if len(tasks) <= MOST_ACCEPTED or task.status != "accepted"]
        if len(shown) < len(tasks):
            self._output.note(
                f"{GLYPHS['accepted']} {counted(len(tasks) - len(shown), 'task')} accepted", STYLES["accepted"]
            )
        for task in shown:
            self._output.note(f"{status_of(task).glyph} {described(task)}", STYLES.get(task.status, ""))

    def _tasks(self) -> list[TaskState]:
        return [task for session in self._view.tasks.values() for task in session.values()]

    def paint(self) -> None:
        """Draw the block in the place of the one before."""
        tasks = self._tasks()
        running = [task for task in tasks if task.status == "open" and task.role]
        shown = running[: MOST_LINES - 1]
        self._erase()
        for task in shown:
            self._write(f"{status_of(task).glyph} {described(task, self._using.said(task.session, task.name))}")
        more = f", {len(running) - len(shown)} more at work" if len(running) > len(shown) else ""
        self._write(f"  {how_far(self._view)}{more}", "dim")

    def _above(self, line: str) -> None:
        if line:
            self._erase()
            self._output.note(line, "yellow")

    def _write(self, text: str, style: str = "") -> None:
        self._output.note(_on_one_line(text, self._output.width - 1), style)
        self._lines += 1

    def _erase(self) -> None:
        if self._lines:
            # the cursor need not stand at the left: a terminal shows the ^C that was typed
            write_aside(f"\r\x1b[{self._lines}A\x1b[J")
        self._lines = 0


def _is_refused(entry: Entry) -> bool:
    return isinstance(entry.event, ToolFinished) and bool(entry.event.refused)


def _on_one_line(text: str, columns: int) -> str:
    """As much of a text as stands on one line of a terminal, whatever a server called its model."""
    shown, left = "", columns
    for char in visible(text):
        left -= 2 if east_asian_width(char) in "WF" else 1
        if left < 0:
            break
        shown += char
    return shown


def change_of(entry: Entry) -> str:
    """An entry in one line where it is a change that a person wants to know of; else empty."""
    name = entry.task if not entry.step else f"{entry.task}/{entry.step}"
    match entry.event:
        case StepPlanned(title=title, total=total) if total > 1:
            return f"● {name}  planned, step {entry.step} of {total}: {title}"
        case CallReserved(role=role, model=model, nth=nth, follows=follows) if not follows or nth > 1:
            return f"● {name}  {role} on {model}{', another try' if nth > 1 else ''}"
        case AnswerServed(role=role, model=model):
            return f"● {name}  {role} on {model}: answered before, nothing is sent"
        case CallFailed(reason=reason):
            return f"↻ {name}  {reason}"
        case CallUnknown(reason=reason):
            return f"! {name}  maybe paid: {reason}"
        case ModelCooled(model=model, tried=False):
            return f"↻ {name}  {model} cools down for {pause_of(entry.event, entry.at)}"
        case StepDrafted(model=model):
            return f"● {name}  drafted by {model}, attempt {entry.attempt}"
        case StepRejected(reason=reason):
            return f"↻ {name}  attempt {entry.attempt} rejected: {reason}"
        case StepAccepted(unjudged=unjudged, judge=judge, by=by):
            return (
                f"✔ {name}  {'unjudged: only its form was looked at' if unjudged else f'accepted {_by(by or judge)}'}"
            )
        case StepAudited(agrees=bool(agrees), auditor=auditor, reason=reason):
            found = "agrees" if agrees else f"had not accepted it: {reason}"
            return f"{'●' if agrees else '!'} {name}  audited: {auditor} {found}"
        case TaskExpanded(children=children):
            return f"● {name}  to be done for {counted(len(children), 'item')}"
        case BudgetMarked():
            return f"! {marked(entry.event)}"
        case CallOverran():
            return f"! {name}  {overran(entry.event)}"
        case TaskAccepted(outputs=outputs) if outputs:
            return f"✔ {entry.task}  wrote {', '.join(output.path for output in outputs)}"
        case ToolFinished() | ApprovalAsked() | ApprovalGiven() | SandboxProbed():
            return _of_tools(name, entry.event)
        case WorkPaused() | WorkUnpaused() | TierPinned() | TierUnpinned() | TaskReopened():
            return _steered(entry, entry.event)
        case _:
            return _ended(entry)


def _steered(entry: Entry, event: WorkPaused | WorkUnpaused | TierPinned | TierUnpinned | TaskReopened) -> str:
    """What a person said of how it goes on; nothing of what a resume takes up."""
    what = f"{session_name(entry.session)}/{entry.task}" if entry.task else session_name(entry.session)
    match event:
        case WorkPaused(by=by):
            return f"‖ {what}  paused by {by}: what is in flight ends; `swarm unpause {what}` goes on"
        case WorkUnpaused():
            return f"● {what}  goes on"
        case TierPinned(by=by, tier=tier):
            return f"● {what}  first tries go to the tier {tier} now, says {by}"
        case TierUnpinned(by=by):
            return f"● {what}  no longer pinned to a tier, says {by}"
        case TaskReopened(by=by, reason=reason):
            return f"↻ {what}  {reason}" if by else ""


def _of_tools(name: str, event: ToolFinished | ApprovalAsked | ApprovalGiven | SandboxProbed) -> str:
    match event:
        case ToolFinished(refused=rule) if rule:
            return f"! {name}  {used_said(event)} refused: {rule}"
        case ToolFinished(failed=failed):
            return f"● {name}  {used_said(event)}: {ended_said(event, failed=failed)}"
        case ApprovalAsked(question=question):
            return f"? {name}  {question}"
        case ApprovalGiven():
            return f"{'●' if event.allowed else '!'} {name}  {word_said(event)}"
        case SandboxProbed(backend="bubblewrap"):
            return ""  # as it should be
        case SandboxProbed():
            return f"! {sandbox_said(event)}"


def _ended(entry: Entry) -> str:
    kind = kind_of(entry.event)
    if kind in ("task.failed", "task.halted", "task.cancelled", "task.skipped"):
        status = kind.removeprefix("task.")
        return f"{GLYPHS[status]} {entry.task}  {status}: {getattr(entry.event, 'reason', '')}"
    return ""


def marked(event: BudgetMarked) -> str:
    """How much of a cap is spent, in one line."""
    return (
        f"{event.percent} % of the budget of {event.scope} is spent: "
        f"{amount(event.used, event.unit)} of {amount(event.cap, event.unit)}"
    )


def overran(event: CallOverran) -> str:
    """What a provider counted that it had not been allowed, in one line."""
    return (
        f"{event.model or 'the provider'} counted {event.tokens:,} tokens and {dollars(event.cost_nanos)} more than was "
        f"reserved; see `swarm why {event.reservation}`"
    )


def _by(judge: str) -> str:
    return f"by {judge}" if judge else "by its checks"


def described(task: TaskState, using: str = "") -> str:
    """A task in one line: who works on it, using which tool, which attempt, what it has cost."""
    step = task.step
    parts = [task.name]
    if task.status == "open":
        parts.append(f"{task.role or 'waiting'}{f' on {task.model}' if task.model and task.open_calls else ''}")
        if using:
            parts.append(f"▸ {using}")
        if step is not None and step.attempt > 1:
            parts.append(f"attempt {step.attempt}")
    else:
        parts.append(task.status + (" (unjudged)" if task.unjudged else ""))
    if task.tokens:
        parts.append(f"{task.tokens:,} tokens")
    if task.cost_nanos:
        parts.append(dollars(task.cost_nanos))
    if task.maybe_paid:
        parts.append(f"{task.maybe_paid} maybe paid")
    if task.reason:
        parts.append(task.reason)
    return "  ".join(parts)


def how_far(view: TasksView) -> str:
    """How far a run is, in one line, and that it is paused."""
    tasks = [task for session in view.tasks.values() for task in session.values()]
    paused = any(view.whole(session).paused is not None for session in view.tasks)
    return f"{PAUSED.glyph} {PAUSED.word}, {counts(tasks)}" if paused else counts(tasks)


def counts(tasks: Sequence[TaskState]) -> str:
    """How far a run is, in one line."""
    ended = {status: sum(task.status == status for task in tasks) for status in GLYPHS}
    said = [f"{ended['accepted']} of {len(tasks)} accepted"]
    said += [f"{ended[status]} {status}" for status in ("failed", "halted", "cancelled", "skipped") if ended[status]]
    said.append(f"{sum(task.tokens for task in tasks):,} tokens")
    said.append(dollars(sum(task.cost_nanos for task in tasks)))
    return ", ".join(said)
