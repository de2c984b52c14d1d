"""Tasks and their steps: where each stands, who works on it, what it has cost."""

from __future__ import annotations

from typing import Literal

import msgspec

from events.log import Entry
from events.types.answer import AnswerServed
from events.types.base import TextRef
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import FREE_TIERS, ChoiceMade
from events.types.control import TierPinned, TierUnpinned, WorkPaused, WorkUnpaused
from events.types.task import (
    AttemptAbandoned,
    OutputFile,
    StepAccepted,
    StepAudited,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskCleared,
    TaskExpanded,
    TaskFailed,
    TaskHalted,
    TaskReopened,
    TaskSkipped,
    TaskSubmitted,
)
from events.types.tree import ChangesApplied, ChangesUndone, FileChange
from events.views.calls import OpenCall, open_call
from events.views.steering import NOTHING_SAID, Paused, Pin, Steered
from events.views.verdicts import judge_of

Status = Literal["open", "accepted", "failed", "halted", "cancelled", "skipped"]
Stage = Literal["planned", "drafted", "rejected", "accepted"]


NOTHING_CAME = ("no draft", "no verdict")
"""Causes of an end by which an attempt is over that came to nothing: another one begins with a record of its own."""


class Place(msgspec.Struct, frozen=True):
    """A text and the position of the event that refers to it: what is needed to read it."""

    ref: TextRef
    at: int

    @property
    def lasting(self) -> TextRef:
        """The reference as an event of a later append writes it."""
        return TextRef(self.ref.digest, self.ref.place or self.at)


class StepState(msgspec.Struct, kw_only=True):
    number: int
    title: str
    stage: Stage = "planned"
    instruction: Place | None = None  # None: the task's own prompt
    approach: Place | None = None
    needs: tuple[str, ...] = ()  # of what the task reads, as its plan names it; (): all of it
    attempt: int = 1  # the attempt that is under way, or was the last
    lost: int = 0  # attempts that ended without a draft, for their record was not to be gone on from
    draft: Place | None = None
    drafted: int = 0  # the attempt whose draft that is
    finish: str = ""
    limit: int = 0  # tokens at which its draft was cut
    stopped: str = ""  # why the use of tools was ended for it
    files: tuple[FileChange, ...] = ()  # what its draft changed of the project, and the steps before it
    agent: str = ""  # whose draft it is
    model: str = ""
    tier: str = ""
    feedback: Place | None = None  # of the last rejection
    fails: dict[str, int] = {}  # agent@model -> drafts of it that were rejected
    draws: dict[str, float] = {}  # agent@model -> its share of accepted work, as it was drawn for the step
    unjudged: bool = False
    judged_at: int = 0  # when its last draft was accepted or rejected; 0 = nobody judged it
    judge: str = ""  # the model that did, or "checks"; empty: a person, or nobody
    audit: int = 0  # position of its acceptance where that is to be audited and is not yet; 0 = it is not

    @property
    def tried(self) -> int:
        """Which of the attempts that are allowed it is at."""
        return self.attempt - self.lost


