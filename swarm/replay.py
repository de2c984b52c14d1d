"""A session played again from its log: every attempt is done once more from what it took, and nothing is called.

Texts that an attempt took are read from the record, its requests and its outcome are built anew and compared with what
stands in the log; so are the draws, from what their events say that they were made from, and what the cycle decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Never, cast

import msgspec

from events.blobs import Known, digest_of
from events.bus import read_all
from events.lineage import inherited
from events.log import Entry, EventLog
from events.types.any import AnyEvent, kind_of
from events.types.base import TextRef
from events.types.call import CallSettled
from events.types.choice import Choice, ChoiceMade, ChoiceStopped
from events.types.session import SessionClaimed, SessionOpened
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
    TaskSkipped,
    TaskSubmitted,
)
from events.types.tool import ToolFinished
from events.views.cost import CostView
from events.views.money import MoneyView
from events.views.requests import RequestsView
from events.views.tasks import TaskState, TasksView
from events.views.trails import TrailsView
from swarm.calls import settled_answer
from swarm.choice.choose import decided_again
from swarm.cycle import Open, Placed, Work, accepted, consequences, next_step, why_folded
from swarm.engine.auditing import accepted_at
from swarm.engine.audits import is_due
from swarm.engine.gate import facts_of, gathered, seen_through
from swarm.engine.hands import NotRecorded, RecordedHands, begin_of
from swarm.engine.parts import ROLES
from swarm.engine.past import Past
from swarm.engine.subagents import again
from swarm.items import item_tasks
from swarm.journal import Attempt, Journal, Try
from swarm.messages import ToolCall
from swarm.orders import Answer, Ask, Call, Picker
from swarm.owner import Owner
from swarm.plan import AUDITOR, Plan, allowed_arms, read_plan
from swarm.roles.auditor import audit
from swarm.roles.job import Job, World
from swarm.roles.prompting import prompted
from swarm.stages import NO_STAGES
from swarm.task import Role, Task
from swarm.tools.subtask import TASK

OUTSIDE = (
    "no model",
    "input",
    "output",
    "time",
    "no draft",
    "budget",
    "not worth it",
)  # ends that the world made, and not the cycle


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where the replay is not what was recorded."""

    position: int
    what: str
    recorded: str
    replayed: str


class Replayed(msgspec.Struct, kw_only=True):
    """What a replay came to: what was compared, the first divergence, and the views at its end."""

    session: str
    until: int = 0
    events: int = 0
    attempts: int = 0
    requests: int = 0
    choices: int = 0
    decisions: int = 0
    skipped: str = ""  # why decisions were not compared
    divergence: Divergence | None = None
    tasks: TasksView = msgspec.field(default_factory=TasksView)
    money: MoneyView = msgspec.field(default_factory=MoneyView)
    trails: TrailsView = msgspec.field(default_factory=TrailsView)
    cost: CostView = msgspec.field(default_factory=CostView)


class _Diverged(Exception):
    def __init__(self, divergence: Divergence) -> None:
        self.divergence = divergence


class _RecordEnds(Exception):
    """The attempt went further than its record: it was interrupted there."""


async def replay(log: EventLog, session: int, *, until: int | None = None) -> Replayed:
    """Play a session again, up to position `until`. Reads the log and nothing else.

    Raises LogError where it cannot be read, PlanUnreadable where its settings cannot.
    """
    entries: list[Entry] = []
    async for page in read_all(log, until=until, session=session):
        entries += page
    player = _Player(log, session)
    await player.inherit(await inherited(log, session))
    try:
        await player.play(entries)
    except _Diverged as diverged:
        player.result.divergence = diverged.divergence
        for entry in entries:  # the views are of the record, whatever the replay found
            if entry.position > player.result.until:
                player.fold(entry)
    return player.result


