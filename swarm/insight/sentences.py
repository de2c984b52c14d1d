"""Each event as one sentence, and the event that led to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from events.log import Entry
from events.types.answer import CANONICAL, NEAR, AnswersCleared, AnswerServed, AnswerSuggested
from events.types.base import Unknown
from events.types.call import (
    BudgetMarked,
    BudgetSet,
    CallFailed,
    CallOverran,
    CallReleased,
    CallReserved,
    CallSettled,
    CallUnknown,
)
from events.types.choice import ChoiceMade, ChoiceStopped, TrailsExcluded
from events.types.control import RetryRequested, VerdictRequested
from events.types.model import ModelCooled, ModelRecovered, pause_of
from events.types.session import FileTrusted, SessionClaimed, SessionClosed, SessionOpened, SessionRenewed
from events.types.stage import StageApplied, StageUndone, StageWithdrawn
from events.types.task import (
    AttemptAbandoned,
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
from events.types.tool import (
    ApprovalAsked,
    ApprovalGiven,
    QuestionAnswered,
    QuestionAsked,
    SandboxProbed,
    ToolFinished,
    ToolStarted,
)
from events.types.tree import ChangesApplied, ChangesUndone
from events.types.upkeep import LedgerCarried, LogArchived, TextsPruned
from events.views.verdicts import CHECKS
from swarm.insight.asked import request_said
from swarm.insight.firings import firing_said
from swarm.insight.reason import in_unit, many, usd
from swarm.insight.uses import ended_said, files_said, sandbox_said, used_said


def said(entry: Entry) -> str:
    """What an event says, in one line; its kind where there is no sentence for it."""
    if isinstance(entry.event, Unknown):
        return f"an event of a kind that this program does not know: {entry.kind}"
    return (
        _of_work(entry)
        or _of_tools(entry)
        or _of_calls(entry)
        or _of_stages(entry)
        or _of_ends(entry)
        or _of_approvals(entry)
        or _of_sessions(entry)
        or _of_the_log(entry)
        or firing_said(entry.event)
        or entry.kind
    )


def _of_work(entry: Entry) -> str:
    match entry.event:
        case TaskSubmitted() as event:
            why = f" ({'; '.join(event.factors)})" if event.factors else ""
            team = f"; {'; '.join(event.team)}" if event.team else ""
            return f"the task was submitted: {event.type} work, {event.complexity}{why}{team}"
        case StepPlanned() as event:
            needs = f"; it reads {', '.join(event.needs)}" if event.needs else ""
            unknown = f"; nothing here is called {', '.join(event.unknown)}" if event.unknown else ""
            return f"step {entry.step} of {event.total} was laid out: {event.title}{needs}{unknown}"
        case ChoiceMade() as event:
            return f"{event.agent}@{event.model} was chosen as {event.role}"
        case ChoiceStopped() as event:
            return f"nobody was chosen as {event.role}: one more try is not worth its cost"
        case StepDrafted() as event:
            cut = ", cut at its limit" if event.finish == "length" else ""
            stopped = f"; its use of tools was ended, for {event.stopped}" if event.stopped else ""
            return f"{event.agent}@{event.model} handed in a draft{cut}{stopped}"
        case StepAccepted() as event:
            return f"the draft was accepted{judged_by(event)}" + (f": {event.reason}" if event.reason else "")
        case StepRejected() as event:
            return f"the draft was rejected{judged_by(event)}: {event.reason}"
        case StepAudited() as event:
            return audit_said(event)
        case AttemptAbandoned() as event:
            return f"the {event.role}'s attempt came to nothing: {event.reason}"
        case _:
            return ""


def _of_tools(entry: Entry) -> str:
    match entry.event:
        case ToolStarted() as event:
            rule = f", allowed by the rule: {event.rule}" if event.rule else ""
            return (
                f"{event.tool} was to be used: {event.on}{rule}" if event.on else f"{event.tool} was to be used{rule}"
            )
        case ToolFinished(refused=str(rule)) as event if rule:
            return f"{used_said(event)} was refused: {rule}"
        case ToolFinished() as event:
            return f"{used_said(event)} was used: {ended_said(event, failed=event.failed)}"
        case SandboxProbed() as event:
            return sandbox_said(event)
        case ChangesApplied() as event:
            by = f" by {event.by}" if event.by else ""
            return f"what tools changed was taken over into the user's files{by}: {files_said(event.files)}"
        case ChangesUndone(by=by):
            return f"{by} took back what had been taken over"
        case _:
            return ""


def audit_said(event: StepAudited) -> str:
    """What came of an audit, in one line."""
    what = "what its checks accepted" if event.judge == CHECKS else f"what {event.judge} accepted"
    if event.agrees is None:
        return f"nobody looked again at {what}: {event.reason}"
    found = "agrees" if event.agrees else "had not accepted it"
    score = f", score {event.score:.2f}" if event.score is not None else ""
    return f"{event.auditor} looked again at {what} and {found}{score}" + (f": {event.reason}" if event.reason else "")


def judged_by(event: StepAccepted | StepRejected) -> str:
    """Who judged: a person, a judge with the rule by which it was taken, the checks, or nobody."""
    if event.by:
        return f" by {event.by}"
    if event.judge:
        why = f" ({event.why_judge})" if event.why_judge else ""
        score = f", score {event.score:.2f}" if event.score is not None else ""
        return f" by {event.judge}{why}{score}"
    if isinstance(event, StepAccepted) and event.unjudged:
        return " unjudged: nobody may judge it, only its form was looked at"
    return " by its checks"


def _of_calls(entry: Entry) -> str:
    match entry.event:
        case CallReserved() as event:
            again = f", try {event.nth}" if event.nth > 1 else ""
            beside = f", in one request with those of {event.shared.parts - 1} other tasks" if event.shared else ""
            return f"{event.model} was asked as {event.role}{again}{beside}; {usd(event.cost_nanos)} were reserved"
        case CallSettled() as event if event.is_reconciled:
            how = "from an invoice" if event.basis == "invoice" else "by hand"
            return f"{event.by} settled {how} what the call cost: {usd(event.cost_nanos)}"
        case AnswerServed() as event:
            return given_again(event)
        case CallSettled(has_answer=False) as event:
            return f"the shared request brought nothing for it, and its share was {usd(event.cost_nanos)}"
        case AnswerSuggested() as event:
            return (
                f"the {event.role} was told of the answer that {event.source} accepted, to a question one word apart, "
                f"cosine {event.cosine:.2f}: {event.tokens:,} tokens"
            )
        case CallSettled() as event:
            return f"the answer came: {event.input_tokens:,} tokens in, {event.output_tokens:,} out, {usd(event.cost_nanos)}"
        case CallFailed() as event:
            return f"the call failed and costs nothing: {event.reason}"
        case CallReleased() as event:
            return f"the reservation was given back: {event.reason}"
        case CallUnknown() as event:
            return f"nobody knows whether the call was billed: {event.reason}"
        case CallOverran() as event:
            return f"the provider counted {event.tokens:,} tokens and {usd(event.cost_nanos)} more than was reserved"
        case ModelCooled(tried=True) as event:
            return f"the call finds out whether {event.model} answers again"
        case ModelCooled() as event:
            return f"{event.model} cools down for {pause_of(event, entry.at)}: {event.reason}"
        case ModelRecovered(model=model):
            return f"{model} answers again"
        case BudgetMarked() as event:
            used, cap = in_unit(event.used, event.unit), in_unit(event.cap, event.unit)
            return f"{event.scope} passed {event.percent} % of its cap: {used} of {cap} are spent"
        case BudgetSet() as event:
            caps = [
                in_unit(most, unit)
                for most, unit in ((event.nanos, "nanos"), (event.tokens, "tokens"))
                if most is not None
            ]
            why = f": {event.reason}" if event.reason else ""
            return f"{event.by} gave {event.scope} a cap of {' and '.join(caps)}{why}"
        case _:
            return ""


def _of_stages(entry: Entry) -> str:
    match entry.event:
        case StageApplied() as event:
            what = f"{event.on} ({event.form})" if event.form else event.on or "a text"
            more = {
                "used": "",
                "measured": "; it was only measured",
                "held": "; the task is held back, and was sent the whole",
            }[event.how]
            return f"the stage '{event.stage}' made of {what} {event.after:,} tokens of {event.before:,}{more}"
        case StageUndone() as event:
            return f"the {event.role} asked for what the stage '{event.stage}' left out, and is told all {event.before:,} tokens"
        case StageWithdrawn() as event:
            return f"the stage '{event.stage}' is only measured from now on: fewer tasks were accepted with it"
        case _:
            return ""


def given_again(event: AnswerServed) -> str:
    """Whose answer a call got, why that is one to its question, and what was saved by it."""
    like = {CANONICAL: "the same but for its wording", NEAR: f"the same by its words, cosine {event.cosine:.2f}"}
    tokens = f"{event.saved_input_tokens:,} tokens in, {event.saved_output_tokens:,} out"
    return (
        f"{event.model} was not asked as {event.role}: the question of {event.source} was "
        f"{like.get(event.how, 'the same')}, and its answer holds; saved {tokens}, {usd(event.saved_nanos)}"
    )


def _of_ends(entry: Entry) -> str:
    match entry.event:
        case TaskAccepted() as event:
            wrote = f", {', '.join(output.path for output in event.outputs)} written" if event.outputs else ""
            kept = "; what tools changed beside that is kept" if event.kept else ""
            return f"the task was accepted{wrote}{kept}"
        case TaskFailed(reason=reason):
            return f"the task failed: {reason}"
        case TaskHalted(reason=reason):
            return f"the task was halted: {reason}"
        case TaskCancelled() as event:
            return f"the task was cancelled{f' by {event.by}' if event.by else ''}: {event.reason}"
        case TaskSkipped(reason=reason):
            return f"the task was skipped: {reason}"
        case TaskCleared(condition=condition):
            return f"its condition held: {condition}"
        case TaskExpanded(children=children):
            return f"it is done once for each of {many(len(children), 'item')}"
        case TaskReopened(reason=reason):
            return f"the task was taken up again: {reason}"
        case _:
            return ""


def _of_approvals(entry: Entry) -> str:
    match entry.event:
        case ApprovalAsked() as event:
            return f"{event.tool} waited for a person's word ({event.rule}): {event.question}"
        case ApprovalGiven() as event:
            said = "allowed" if event.allowed else "refused"
            why = f": {event.reason}" if event.reason else ""
            return f"{event.by} {said} it{f' for the {event.remember}' if event.remember else ''}{why}"
        case QuestionAsked() as event:
            return f"the {event.role} asked a person: {event.question}"
        case QuestionAnswered() as event:
            return f"{event.by} answered it"
        case _:
            return ""


def _of_sessions(entry: Entry) -> str:
    match entry.event:
        case SessionOpened() as event:
            how = "forked from" if event.type == "fork" else "going on from"
            fork = f", {how} s{event.parent} at {event.parent_position}" if event.parent else ""
            schedule = f" as a run of the schedule {event.schedule}" if event.schedule else ""
            return f"the session was opened in {event.directory}{schedule}{fork}"
        case SessionClaimed(owner=owner):
            return f"{owner} became the owner of the session"
        case SessionRenewed():
            return "the owner of the session was still there"
        case SessionClosed() as event:
            state = "finished" if event.finished else "with work left"
            return f"the owner let the session go, {state}{f' ({event.reason})' if event.reason else ''}"
        case _:
            return request_said(entry)


def _of_the_log(entry: Entry) -> str:
    match entry.event:
        case FileTrusted() as event:
            what = many(len(event.commands), "command") if event.commands else "what an agent is told"
            return f"a person confirmed {what} of {event.path}"
        case TrailsExcluded() as event:
            whose = f"of {event.model} " if event.model else ""
            again = "count again" if event.lifted else "count for nothing"
            return f"verdicts {whose}of a period {again}, said {event.by}" + (
                f": {event.reason}" if event.reason else ""
            )
        case AnswersCleared() as event:
            return f"{event.by} said that no answer from before is given again" + (
                f": {event.reason}" if event.reason else ""
            )
        case TextsPruned() as event:
            return f"{many(event.texts, 'text')} of sessions that had ended were dropped, {event.size:,} bytes"
        case LogArchived() as event:
            return f"{many(event.events, 'event')} up to {event.position} were cut off into {event.file}"
        case LedgerCarried(position=position):
            return f"the ledger goes on from what was cut off up to {position}"
        case _:
            return ""


Reach = Literal["attempt", "task", "session"]
_VERDICTS = (StepAccepted, StepRejected)
_LEADS: dict[type, tuple[Reach, tuple[type, ...]]] = {
    ChoiceMade: (
        "task",
        (StepRejected, AttemptAbandoned, CallFailed, CallUnknown, StepPlanned, TaskReopened, TaskSubmitted),
    ),
    ChoiceStopped: ("task", (StepRejected, TaskSubmitted)),
    CallReserved: (
        "attempt",
        (ChoiceMade, StepDrafted, StepAccepted, CallFailed, CallUnknown, CallSettled, ToolFinished, StepPlanned),
    ),
    AnswerServed: ("attempt", (StepDrafted, StepAccepted, CallSettled, StepPlanned)),
    ModelCooled: ("attempt", (CallFailed, CallUnknown, ChoiceMade)),
    ModelRecovered: ("attempt", (CallSettled, CallFailed)),
    StepPlanned: ("task", (CallSettled, AnswerServed, AttemptAbandoned, TaskCleared, TaskReopened, TaskSubmitted)),
    ToolStarted: ("attempt", (ApprovalGiven, CallSettled)),
    ApprovalAsked: ("attempt", (CallSettled,)),
    ChangesApplied: ("task", (StepAccepted, TaskAccepted)),
    SandboxProbed: ("session", (SessionClaimed,)),
    StepDrafted: ("attempt", (CallSettled, AnswerServed, ToolFinished)),
    StepAccepted: ("attempt", (CallSettled, AnswerServed, StepDrafted)),
    StepRejected: ("attempt", (CallSettled, AnswerServed, StepDrafted)),
    StepAudited: ("attempt", (CallSettled, StepAccepted)),
    AttemptAbandoned: ("attempt", (CallSettled, AnswerServed, CallFailed, CallUnknown, ChoiceMade)),
    TaskAccepted: ("task", (StepAccepted, TaskSubmitted)),
    TaskFailed: (
        "task",
        (ChoiceStopped, *_VERDICTS, AttemptAbandoned, CallFailed, CallUnknown, StepPlanned, TaskSubmitted),
    ),
    TaskHalted: ("task", (*_VERDICTS, StepDrafted, CallSettled, CallFailed, CallUnknown, StepPlanned, TaskSubmitted)),
    TaskReopened: ("session", (SessionClaimed, VerdictRequested, RetryRequested)),
    TaskSubmitted: ("session", (TaskExpanded, SessionOpened)),
    BudgetMarked: ("session", (CallReserved,)),
    SessionClaimed: ("session", (SessionOpened,)),
    SessionClosed: ("session", (TaskAccepted, TaskFailed, TaskHalted, TaskCancelled, TaskSkipped, SessionClaimed)),
}
"""By the kind of an event: the last event before it of these kinds, in the same place as far as it says, led to it."""

_ENDS = (TaskAccepted, TaskFailed, TaskHalted, TaskCancelled, TaskSkipped)


def led_by(entry: Entry, before: Sequence[Entry], needs: Sequence[str] = ()) -> Entry | None:
    """The event that led to an entry, of those `before` it; None for the first, or where none is known.

    What the event itself names goes first: its cause, its reservation, the request that it answers. `needs` are the tasks
    that its task needs.
    """
    named = entry.cause or next(
        (
            at
            for name in ("reservation", "request", "asked", "applied", "firing")
            if (at := getattr(entry.event, name, 0))
        ),
        0,
    )
    if named:
        return next((each for each in reversed(before) if each.position == named), None)
    if isinstance(entry.event, ToolFinished):
        return _before_use(entry, entry.event, before)
    if isinstance(entry.event, TaskCancelled | TaskSkipped | TaskCleared | TaskExpanded):
        ended = (each for each in reversed(before) if each.task in needs and isinstance(each.event, _ENDS))
        return next(ended, None) or _last(entry, before, "task", (TaskSubmitted,))
    reach, kinds = _LEADS.get(type(entry.event), ("task", ()))
    return _last(entry, before, reach, kinds)


def _before_use(entry: Entry, event: ToolFinished, before: Sequence[Entry]) -> Entry | None:
    """What began the use; where nothing of that is recorded, as of one that only looks: the answer that wanted it."""
    began = (
        each
        for each in reversed(before)
        if isinstance(each.event, ToolStarted | ApprovalAsked)
        and (each.event.ordinal, each.event.role, each.event.branch) == (event.ordinal, event.role, event.branch)
        and _place(each, "attempt") == _place(entry, "attempt")
    )
    asked = next(began, None)
    if asked is not None and isinstance(asked.event, ApprovalAsked):
        words = (
            each for each in before if isinstance(each.event, ApprovalGiven) and each.event.asked == asked.position
        )
        return next(words, asked)
    return asked or _last(entry, before, "attempt", (CallSettled,))


def _last(entry: Entry, before: Sequence[Entry], reach: Reach, kinds: tuple[type, ...]) -> Entry | None:
    place = _place(entry, reach)
    return next(
        (each for each in reversed(before) if isinstance(each.event, kinds) and _place(each, reach) == place), None
    )


def _place(entry: Entry, reach: Reach) -> tuple[object, ...]:
    whole = (entry.session, entry.task, entry.step, entry.attempt)
    return whole[: {"session": 1, "task": 2, "attempt": 4}[reach]]


def chain(entry: Entry, entries: Sequence[Entry], needs_of: dict[str, tuple[str, ...]]) -> list[Entry]:
    """What led to an entry, from the latest to the first, as far as the entries of its session tell."""
    found: list[Entry] = []
    current: Entry | None = entry
    while current is not None:
        index = next((i for i, each in enumerate(entries) if each.position == current.position), len(entries))
        current = led_by(current, entries[:index], needs_of.get(current.task, ()))
        if current is not None:
            found.append(current)
    return found


def led_to(
    entry: Entry, entries: Sequence[Entry], needs_of: dict[str, tuple[str, ...]], *, most: int = 500
) -> list[Entry]:
    """What an entry led to directly, the first first, among the `most` entries of its session that follow it."""
    index = next((i for i, each in enumerate(entries) if each.position == entry.position), len(entries))
    since = entries[index : index + 1 + most]
    found: list[Entry] = []
    for number, each in enumerate(since[1:], 1):
        cause = led_by(each, since[:number], needs_of.get(each.task, ()))
        if cause is not None and cause.position == entry.position:
            found.append(each)
    return found