class TaskState(msgspec.Struct, kw_only=True):
    session: int
    name: str
    title: str
    spec: Place
    type: str
    complexity: str
    explore: bool
    needs: tuple[str, ...]
    attempts: int
    outputs: tuple[OutputFile, ...]
    decisions: int
    submitted_at: int
    gated: bool = False  # whether it is to be done, or for which items, is not seen yet
    ruled: tuple[str, ...] = ()  # needs that its condition speaks of
    parent: str = ""
    answer_tokens: int = 0  # what a draft's answer may have at first
    children: tuple[str, ...] | None = None  # the tasks that do its items; None: it is done itself
    status: Status = "open"
    total: int = 0  # steps of its plan; 0 = not planned yet
    steps: list[StepState] = []
    explorations: int = 0  # attempts to plan it that were abandoned
    abandoned: str = ""  # why the last attempt at its present work ended without a result
    abandoned_role: str = ""
    role: str = ""  # what is under way, or was the last
    model: str = ""
    tier: str = ""
    calls: int = 0  # sent, failed ones included
    open_calls: int = 0
    maybe_paid: int = 0  # calls of which nobody knows whether they were billed
    served: int = 0  # calls that got the answer of an earlier one
    tokens: int = 0  # as counted against token caps
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0  # settled, and the reservations of what may have been paid
    billed: dict[str, int] = {}  # by tier the calls that were settled, and those that may have been paid
    ended_at: int = 0
    result: Place | None = None
    unjudged: bool = False
    reason: str = ""
    cause: str = ""
    escalations: int = 0  # drafts of a paid model after work of others was rejected
    pressure: float = 1.0  # what prices were multiplied by in its last choice
    handover: Place | None = None  # of the task of an earlier session, from which it goes on
    summary: Place | None = None  # the hand-over of its last halt
    summary_by: str = ""  # agent@model that wrote it; empty: it is folded from the log
    halts: int = 0
    kept: bool = False  # it is accepted, and what tools changed waits for a person
    applied: int = 0  # position where that was taken over into the user's tree; 0: it is not there
    taken_over: tuple[int, ...] = ()  # that position behind those of drafts before, which were rejected after it
    taken_up: bool = False  # since its last halt, and nothing was handed in since
    conditional: bool = (
        False  # it came with a condition, or to be done for items: a reopening after it was skipped looks again
    )
    retried: int = 0  # position where a person had it tried again; 0: nobody had
    own: Steered = NOTHING_SAID  # what persons said of it alone

    @property
    def told(self) -> Place | None:
        """The hand-over that its roles are told: that of its last halt until something is handed in, else where it came from."""
        return self.summary if self.taken_up and self.summary is not None else self.handover

    @property
    def files(self) -> tuple[FileChange, ...]:
        """What tools changed of the project up to its last accepted step."""
        accepted = [step for step in self.steps if step.stage == "accepted"]
        return accepted[-1].files if accepted else ()

    @property
    def was_free(self) -> bool:
        """Whether nothing was paid for it, and no call of a tier that is paid was billed."""
        return not self.cost_nanos and all(tier in FREE_TIERS for tier in self.billed)

    @property
    def step(self) -> StepState | None:
        """The step that is to be worked on: the first that is not accepted."""
        return next((step for step in self.steps if step.stage != "accepted"), None)


def own_changes(state: TaskState) -> tuple[FileChange, ...]:
    """What tools changed for a task beside its outputs, which are delivered by themselves."""
    outputs = {output.path for output in state.outputs}
    return tuple(change for change in state.files if change.path not in outputs)


class TasksView(msgspec.Struct):
    """All tasks by session and name, in the order in which they were submitted; and what persons said of whole sessions."""

    tasks: dict[int, dict[str, TaskState]] = {}
    steered: dict[int, Steered] = {}  # of sessions as a whole
    _reserved: dict[int, OpenCall] = {}  # open calls by their reservation's position
    _unknown: dict[int, OpenCall] = {}

    def of(self, session: int) -> dict[str, TaskState]:
        return self.tasks.get(session, {})

    def calls(self, session: int) -> list[OpenCall]:
        """The calls of a session's tasks that have not ended, in the order in which they were sent."""
        return [call for call in self._reserved.values() if call.session == session]

    def whole(self, session: int) -> Steered:
        """What persons said of a whole session."""
        return self.steered.get(session, NOTHING_SAID)

    def pause_of(self, task: TaskState) -> Paused | None:
        """Why nothing of the task begins: its session is paused, it is itself, or the task of which it does an item."""
        return next((each.paused for each in self._over(task) if each.paused is not None), None)

    def pin_of(self, task: TaskState) -> Pin | None:
        """The tier that is to have first tries at the task: the nearest word counts, its own, its parent's, its session's."""
        return next((each.pin for each in reversed(self._over(task)) if each.pin is not None), None)

    def _over(self, task: TaskState) -> list[Steered]:
        """What was said of its session, of the task of which it does an item, and of itself."""
        parent = self.of(task.session).get(task.parent)
        return [self.whole(task.session), *([parent.own] if parent is not None else []), task.own]

    def apply(self, entry: Entry) -> None:
        if isinstance(entry.event, TaskSubmitted):
            self._submit(entry, entry.event)
            return
        if not entry.task:
            if isinstance(entry.event, WorkPaused | WorkUnpaused | TierPinned | TierUnpinned):
                self.steered[entry.session] = self.whole(entry.session).after(entry)
            return
        task = self.of(entry.session).get(entry.task)
        if task is None:
            return
        match entry.event:
            case CallReserved() | CallSettled() | CallFailed() | CallReleased() | CallUnknown():
                self._count(task, entry)
            case ChoiceMade() as choice:
                _chosen(task, entry, choice)
            case AnswerServed() as served:
                task.role, task.model, task.tier = served.role, served.model, served.tier
                task.served += 1
            case _:
                advance(task, entry)

    def _submit(self, entry: Entry, event: TaskSubmitted) -> None:
        """Take a task in. One that keeps what was inherited is known only where that was folded before, as all that is inherited."""
        tasks = self.tasks.setdefault(entry.session, {})
        if not event.keeps:
            tasks[entry.task] = _submitted(entry, event)
        elif entry.task in tasks:
            tasks[entry.task] = _kept(tasks[entry.task], entry, event)

    def _count(self, task: TaskState, entry: Entry) -> None:
        match entry.event:
            case CallReserved() as call:
                task.role, task.model, task.tier = call.role, call.model, call.tier
                task.calls += 1
                task.open_calls += 1
                self._reserved[entry.position] = open_call(entry, call)
            case CallSettled() as call if (ended := self._end(task, call.reservation)) is not None:
                task.tokens += call.tokens
                task.input_tokens += call.input_tokens
                task.output_tokens += call.output_tokens
                task.cost_nanos += call.cost_nanos
                task.billed[ended.tier] = task.billed.get(ended.tier, 0) + 1
            case CallFailed(reservation=reservation) | CallReleased(reservation=reservation):
                self._end(task, reservation)
            case CallUnknown(reservation=reservation) if reservation in self._reserved:
                held = self._unknown[reservation] = self._reserved.pop(reservation)
                task.open_calls -= 1
                task.maybe_paid += 1
                task.tokens += held.tokens
                task.cost_nanos += held.cost_nanos
                task.billed[held.tier] = task.billed.get(held.tier, 0) + 1
            case _:
                pass

    def _end(self, task: TaskState, reservation: int) -> OpenCall | None:
        """End a call, and correct one that nobody knew about. None where it had ended before."""
        if (held := self._reserved.pop(reservation, None)) is not None:
            task.open_calls -= 1
            return held
        doubtful = self._unknown.pop(reservation, None)
        if doubtful is None:
            return None
        task.maybe_paid -= 1
        task.tokens -= doubtful.tokens
        task.cost_nanos -= doubtful.cost_nanos
        task.billed[doubtful.tier] -= 1
        if not task.billed[doubtful.tier]:
            del task.billed[doubtful.tier]
        return doubtful