class _Player:
    def __init__(self, log: EventLog, session: int) -> None:
        self._log, self._session = log, session
        self._owner = Owner(log=log, session=session, project="", position=0, epoch=0, known=Known())
        self._past = Past(tasks=TasksView(), requests=RequestsView(), journal=Journal())
        self._plan: Plan | None = None
        self._specs: dict[str, Task] = {}
        self._foreseen: list[tuple[str, Placed]] = []  # what the cycle says comes next
        self._begins = 0  # what stands before is its parent's to be played
        self.result = Replayed(session=self._owner.name, tasks=self._past.tasks)

    async def inherit(self, entries: Sequence[Entry]) -> None:
        """Take in what the session was forked from: that is its parent's to be played."""
        self._past.inherit(entries)
        for entry in entries:
            if isinstance(entry.event, TaskSubmitted):
                await self._submitted(entry, entry.event)

    async def play(self, entries: Sequence[Entry]) -> None:
        self._begins = entries[0].position if entries else 0
        for entry in entries:
            self._past.journal.apply(entry)
        for entry in entries:
            await self._check(entry)
            self.fold(entry)

    def fold(self, entry: Entry) -> None:
        result = self.result
        for view in (result.tasks, result.money, result.trails, result.cost):
            view.apply(entry)
        result.events += 1
        result.until = entry.position

    @property
    def _tasks(self) -> Mapping[str, TaskState]:
        return self.result.tasks.of(self._session)

    async def _check(self, entry: Entry) -> None:
        match entry.event:
            case SessionOpened(settings=settings):
                self._plan = read_plan(await self._log.text(settings, at=entry.position), session=self._owner.name)
            case SessionClaimed(settings=settings) if settings is not None:
                self._plan = read_plan(await self._log.text(settings, at=entry.position), session=self._owner.name)
            case TaskSubmitted() as task:
                await self._submitted(entry, task)
            case ChoiceMade() | ChoiceStopped() as choice:
                self._check_choice(entry, choice)
            case CallSettled(answer=answer):
                await self._check_text(entry, answer.digest)
            case _:
                await self._check_progress(entry)

    async def _submitted(self, entry: Entry, event: TaskSubmitted) -> None:
        self._specs[entry.task] = msgspec.json.decode(await self._log.text(event.spec, at=entry.position), type=Task)
        self.result.skipped = why_folded(event.decisions) or self.result.skipped

    def _check_choice(self, entry: Entry, choice: Choice) -> None:
        if self.result.skipped:
            return
        self.result.choices += 1
        again = decided_again(choice)
        if again != choice:
            self._diverge(entry, "the choice", _chosen(choice), _chosen(again))

    async def _check_text(self, entry: Entry, digest: str) -> None:
        assert isinstance(entry.event, CallSettled)
        found = digest_of(await self._log.text(entry.event.answer, at=entry.position))
        if found != digest:
            self._diverge(entry, "the answer's text", digest, found)

    async def _check_progress(self, entry: Entry) -> None:
        """An outcome is worked out again by its role; what the cycle decided has to be what it decides now."""
        if self.result.skipped or entry.task not in self._tasks:
            return
        task = self._tasks[entry.task]
        if self._foreseen:
            name, placed = self._foreseen.pop(0)
            self._compare(entry, f"what follows for {name}", entry.event, placed.event)
            self.result.decisions += 1
            return
        if _is_a_persons(entry):
            if isinstance(entry.event, StepAccepted | StepRejected):
                self._foresee(entry, task, [Placed(entry.event, entry.step, entry.attempt)])
            return
        role = _role_of(entry)
        if isinstance(entry.event, StepAudited):
            await self._check_audit(entry, task, entry.event)
        elif role is not None:
            outcome = await self._again(entry, task, role)
            if outcome is not None:
                self._compare_outcome(entry, task, outcome)
        elif isinstance(entry.event, TaskCleared | TaskExpanded | TaskSkipped) and task.gated and self._needs_met(task):
            await self._check_gate(entry, task)
        elif isinstance(entry.event, StepPlanned | TaskCancelled | TaskSkipped):
            self._foresee(entry, task, ())
        elif isinstance(entry.event, TaskAccepted):
            await self._check_end(entry, task)
        elif isinstance(entry.event, TaskFailed) and entry.event.cause not in OUTSIDE:
            self._foresee(entry, task, ())

    def _needs_met(self, task: TaskState) -> bool:
        following = next_step(task, self._tasks).open
        return following is not None and following.work is Work.GATE

    async def _check_gate(self, entry: Entry, task: TaskState) -> None:
        """Whether a task is done, and for which items, is worked out again from the results that it needs."""
        spec = self._specs[task.name]
        results = {need: await self._result(self._tasks[need]) for need in task.needs if self._tasks[need].result}
        seen: AnyEvent = seen_through(spec, facts_of(spec, self._tasks, results))
        self.result.decisions += 1
        if isinstance(entry.event, TaskExpanded) and isinstance(seen, TaskCleared):
            items = msgspec.json.decode(await self._log.text(entry.event.items, at=entry.position))
            names = tuple(child.id for child in item_tasks(spec, items))
            seen = msgspec.structs.replace(entry.event, children=names, condition=seen.condition)
        self._foresee(entry, task, [Placed(seen)])

    async def _check_end(self, entry: Entry, task: TaskState) -> None:
        end = accepted(task) if task.children is None else await self._gathered(task, task.children)
        self._compare(entry, "the end", entry.event, end)
        self.result.decisions += 1

    async def _gathered(self, task: TaskState, children: Sequence[str]) -> TaskAccepted:
        states = [self._tasks[name] for name in children]
        return await gathered(self._specs[task.name], states, self._result, lambda text: TextRef(digest_of(text)))

    async def _result(self, state: TaskState) -> str:
        assert state.result is not None, "an accepted task has a result"
        return await self._log.text(state.result.ref, at=state.result.at)

    def _foresee(self, entry: Entry, task: TaskState, outcome: Sequence[Placed]) -> None:
        """Compare the entry with the first thing that the cycle says now, and remember the rest for what follows."""
        said = [*outcome, *consequences(task, self._tasks, outcome)]
        self._foreseen = [(task.name, placed) for placed in said]
        if not said:
            self._diverge(entry, "the cycle", kind_of(entry.event), "nothing follows")
        _, first = self._foreseen.pop(0)
        self._compare(entry, "the outcome" if outcome else "the cycle", entry.event, first.event)
        self.result.decisions += 1

    def _compare_outcome(self, entry: Entry, task: TaskState, outcome: list[Placed]) -> None:
        self.result.attempts += 1
        self._foresee(entry, task, outcome)

    async def _again(self, entry: Entry, task: TaskState, role: Role) -> list[Placed] | None:
        """The outcome of the attempt, worked out from its record; None where the record does not reach that far."""
        work = next(work for work, (name, _) in ROLES.items() if name == role)
        step = 0 if role == "explorer" else entry.step
        attempt = self._attempt(entry, task, role)
        job = self._job(Open(work=work, task=entry.task, step=step, attempt=entry.attempt), task)
        told = await prompted(job.task, role, task.type, NO_STAGES, attempt)
        job = told.given_to(job)
        if role == "worker" and job.task.tools:
            seen = partial(self._check_part, entry, attempt, job)
            job = msgspec.structs.replace(job, hands=RecordedHands(attempt, begin_of(task, job.open), seen=seen))
        try:
            return await ROLES[work][1](job, attempt=attempt, call=self._recorded_call(entry, attempt))
        except (_RecordEnds, NotRecorded):
            if isinstance(entry.event, AttemptAbandoned):
                return None
            return self._diverge(
                entry, f"the {role}'s attempt", kind_of(entry.event), "it wants more than was recorded"
            )

    async def _check_part(
        self, entry: Entry, attempt: Attempt, job: Job, call: ToolCall, finished: ToolFinished, at: int
    ) -> None:
        """A part that a sub-agent did is done again from its record, as far as that reaches: it may have ended by its cap."""
        if finished.tool != TASK:
            return
        calls = partial(self._recorded_call, entry)
        try:
            report = await again(call, finished, attempt, journal=self._past.journal, job=job, calls=calls)
        except (_RecordEnds, NotRecorded):
            return
        said = digest_of(report.text) if report is not None else finished.answer.digest
        if said != finished.answer.digest:
            self._diverge_at(at, "what a sub-agent came to", finished.answer.digest, said)

    def _attempt(self, entry: Entry, task: TaskState, role: str) -> Attempt:
        step = 0 if role == "explorer" else entry.step
        recorded = self._past.journal.of(entry.task, step, entry.attempt, role)
        return Attempt(self._owner, task, step=step, attempt=entry.attempt, role=role, recorded=recorded)

    def _job(self, open_: Open, task: TaskState) -> Job:
        assert self._plan is not None, "a session is opened before its tasks are worked on"
        arms, barred = allowed_arms(self._plan, self._specs[task.name], "validator")
        return Job(
            open=open_,
            task=self._specs[task.name],
            state=task,
            world=World(
                material=_not_recorded,
                checks=_not_recorded,
                tree=lambda _: "",
                guide=_not_recorded,
                changed=_not_recorded,
            ),
            pick=cast("Picker", _not_recorded),
            stay=lambda _: cast("Picker", _not_recorded),
            go_on=lambda _: cast("Picker", _not_recorded),
            judges=any(arm.model not in barred for arm in arms),
            redact=lambda text: text,
            audits=partial(self._is_audited, open_, task),
        )

    def _is_audited(self, open_: Open, task: TaskState, judge: str) -> bool:
        assert self._plan is not None, "a session is opened before its tasks are worked on"
        worker = task.steps[open_.step - 1].model
        spec = self._specs[task.name]
        return is_due(self._plan, spec, session=self._owner.name, step=open_.step, worker=worker, judge=judge)

    async def _check_audit(self, entry: Entry, task: TaskState, audited: StepAudited) -> None:
        """An audit is worked out again from its answer; why it came to nothing is the world's."""
        accepted = await accepted_at(self._log, task.steps[entry.step - 1].audit)
        attempt = self._attempt(entry, task, AUDITOR)
        job = self._job(Open(work=Work.AUDIT, task=entry.task, step=entry.step, attempt=entry.attempt), task)
        try:
            again = await audit(job, accepted, attempt=attempt, call=self._recorded_call(entry, attempt))
        except _RecordEnds:
            if audited.agrees is None:
                return
            self._diverge(entry, "the audit", kind_of(audited), "it wants more than was recorded")
        self.result.attempts += 1
        self._compare(entry, "the audit", audited, again)

    def _recorded_call(self, entry: Entry, attempt: Attempt) -> Call:
        async def call(ask: Ask, *, pick: Picker) -> Answer:
            _, tries = attempt.next_call()
            if not tries:
                raise _RecordEnds
            for each in (own for own in tries if own.position >= self._begins):
                self._check_request(entry, each, ask)
            for each in tries:
                if isinstance(each.outcome, CallSettled) and each.outcome.has_answer:
                    return await self._answer(each, each.outcome)
            raise _RecordEnds

        return call

    def _check_request(self, entry: Entry, recorded: Try, ask: Ask) -> None:
        self.result.requests += 1
        messages = ask.told(recorded.reserved.agent).messages[ask.said_now :]
        said = [(said.speaker, said.text.digest) for said in recorded.reserved.messages]
        built = [(message.speaker, digest_of(message.text)) for message in messages]
        if said != built:
            index = next((i for i, pair in enumerate(zip(said, built, strict=False)) if pair[0] != pair[1]), len(said))
            self._diverge_at(recorded.position, f"message {index + 1} of the request", str(said), str(built))

    async def _answer(self, recorded: Try, settled: CallSettled) -> Answer:
        return await settled_answer(self._log, recorded, settled)

    def _compare(self, entry: Entry, what: str, recorded: object, replayed: AnyEvent) -> None:
        left, right = _plain(recorded), _plain(replayed)
        if left != right:
            names = [name for name in {**left, **right} if left.get(name) != right.get(name)]
            self._diverge(
                entry,
                f"{what} ({', '.join(names)})",
                str({name: left.get(name) for name in names}),
                str({name: right.get(name) for name in names}),
            )

    def _diverge(self, entry: Entry, what: str, recorded: str, replayed: str) -> Never:
        self._diverge_at(entry.position, what, recorded, replayed)

    def _diverge_at(self, position: int, what: str, recorded: str, replayed: str) -> Never:
        raise _Diverged(Divergence(position=position, what=what, recorded=recorded, replayed=replayed))


