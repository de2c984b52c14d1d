"""Explains from the log alone: a session, a task, a step, what they cost, or any one event with what led to it."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog, session_name
from events.types.call import BudgetMarked, CallOverran, CallReserved
from events.types.choice import Choice, ChoiceMade, ChoiceStopped
from events.types.task import StepAccepted, StepAudited, StepDrafted, StepRejected, TaskFailed, TaskHalted
from events.types.tool import ApprovalAsked, ToolFinished, ToolStarted
from events.views.attempts import Use, Verdict
from events.views.base import fold
from events.views.scope import ScopeView
from events.views.standing import standing
from swarm.errors import UsageError
from swarm.insight.choices import why_choice, why_stopped
from swarm.insight.costs import why_call, why_cost
from swarm.insight.reason import Reason, minute
from swarm.insight.refusals import failed_calls, other_model, refusal_of, users, why_halted
from swarm.insight.rows import read_prices
from swarm.insight.sentences import chain, led_to, said
from swarm.insight.story import CallEnd, Story, read_story, text_or_none
from swarm.insight.tasks import Texts, why_audit, why_session, why_task, why_verdict
from swarm.insight.tools import why_ended, why_use


class NoSuchEvent(UsageError):
    """The log has no event at that position."""

    def __init__(self, position: int, *, head: int) -> None:
        there = "it is not kept in this file any more"
        if position > head:
            there = f"its last one is {head}"
        elif position < 1:
            there = "its first one is 1"
        super().__init__(f"there is no event {position} in this log: {there}; `swarm log` prints them")


async def explain(log: EventLog, session: int, *, task: str = "", step: int = 0) -> Reason:
    """Explain how a session, a task of it, or a step stands."""
    return await explained(log, await read_story(log, session), task=task, step=step)


async def explained(log: EventLog, story: Story, *, task: str = "", step: int = 0) -> Reason:
    """As `explain`, of a session that is read already, perhaps not to its end."""
    if not task:
        return why_session(story)
    end = story.last((TaskHalted, TaskFailed), task=task)
    refused = refusal_of(end.event) if end is not None and story.tasks[task].status in ("halted", "failed") else None
    halt = await _halt(log, end, refused, story) if end is not None and refused is not None and not step else None
    return why_task(story, task, step=step, told=await _told(log, story, task), halt=halt)


async def explain_cost(log: EventLog, session: int, *, task: str = "") -> Reason:
    """Explain what a session, or one task of it, cost."""
    story = await read_story(log, session)
    return why_cost(story, await read_prices(log, story), task=task)


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """An event among the others: why it is there, and what it led to."""

    reason: Reason
    cause: Entry | None = None  # what led to it
    led_to: tuple[Entry, ...] = ()


async def explain_event(log: EventLog, position: int) -> Reason:
    """Explain one event, with what led to it. Raises NoSuchEvent."""
    return (await explain_around(log, position)).reason


async def explain_around(log: EventLog, position: int, *, until: int | None = None) -> Around:
    """The same with what it led to, from what stands in the log up to a position. Raises NoSuchEvent."""
    found = await log.read(after=position - 1, limit=1) if position > 0 else []
    if not found or found[0].position != position:
        raise NoSuchEvent(position, head=(await log.head()).position)
    entry = found[0]
    story = await read_story(log, entry.session, until=until) if entry.session else None
    if story is None or story.session is None:
        return Around(reason=Reason(said=said(entry), event=position, facts=_place(entry)))
    reason = await _of_event(log, entry, story)
    needs = {name: task.needs for name, task in story.tasks.items()}
    before = chain(entry, story.entries, needs)
    told = tuple(Reason(said=f"{_where(each)}{said(each)}", event=each.position, tone="faint") for each in before)
    led = (Reason(said="what led to it, from the latest to the first", because=told),) if told else ()
    whole = Reason(
        said=f"{_where(entry)}{reason.said}",
        tone=reason.tone,
        event=position,
        facts={**_place(entry), **reason.facts},
        because=(*reason.because, *led),
    )
    after = led_to(entry, story.entries, needs)
    return Around(reason=whole, cause=before[0] if before else None, led_to=tuple(after))


async def _of_event(log: EventLog, entry: Entry, story: Story) -> Reason:
    match entry.event:
        case ChoiceMade() as choice:
            return _with_words(why_choice(entry.position, choice), choice, story)
        case ChoiceStopped() as stopped:
            return _with_words(why_stopped(entry.position, stopped), stopped, story)
        case CallReserved():
            return await _call(log, entry, story)
        case StepAccepted() | StepRejected():
            told = await _told(log, story, entry.task)
            because = tuple(why_verdict(Verdict(entry.position, entry.event), told))
            return Reason(said=said(entry), because=because)
        case StepAudited() as audit:
            records = (await standing(log, until=entry.position)).view.trails.verdicts.judges
            return Reason(said=said(entry), because=tuple(why_audit(audit, records)))
        case TaskHalted() as halt:
            return await _halt(log, entry, halt, story)
        case TaskFailed(cause="budget") as failed if (refused := refusal_of(failed)) is not None:
            return await _halt(log, entry, refused, story)
        case BudgetMarked(scope=scope, unit=unit, used=used):
            calls = (await _scope(log, scope, entry, story)).calls.values()
            spent = [call for call in calls if call.state != "reserved"]
            return Reason(said=said(entry), tone="warn", because=tuple(users(spent, unit, used)))
        case ToolFinished() as finished:
            return Reason(
                said=said(entry), because=await _use(log, entry, finished), tone="warn" if finished.refused else ""
            )
        case ToolStarted() | ApprovalAsked() as begun:
            return Reason(said=said(entry), because=await _end_of_use(log, entry, begun, story))
        case StepDrafted(stopped=str(stopped)) as draft if stopped:
            return Reason(said=said(entry), tone="warn", because=tuple(why_ended(draft, _uses(story, entry))))
        case TaskFailed(cause="no model"):
            return Reason(said=said(entry), tone="bad", because=(*failed_calls(entry, story), other_model(story)))
        case _:
            pass
    if isinstance(entry.event, CallEnd | CallOverran):
        reserved = story.at(entry.event.reservation)
        if reserved is not None:
            return Reason(said=said(entry), because=(await _call(log, reserved, story),))
    return Reason(said=said(entry))


def _with_words(reason: Reason, choice: Choice, story: Story) -> Reason:
    """With what persons said by which the choice was bound: who, and when."""
    words = [entry for at in (choice.pin, choice.asked) if (entry := story.at(at)) is not None]
    told = (Reason(said=f"{said(entry)} ({minute(entry.at)})", event=entry.position) for entry in words)
    return msgspec.structs.replace(reason, because=(*told, *reason.because))


async def _use(log: EventLog, entry: Entry, finished: ToolFinished) -> tuple[Reason, ...]:
    """What a use was asked to do, and what the model was told of it."""
    arguments = await text_or_none(log, finished.arguments, at=entry.position)
    told = await text_or_none(log, finished.shown or finished.answer, at=entry.position)
    return tuple(why_use(finished, arguments, told))


async def _end_of_use(
    log: EventLog, entry: Entry, begun: ToolStarted | ApprovalAsked, story: Story
) -> tuple[Reason, ...]:
    """How a use ended that began at an entry, or that a person was asked about there; nothing where it did not."""
    meant = (
        use
        for use in _uses(story, entry)
        if (use.ordinal, use.role, use.branch) == (begun.ordinal, begun.role, begun.branch)
    )
    use = next(meant, None)
    end = story.at(use.answer[1]) if use is not None and use.answer is not None else None
    if end is None or not isinstance(end.event, ToolFinished):
        return ()
    return (Reason(said=said(end), event=end.position, because=await _use(log, end, end.event)),)


def _uses(story: Story, entry: Entry) -> list[Use]:
    """The uses of tools of the attempt of an entry."""
    attempts = story.attempts.of(entry.task)
    return [use for each in attempts if (each.step, each.number) == (entry.step, entry.attempt) for use in each.uses]


async def _call(log: EventLog, reserved: Entry, story: Story) -> Reason:
    assert isinstance(reserved.event, CallReserved), "a call begins with its reservation"
    price = (await read_prices(log, story)).of(reserved.event, reserved.position)
    return why_call(reserved, story.ends.get(reserved.position), story.overruns.get(reserved.position), price)


async def _halt(log: EventLog, entry: Entry, halt: TaskHalted, story: Story) -> Reason:
    summary = await text_or_none(log, halt.summary, at=entry.position) if halt.summary else None
    return why_halted(entry.position, halt, story, await _scope(log, halt.scope, entry, story), summary=summary)


async def _scope(log: EventLog, scope: str, entry: Entry, story: Story) -> ScopeView:
    """A scope as it stood at an entry; an empty one where none is named."""
    if not scope:
        return ScopeView(scope)
    own = scope.partition("/")[0] == session_name(story.number)
    return await fold(log, ScopeView(scope), until=entry.position, session=story.number if own else None)


async def _told(log: EventLog, story: Story, task: str) -> Texts:
    """What the rejected attempts of a task were told."""
    return {
        entry.position: await text_or_none(log, entry.event.feedback, at=entry.position)
        for entry in story.entries
        if entry.task == task and isinstance(entry.event, StepRejected)
    }


def _place(entry: Entry) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "session": session_name(entry.session) if entry.session else None,
        "task": entry.task,
        "step": entry.step,
        "attempt": entry.attempt,
    }


def _where(entry: Entry) -> str:
    parts = [session_name(entry.session), entry.task, str(entry.step) if entry.step else ""]
    attempt = f", attempt {entry.attempt}" if entry.attempt else ""
    return f"{'/'.join(part for part in parts if part)}{attempt}: "