def _chosen(task: TaskState, entry: Entry, choice: ChoiceMade) -> None:
    task.role, task.model, task.tier = choice.role, choice.model, choice.tier
    task.pressure = choice.pressure or 1.0
    if choice.role == "worker" and 0 < entry.step <= len(task.steps):
        drawn = {each.arm: each.draw for each in choice.candidates if each.draw}
        task.steps[entry.step - 1].draws.update(drawn)


def advance(task: TaskState, entry: Entry) -> None:
    """Fold one of the task's own events into its state. What is not about its progress is passed over."""
    match entry.event:
        case StepPlanned() as plan:
            _planned(task, entry, plan)
        case StepDrafted() as drafted:
            step = task.steps[entry.step - 1]
            step.stage, step.attempt, step.finish = "drafted", entry.attempt, drafted.finish
            step.drafted = entry.attempt
            step.limit, step.stopped, step.files = drafted.limit, drafted.stopped, drafted.files
            step.draft = Place(drafted.draft, entry.position)
            step.agent, step.model, step.tier = drafted.agent, drafted.model, drafted.tier
            others_failed = any(arm != f"{step.agent}@{step.model}" for arm in step.fails)
            task.escalations += others_failed and step.tier not in FREE_TIERS
            task.abandoned = ""
            task.taken_up = False
            task.role = "validator"
        case StepAccepted(unjudged=unjudged, audit=audit) as event:
            step = task.steps[entry.step - 1]
            step.stage, step.unjudged, step.attempt = "accepted", unjudged, entry.attempt
            step.judged_at = 0 if unjudged else entry.at
            step.judge, step.audit = judge_of(event), entry.position if audit else 0
            task.abandoned = ""
        case StepAudited():
            task.steps[entry.step - 1].audit = 0
        case StepRejected(feedback=feedback, by=by) as event:
            step = task.steps[entry.step - 1]
            step.judge, step.audit = judge_of(event), 0
            step.stage, step.feedback, step.judged_at = "rejected", Place(feedback, entry.position), entry.at
            arm = f"{step.agent}@{step.model}"
            step.fails[arm] = step.fails.get(arm, 0) + 1
            step.attempt = entry.attempt + 1
            task.attempts += bool(by)
            task.abandoned = ""
        case AttemptAbandoned() as event:
            _abandoned(task, entry, event)
        case TaskReopened() as event:
            _reopened(task, entry, event)
        case ChangesApplied():
            task.applied = entry.position
            task.taken_over = (*task.taken_over, entry.position)
        case ChangesUndone():
            task.applied, task.taken_over = 0, ()
        case TaskCleared():
            task.gated = False
        case WorkPaused() | WorkUnpaused() | TierPinned() | TierUnpinned():
            task.own = task.own.after(entry)
        case TaskExpanded(children=children):
            task.gated, task.children = False, children
        case _:
            _ended(task, entry)