async def _not_recorded(*_: object, **__: object) -> Never:
    raise _RecordEnds


def _chosen(choice: Choice) -> str:
    return choice.arm if isinstance(choice, ChoiceMade) else "none"


def _is_a_persons(entry: Entry) -> bool:
    """Whether a person made it so: there is nothing to be worked out again but what follows from it."""
    return isinstance(entry.event, StepAccepted | StepRejected | TaskCancelled | TaskSkipped) and bool(entry.event.by)


def _role_of(entry: Entry) -> Role | None:
    """Whose outcome an entry is; a step that the cycle planned by itself has no attempt."""
    match entry.event:
        case StepPlanned() if entry.attempt:
            return "explorer"
        case StepDrafted():
            return "worker"
        case StepAccepted() | StepRejected():
            return "validator"
        case AttemptAbandoned(role=role):
            return cast("Role", role)
        case _:
            return None


def _plain(event: object) -> dict[str, Any]:
    """An event for comparison: texts by digest wherever they are kept, and without what only the first run took or did."""
    built = {"kind": type(event).__name__, **cast("dict[str, Any]", _without_places(event))}
    for name in ("captured", "outputs", "kept"):
        built.pop(name, None)
    return built


def _without_places(value: object) -> Any:
    match value:
        case TextRef(digest=digest):
            return digest
        case msgspec.Struct():
            return {name: _without_places(getattr(value, name)) for name in value.__struct_fields__}
        case tuple():
            return [_without_places(each) for each in cast("tuple[object, ...]", value)]
        case _:
            return value
