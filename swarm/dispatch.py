"""The dispatcher: the log's first follower, which starts what the cycle says is open.

It folds each committed entry, asks `next_step`, and runs open work in the session's task group. After a restart it starts
from the folded state with the same function, never from old events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio
import msgspec

from events.bus import next_entries, read_all
from events.log import Ack, Clock, Entry
from events.types.task import TaskAccepted, TaskFailed, TaskHalted
from events.views.tasks import TaskState, TasksView
from events.views.trails import TrailsView
from swarm.calls import Calls, Connected, Stopped, Terms
from swarm.cycle import Next, Open, Placed, Work, accepted, consequences, next_step
from swarm.errors import BudgetExceeded, ConfirmationNeeded, NoModelAvailable, OwnerLost, SwarmError, UsageError
from swarm.journal import Attempt, Journal, Recorded
from swarm.messages import Arm
from swarm.money.ledger import Ledger
from swarm.owner import RENEW_S, Owner
from swarm.picks import judge_picker, worker_picker
from swarm.plan import Plan, allowed_arms
from swarm.roles.explorer import explore
from swarm.roles.job import Job, World
from swarm.roles.validator import validate
from swarm.roles.worker import work
from swarm.task import Role, Task
from swarm.tools.deliver import OutputConflict
from swarm.world import Surroundings

GRACE_S = 10.0  # what calls in flight get after the first Ctrl-C; one of a local model gets nothing

ROLES: Mapping[Work, tuple[Role, Callable[..., Awaitable[list[Placed]]]]] = {
    Work.EXPLORE: ("explorer", explore),
    Work.DRAFT: ("worker", work),
    Work.JUDGE: ("validator", validate),
}


class Faces(msgspec.Struct, kw_only=True):
    """What a session is given of its caller: whom it shows its entries, whom it asks, and how it is told to stop."""

    observe: Callable[[Sequence[Entry]], None]
    recall: Callable[[Sequence[Entry]], None] = lambda _: None  # what stood in the log before: known, and no news
    confirm: Callable[
        [str], Awaitable[bool]
    ]  # asks about paid calls, and about calls in doubt; raises ConfirmationNeeded where nobody can be asked
    stop: anyio.Event  # set once: no new call, a grace for those in flight
    abort: anyio.Event  # set: now


class Dispatcher:
    """Carries one session on while this process owns it."""

    def __init__(
        self,
        owner: Owner,
        plan: Plan,
        *,
        ledger: Ledger,
        trails: TrailsView,
        models: Mapping[str, Connected],
        surroundings: Surroundings,
        tasks: TasksView,
        journal: Journal,
        redact: Callable[[str], str],
        faces: Faces,
        clock: Clock,
        position: int,
    ) -> None:
        self._owner, self._plan, self._ledger, self._trails = owner, plan, ledger, trails
        self._surroundings, self._view, self._journal = surroundings, tasks, journal
        self._redact, self._faces, self._clock = redact, faces, clock
        self._position = position
        self._calls = Calls(
            ledger=ledger,
            models=models,
            redact=redact,
            tries=plan.tries,
            on_unknown=plan.on_unknown,
            confirm=self._confirm,
            ask=self._ask,
        )
        self._specs: dict[str, Task] = {}
        self._running: set[Open] = set()
        self._deadlines: dict[str, float] = {}
        self._paid = plan.paid_confirmed
        self._refusal: ConfirmationNeeded | None = None  # of paid calls, for as long as the session runs
        self._asking = anyio.Lock()
        self._appended: dict[str, int] = {}  # task -> the last position that was appended for it
        self._following = anyio.CancelScope()
        self.interrupted = False

    @property
    def tasks(self) -> Mapping[str, TaskState]:
        return self._view.of(self._owner.session)

    async def run(self) -> None:
        """Carry the session's tasks to their ends, or to where the caller stops them."""
        async with anyio.create_task_group() as around:
            around.start_soon(self._renew)
            around.start_soon(self._obey)
            async with anyio.create_task_group() as self._roles:
                for name in list(self.tasks):
                    await self._advance(name)
                with self._following:
                    if not self._done():
                        await self._dispatch()
            around.cancel_scope.cancel()

    async def catch_up(self) -> None:
        """Fold what stands in the log by now."""
        async for entries in read_all(self._owner.log, after=self._position):
            self._position = entries[-1].position
            self._fold(entries)
            for entry in entries:
                if entry.session == self._owner.session:
                    self._journal.apply(entry)
            self._faces.observe(entries)

    async def _dispatch(self) -> None:
        while not self._done():
            entries = await next_entries(self._owner.log, self._position)
            self._position = entries[-1].position
            touched = self._fold(entries)
            self._faces.observe(entries)
            for name in touched:
                await self._advance(name)

    def _fold(self, entries: Sequence[Entry]) -> list[str]:
        """Fold entries and name the tasks of this session that they may have moved, dependents included."""
        touched: dict[str, None] = {}
        for entry in entries:
            self._trails.apply(entry)
            if entry.session != self._owner.session:
                continue
            self._view.apply(entry)
            if entry.task:
                touched[entry.task] = None
        for name in list(touched):
            if name in self.tasks and self.tasks[name].status != "open":
                touched.update({other: None for other, state in self.tasks.items() if name in state.needs})
        return list(touched)

    def _done(self) -> bool:
        """Nothing runs and nothing follows: each task has ended, or waits for one that was halted."""
        if self._running:
            return False
        if self._calls.stopping:
            return True
        if any(at > self._position for at in self._appended.values()):
            return False
        return all(next_step(task, self.tasks) == Next() for task in self.tasks.values())

    async def _advance(self, name: str) -> None:
        task = self.tasks[name]
        if self._appended.get(name, 0) > self._position:
            return  # what was appended for it is not folded yet; it will be, and then it is asked again
        following = next_step(task, self.tasks)
        if following.events:
            placed = consequences(task, self.tasks, ())
            events = [self._owner.new(each.event, task=name, step=each.step, attempt=each.attempt) for each in placed]
            self._note(name, await self._owner.append(events))
        elif following.open is not None and following.open not in self._running and not self._calls.stopping:
            self._running.add(following.open)
            self._roles.start_soon(self._do, following.open)

    async def _do(self, open_: Open) -> None:
        try:
            await self._work(open_)
        except Stopped:
            self.interrupted = True
        finally:
            self._running.discard(open_)
            if self._done():
                self._following.cancel()

    async def _work(self, open_: Open) -> None:
        state = self.tasks[open_.task]
        task = await self._spec(state)
        role = ROLES[open_.work][0] if open_.work in ROLES else ""
        recorded = self._journal.of(open_.task, open_.step, open_.attempt, role) if role else Recorded()
        attempt = Attempt(self._owner, state, step=open_.step, attempt=open_.attempt, role=role, recorded=recorded)
        try:
            with anyio.fail_after(self._time_left(task)):
                outcome = await self._outcome(open_, state, task, attempt)
        except TimeoutError:
            limit = task.limits.time_s or 0
            outcome = [Placed(TaskFailed(reason=f"it took longer than its limit of {limit:g} s", cause="time"))]
        except BaseException:
            with anyio.CancelScope(shield=True):
                await attempt.flush()  # an answer that came is recorded, whatever ends us
            raise
        with anyio.CancelScope(shield=True):
            self._note(open_.task, await attempt.finish(outcome, self.tasks))

    def _note(self, task: str, ack: Ack) -> None:
        if ack.positions:
            self._appended[task] = ack.positions[-1]

    async def _outcome(self, open_: Open, state: TaskState, task: Task, attempt: Attempt) -> list[Placed]:
        try:
            if open_.work is Work.DELIVER:
                return [Placed(await self._delivered(state, task))]
            role, function = ROLES[open_.work]
            call = self._calls.for_attempt(attempt, lambda: self._terms(task), turns=task.limits.turns)
            job = self._job(open_, state, task, role)
            try:
                outcome: list[Placed] = await function(job, attempt=attempt, call=call)
            except NoModelAvailable as error:
                barred = allowed_arms(self._plan, task, role)[1]
                raise NoModelAvailable(role=role, reasons={**barred, **error.reasons}) from error
            return outcome
        except (Stopped, OwnerLost):
            raise
        except SwarmError as error:
            return [Placed(_ending(error, self._redact(str(error))))]

    def _job(self, open_: Open, state: TaskState, task: Task, role: Role) -> Job:
        arms, excluded = allowed_arms(self._plan, task, role)
        if role == "validator":
            step = state.steps[open_.step - 1]
            paid = task.judge == "paid" or self._plan.judge == "paid"
            pick = judge_picker(arms, step.model, paid=paid, excluded=excluded)
        else:
            key = f"{self._owner.name}/{open_.task}/{open_.step}/{open_.attempt}/{role}"
            pick = worker_picker(
                arms, self._trails, open_, role=role, type_=state.type, key=key, clock=self._clock, excluded=excluded
            )
        judges, barred = allowed_arms(self._plan, task, "validator")
        return Job(
            open=open_,
            task=task,
            state=state,
            world=World(material=self._surroundings.material, checks=self._surroundings.checks),
            pick=pick,
            judges=any(arm.model not in barred for arm in judges),
            redact=self._redact,
        )

    async def _delivered(self, state: TaskState, task: Task) -> TaskAccepted:
        end = accepted(state)
        text = await self._owner.log.text(end.result, at=0)
        written = await self._surroundings.deliver(task, text, state.outputs)
        return msgspec.structs.replace(end, outputs=written)

    def _terms(self, task: Task) -> Terms:
        caps = self._plan.caps(self._owner.session, task, self._clock())
        return Terms(scopes=tuple(cap.scope for cap in caps), caps=caps)

    def _time_left(self, task: Task) -> float | None:
        if task.limits.time_s is None:
            return None
        now = anyio.current_time()
        return max(0.0, self._deadlines.setdefault(task.id, now + task.limits.time_s) - now)

    async def _spec(self, state: TaskState) -> Task:
        if state.name not in self._specs:
            text = await self._owner.log.text(state.spec.ref, at=state.spec.at)
            self._specs[state.name] = msgspec.json.decode(text, type=Task)
        return self._specs[state.name]

    async def _confirm(self, arm: Arm) -> None:
        """The first paid call of a session under no cap but the built-in one is asked about, once."""
        async with self._asking:
            if not self._paid and self._refusal is None:
                await self._ask_about_paid(arm)
            if self._refusal is not None:
                raise self._refusal

    async def _ask_about_paid(self, arm: Arm) -> None:
        question = f"{arm.model} is paid, and nothing but the built-in cap of a day bounds this run. Use it?"
        try:
            self._paid = await self._faces.confirm(question)
        except ConfirmationNeeded as refusal:
            self._refusal = refusal
            return
        if not self._paid:
            self._refusal = ConfirmationNeeded("Paid calls were not allowed.", remedy="set a budget in the task file")

    async def _ask(self, question: str) -> bool:
        """Ask whoever runs the session, one question at a time."""
        async with self._asking:
            return await self._faces.confirm(question)

    async def _renew(self) -> None:
        while True:
            await anyio.sleep(RENEW_S)
            await self._owner.renew(self._clock())

    async def _obey(self) -> None:
        """Stop as the caller wishes: first no new call and a grace for those in flight, then now."""
        await self._faces.stop.wait()
        self.interrupted = self._calls.stopping = True
        if not self._running:
            self._following.cancel()
            return
        with anyio.move_on_after(GRACE_S if set(self._calls.in_flight.values()) - {"local"} else 0):
            await self._faces.abort.wait()
        self._roles.cancel_scope.cancel()


def _ending(error: SwarmError, reason: str) -> TaskHalted | TaskFailed:
    """What an error makes of its task."""
    match error:
        case BudgetExceeded():
            return TaskHalted(
                reason=reason,
                scope=error.scope,
                unit=error.unit,
                used=error.used,
                reserved=error.reserved,
                cap=error.cap,
                needed=error.needed,
            )
        case ConfirmationNeeded():
            return TaskHalted(reason=reason, cause="confirmation")
        case NoModelAvailable():
            return TaskFailed(reason=reason, cause="no model")
        case OutputConflict():
            return TaskFailed(reason=reason, cause="output")
        case UsageError():
            return TaskFailed(reason=reason, cause="input")
        case _:
            return TaskFailed(reason=reason, cause="no draft")