def _abandoned(task: TaskState, entry: Entry, event: AttemptAbandoned) -> None:
    if event.again:
        step = task.steps[entry.step - 1]
        step.attempt, step.lost = entry.attempt + 1, step.lost + 1
        return
    task.abandoned, task.abandoned_role = event.reason, event.role
    task.explorations += event.role == "explorer"


def _reopened(task: TaskState, entry: Entry, event: TaskReopened) -> None:
    if event.by:
        task.retried = entry.position
    if event.attempts:
        task.attempts += event.attempts
        if task.cause in NOTHING_CAME:
            _begin_anew(task)
    if task.status == "skipped":
        task.gated = task.conditional
    task.taken_up = task.status == "halted"
    task.status, task.reason, task.cause, task.ended_at, task.abandoned = "open", "", "", 0, ""
    task.result = None


def _begin_anew(task: TaskState) -> None:
    """Give its open work an attempt of its own: what the last one recorded would only be given back."""
    step = task.step
    if step is None:
        task.explorations += not task.total
    else:
        step.attempt += 1
        step.stage = "planned" if step.stage == "drafted" else step.stage


def _planned(task: TaskState, entry: Entry, plan: StepPlanned) -> None:
    task.total = plan.total
    task.abandoned = ""
    task.taken_up = False
    instruction = Place(plan.instruction, entry.position) if plan.instruction else None
    approach = Place(plan.approach, entry.position) if plan.approach else None
    step = StepState(number=entry.step, title=plan.title, instruction=instruction, approach=approach, needs=plan.needs)
    task.steps.append(step)
    task.role = "worker"


def _ended(task: TaskState, entry: Entry) -> None:
    match entry.event:
        case TaskAccepted(result=result, unjudged=unjudged, kept=kept):
            task.status, task.result, task.unjudged = "accepted", Place(result, entry.position), unjudged
            task.kept = kept
        case TaskFailed(reason=reason, cause=cause):
            task.status, task.reason, task.cause = "failed", reason, cause
        case TaskHalted(reason=reason, cause=cause, summary=summary, summary_by=by):
            task.status, task.reason, task.cause = "halted", reason, cause
            task.halts += 1
            task.summary, task.summary_by = Place(summary, entry.position) if summary else None, by
        case TaskCancelled(reason=reason, by=by):
            task.status, task.reason, task.cause = "cancelled", reason, "person" if by else ""
        case TaskSkipped(reason=reason, by=by):
            task.status, task.reason, task.gated, task.result = "skipped", reason, False, None
            task.cause = "person" if by else ""
        case _:
            return
    task.ended_at = entry.at


def _kept(task: TaskState, entry: Entry, event: TaskSubmitted) -> TaskState:
    """A task that was submitted again as the same work: what was done of it stays, what it says of its bounds holds."""
    anew = _submitted(entry, event)
    return msgspec.structs.replace(
        task,
        spec=anew.spec,
        title=anew.title,
        attempts=anew.attempts,
        outputs=anew.outputs,
        decisions=anew.decisions,
        answer_tokens=anew.answer_tokens,
    )


def _submitted(entry: Entry, event: TaskSubmitted) -> TaskState:
    return TaskState(
        session=entry.session,
        name=entry.task,
        title=event.title,
        spec=Place(event.spec, entry.position),
        type=event.type,
        complexity=event.complexity,
        explore=event.explore,
        needs=event.needs,
        attempts=event.attempts,
        outputs=event.outputs,
        decisions=event.decisions,
        submitted_at=entry.at,
        gated=event.gated,
        conditional=event.gated,
        ruled=event.ruled,
        parent=event.parent,
        answer_tokens=event.answer_tokens,
        handover=Place(event.handover, entry.position) if event.handover else None,
    )
