"""Why a task, or a whole session, stands where it does: attempts, verdicts, checks, what it waits for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from events.log import session_name
from events.types.task import (
    StepAccepted,
    StepAudited,
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskCleared,
    TaskFailed,
    TaskHalted,
    TaskSkipped,
    TaskSubmitted,
)
from events.views.attempts import Attempt, Call, Verdict
from events.views.steering import Paused
from events.views.tasks import TaskState
from events.views.verdicts import CHECKS, Judged
from swarm.choice.choose import probability
from swarm.insight.judges import known_judge
from swarm.insight.reason import Reason, Tone, many, minute, usd
from swarm.insight.refusals import other_model
from swarm.insight.sentences import audit_said, judged_by
from swarm.insight.story import Story
from swarm.insight.tools import uses_of

_TONES: Mapping[str, Tone] = {
    "accepted": "good",
    "failed": "bad",
    "halted": "warn",
    "cancelled": "faint",
    "skipped": "faint",
}
_ENDS = (TaskAccepted, TaskFailed, TaskHalted, TaskCancelled, TaskSkipped)

Texts = Mapping[int, str | None]
"""What rejected attempts were told, by the position of the rejection; None where it is no longer kept."""


def why_task(story: Story, name: str, *, step: int, told: Texts, halt: Reason | None) -> Reason:
    """Explain how a task, or one step of it, came to where it stands. `halt` explains its halt, where it was halted."""
    task = story.tasks[name]
    attempts = [each for each in story.attempts.of(name) if not step or each.step == step]
    because = [_attempt(each, told) for each in attempts]
    if step:
        stage = task.steps[step - 1].stage
        head = f"{_name(story, name)}/{step} is {stage}"
        return Reason(said=head, facts={"task": name, "step": step, "stage": stage}, because=tuple(because))
    return Reason(
        said=_headline(story, task),
        tone=_TONES.get(task.status, ""),
        event=_end(story, name),
        facts=_facts(task),
        because=(*_before(story, task), *because, *_ending(story, task, halt)),
    )


def why_session(story: Story) -> Reason:
    """Explain a session: how each of its tasks stands, and what its exit code comes from."""
    tasks = tuple(
        Reason(
            said=_headline(story, task), tone=_TONES.get(task.status, ""), event=_end(story, name), facts=_facts(task)
        )
        for name, task in story.tasks.items()
    )
    nanos = sum(task.cost_nanos for task in story.tasks.values())
    calls = sum(task.calls for task in story.tasks.values())
    served = sum(task.served for task in story.tasks.values())
    before = f", and {served:,} more got an earlier answer" if served else ""
    name = session_name(story.number)
    return Reason(
        said=f"{name} {_state(story)}",
        facts={"exit_code": story.session.exit_code if story.session else None, "cost_nanos": nanos, "calls": calls},
        because=(
            *tasks,
            Reason(said=f"it cost {usd(nanos)} in {many(calls, 'call')}{before}; `swarm why {name} --cost` shows each"),
        ),
    )


def _state(story: Story) -> str:
    session = story.session
    if session is None or session.exit_code is None:
        owner = session.claim.owner if session and session.claim else ""
        if owner and (paused := story.view.whole(story.number).paused) is not None:
            return f"is paused by {paused.by} ({minute(paused.since)}): {owner} owns it"
        return f"was not closed{f': {owner} owns it' if owner else ''}"
    ended = {task.status for task in story.tasks.values()} - {"accepted", "skipped"}
    from_ = f", from what is {' and '.join(sorted(ended))}" if ended else ""
    why = f" ({session.reason})" if session.reason else ""
    return f"was closed{why} with exit code {session.exit_code}{from_}"


def _headline(story: Story, task: TaskState) -> str:
    unjudged = ", unjudged: nobody may judge it, only its form was looked at" if task.unjudged else ""
    reason = f": {task.reason}" if task.reason else ""
    return f"{_name(story, task.name)} is {task.status}{unjudged}{reason}"


def _facts(task: TaskState) -> dict[str, object]:
    return {
        "task": task.name,
        "status": task.status,
        "cause": task.cause,
        "reason": task.reason,
        "unjudged": task.unjudged,
        "tokens": task.tokens,
        "cost_nanos": task.cost_nanos,
    }


def _name(story: Story, task: str) -> str:
    return f"{session_name(story.number)}/{task}"


def _end(story: Story, task: str) -> int:
    if story.tasks[task].status == "open":
        return 0
    entry = story.last(_ENDS, task=task)
    return entry.position if entry else 0


def _before(story: Story, task: TaskState) -> Iterator[Reason]:
    """What had to be before it could begin: its needs, its agents, its condition, its items."""
    for need in task.needs:
        other = story.tasks.get(need)
        status = other.status if other else "not there"
        ruled = ", and its condition speaks of that" if need in task.ruled else ""
        yield Reason(
            said=f"it needs {need}, which is {status}{ruled}", tone=_TONES.get(status, ""), facts={"need": need}
        )
    if (entry := story.last((TaskSubmitted,), task=task.name)) and isinstance(entry.event, TaskSubmitted):
        for said in entry.event.team:
            yield Reason(said=f"who took part as {said}", event=entry.position)
    if (pin := story.view.pin_of(task)) is not None and task.status not in ("accepted", "skipped"):
        yield Reason(said=f"{pin.by} pinned its first tries to the tier {pin.tier}", event=pin.at)
    if cleared := story.last((TaskCleared,), task=task.name):
        condition = cleared.event.condition if isinstance(cleared.event, TaskCleared) else ""
        yield Reason(said=f"its condition held: {condition}", event=cleared.position)
    for child in task.children or ():
        if child in story.tasks:
            yield Reason(said=_headline(story, story.tasks[child]), tone=_TONES.get(story.tasks[child].status, ""))


def _ending(story: Story, task: TaskState, halt: Reason | None) -> Iterator[Reason]:
    if halt is not None:
        yield halt
    if task.cause == "no model":
        yield other_model(story)
    if task.status == "open":
        doing = (
            f"its {task.role} is at work"
            if task.open_calls
            else "it waits for its turn, or for who resumes the session"
        )
        paused = story.view.pause_of(task)
        yield Reason(said=doing) if paused is None or task.open_calls else _paused(paused, task)
    for output in task.outputs if task.status == "accepted" else ():
        yield Reason(said=f"it wrote {output.path}", tone="good")


def _paused(paused: Paused, task: TaskState) -> Reason:
    what = f"{session_name(task.session)}/{task.name}" if task.own.paused is paused else session_name(task.session)
    said = f"{paused.by} paused it ({minute(paused.since)}); `swarm unpause {what}` goes on"
    return Reason(said=said, tone="warn", event=paused.at)


def _attempt(attempt: Attempt, told: Texts) -> Reason:
    where = f"step {attempt.step}, attempt {attempt.number}" if attempt.step else f"plan, attempt {attempt.number}"
    last = attempt.verdicts[-1] if attempt.verdicts else None
    parts = [f"drafted by {attempt.drafted_by}"] if attempt.drafted_by else []
    tone: Tone = ""
    if last is not None:
        accepted = isinstance(last.event, StepAccepted)
        tone = "good" if accepted else "bad"
        parts.append(f"{'accepted' if accepted else 'rejected'}{judged_by(last.event)}")
    if attempt.abandoned:
        parts.append(f"abandoned: {attempt.abandoned}")
        tone = "warn"
    return Reason(
        said=f"{where}: {', '.join(parts) or 'nothing was handed in'}",
        tone=tone,
        event=last.position if last else 0,
        facts={"step": attempt.step, "attempt": attempt.number, "drafted_by": attempt.drafted_by},
        because=(
            *_choices(attempt),
            *_lost_calls(attempt),
            *uses_of(attempt),
            *_verdicts(attempt, told),
            *_audits(attempt),
        ),
    )


def _audits(attempt: Attempt) -> Iterator[Reason]:
    for position, audit in attempt.audits:
        yield Reason(said=audit_said(audit), event=position, tone="warn" if audit.agrees is False else "")


def _choices(attempt: Attempt) -> Iterator[Reason]:
    for position, choice in attempt.choices:
        why = f"by the rule: {choice.why}" if choice.why else f"with {100 * probability(choice):.3g} % of the draw"
        yield Reason(
            said=f"{choice.agent}@{choice.model} was chosen as {choice.role} {why} (`swarm why {position}` shows all of it)",
            event=position,
            facts={"model": choice.model, "probability": probability(choice)},
        )


def _lost_calls(attempt: Attempt) -> Iterator[Reason]:
    for call in attempt.calls:
        if call.state in ("failed", "maybe paid"):
            yield Reason(said=_lost(call), tone="warn", event=call.position)


def _lost(call: Call) -> str:
    if call.state == "failed":
        return f"the {call.role}'s call of {call.model} failed: {call.reason}"
    charged = f"{usd(call.cost_nanos)} stay charged"
    return f"the {call.role}'s call of {call.model} was maybe paid, {charged}: {call.reason}"


def _verdicts(attempt: Attempt, told: Texts) -> Iterator[Reason]:
    for verdict in attempt.verdicts:
        yield from why_verdict(verdict, told)


def why_audit(audit: StepAudited, records: Mapping[str, Judged]) -> Iterator[Reason]:
    """What an audit is for, and what those of its judge came to with it."""
    yield Reason(
        said="some accepted results are audited, to know how often their judges are wrong: no task and no trail moves"
    )
    known = known_judge(audit.judge, records.get(audit.judge, Judged()))
    judge = "the checks" if audit.judge == CHECKS else audit.judge
    yield Reason(
        said=f"of {many(known.accepted, 'draft')} that {judge} had accepted by then {known.audited} came to be audited, and "
        f"{known.wrong} would not have been accepted; of wrong work {100 * known.accepts_wrong:.0f} % is taken to be accepted",
        facts={"audited": known.audited, "wrong": known.wrong, "accepts_wrong": round(known.accepts_wrong, 6)},
    )


def why_verdict(verdict: Verdict, told: Texts) -> Iterator[Reason]:
    """What a verdict rests on: each check, the judge's words, and what the next attempt was told."""
    event = verdict.event
    for check in event.checks:
        optional = "" if check.required else " (not required)"
        detail = f": {check.detail}" if check.detail else ""
        yield Reason(
            said=f"the check {check.name!r} {'passed' if check.passed else 'did not pass'}{optional}{detail}",
            tone="good" if check.passed else "bad" if check.required else "warn",
            event=verdict.position,
            facts={"check": check.name, "passed": check.passed, "required": check.required, "detail": check.detail},
        )
    if event.reason and (event.judge or event.by):
        yield Reason(said=f"{event.by or event.judge}: {event.reason}", event=verdict.position)
    if isinstance(event, StepRejected) and verdict.position in told:
        text = told[verdict.position]
        yield Reason(
            said="the next attempt was told"
            if text is not None
            else "what the next attempt was told is no longer kept",
            event=verdict.position,
            text=text,
        )
