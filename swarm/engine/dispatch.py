"""The dispatcher: the log's first follower, which starts what the cycle says is open.

It folds each committed entry, asks `next_step`, and runs open work in the session's task group. After a restart it starts
from the folded state with the same function, never from old events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import anyio
import msgspec

from events.bus import next_entries, read_all
from events.log import Ack, Clock, Entry
from events.types.control import TierPinned, WorkPaused, WorkUnpaused
from events.types.task import TaskAccepted, TaskExpanded, TaskFailed, TaskReopened, TaskSubmitted
from events.views.tasks import TaskState
from events.views.trails import TrailsView
from swarm.cycle import Next, Open, Placed, Work, consequences, next_step
from swarm.engine.auditing import Audits
from swarm.engine.audits import goodness
from swarm.engine.batches import Batches
from swarm.engine.calling import calls_of
from swarm.engine.consent import Consent
from swarm.engine.delivery import Delivery
from swarm.engine.endings import Caps, ended_by
from swarm.engine.faces import Faces
from swarm.engine.foresight import Foresight
from swarm.engine.gate import gathered
from swarm.engine.gating import gated
from swarm.engine.pace import Pace, shared_among_tasks
from swarm.engine.parts import ROLES, calls_a_model
from swarm.engine.past import Past
from swarm.engine.picks import GOES_ON, Picks
from swarm.engine.portions import Portions
from swarm.engine.requests import answer_to, concerned, person, to_hold
from swarm.engine.timing import TimeLimits
from swarm.engine.toolkit import Toolkit
from swarm.engine.world import Surroundings
from swarm.errors import BudgetExceeded, NoModelAvailable, OwnerLost, SwarmError
from swarm.journal import Attempt, Recorded
from swarm.money.caps import task_scope
from swarm.money.ledger import Ledger
from swarm.money.shares import greatest_share
from swarm.orders import NotWorthIt, Terms
from swarm.owner import RENEW_S, Owner
from swarm.plan import Beside, Plan, allowed_arms, context_room, is_looked_at
from swarm.roles.job import Job
from swarm.roles.prompting import prompted
from swarm.roles.strain import strain_of
from swarm.stages import stages_of
from swarm.task import Role, Task
from swarm.tries import Connected, Stopped

GRACE_S = 10.0  # what calls in flight get after the first Ctrl-C; one of a local model gets nothing


class Dispatcher:
    """Carries one session on while this process owns it."""

    def __init__(
        self,
        owner: Owner,
        plan: Plan,
        *,
        ledger: Ledger,
        trails: TrailsView,
        foresight: Foresight,
        models: Mapping[str, Connected],
        surroundings: Surroundings,
        past: Past,
        toolkit: Toolkit,
        consent: Consent,
        redact: Callable[[str], str],
        faces: Faces,
        clock: Clock,
        position: int,
    ) -> None:
        self._owner, self._plan, self._ledger, self._trails = owner, plan, ledger, trails
        self._surroundings, self._foresight = surroundings, foresight
        self._past, self._view, self._requests, self._journal = past, past.tasks, past.requests, past.journal
        self._redact, self._faces, self._clock = redact, faces, clock
        self._position, self._consent, self._toolkit = position, consent, toolkit
        self._calls = calls_of(plan, ledger, models, consent, past, redact=redact, clock=clock)
        self._calls.pauses.is_paused = self._is_paused
        self._batches = Batches(plan.batch, self._calls.sharing, self._start)
        self._delivery = Delivery(owner, plan, surroundings, past, self._consent)
        self._portions = Portions(
            plan, owner.session, log=owner.log, money=lambda: ledger.money, tasks=lambda: self.tasks
        )
        self._caps = self._caps_above(ledger)
        self._audits = Audits(caps=self._caps, good=partial(goodness, trails=trails, clock=clock), note=self._note)
        self._pace = Pace(self.tasks)
        self._specs: dict[str, Task] = {}
        self._running: set[Open] = set()
        self._scopes: dict[Open, anyio.CancelScope] = {}
        self._ended = anyio.Event()  # set whenever work has ended
        self._waiting: dict[str, list[str]] | None = None  # by a task those that wait for it; None: to be found anew
        self._answered = 0  # position of the last request that was dealt with
        self._times = TimeLimits(self._is_paused)
        self._appended: dict[str, int] = {}  # task -> the last position that was appended for it
        self._following = anyio.CancelScope()
        self.interrupted = False

    def _start(self, made: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._roles.start_soon(made)

    def _caps_above(self, ledger: Ledger) -> Caps:
        return Caps(
            owner=self._owner,
            plan=self._plan,
            calls=self._calls,
            journal=self._journal,
            ledger=ledger,
            terms=self._terms,
            redact=self._redact,
            raise_by=self._faces.raise_by,
            asking=self._consent.asking,
        )

    def _is_paused(self, name: str) -> bool:
        return self._view.pause_of(self.tasks[name]) is not None

    @property
    def tasks(self) -> Mapping[str, TaskState]:
        return self._view.of(self._owner.session)

    async def run(self, *, working: bool = True) -> None:
        """Carry the session's tasks to their ends, or to where the caller stops them; without `working` no model is called."""
        self._calls.stopping = not working
        await self._calls.cooldowns.recall(self._owner.log)
        async with anyio.create_task_group() as around:
            around.start_soon(self._renew)
            around.start_soon(self._obey)
            async with anyio.create_task_group() as self._roles:
                await self._answer_requests()
                if working:
                    await self._go_on()
                await self._advance_all(self.tasks)
                with self._following:
                    if not self._done():
                        await self._dispatch()
            around.cancel_scope.cancel()

    async def catch_up(self) -> None:
        """Fold what stands in the log by now."""
        async for entries in read_all(self._owner.log, after=self._position):
            self._take(entries)
            for entry in entries:
                if entry.session == self._owner.session:
                    self._journal.apply(entry)

    async def tell_marks(self) -> None:
        """Tell of caps that the last calls came near to; before, the next call does it."""
        await self._ledger.catch_up()
        if marks := self._ledger.marks():
            await self._owner.append([self._owner.new(mark) for mark in marks])
            await self.catch_up()

    async def _dispatch(self) -> None:
        while not self._done():
            touched = self._take(await next_entries(self._owner.log, self._position))
            touched += await self._answer_requests()
            await self._advance_all(touched)

    async def _advance_all(self, names: Iterable[str]) -> None:
        for name in await self._urgent_first(names):
            await self._advance(name)
        if self._batches.are_waited_for and not self._is_behind():
            self._batches.begin()

    def _is_behind(self) -> bool:
        """Whether something was appended for a task that is not folded yet: what follows from it may start others."""
        return any(at > self._position for at in self._appended.values())

    async def _urgent_first(self, names: Iterable[str]) -> list[str]:
        """The tasks by their priority, of the same priority as they stand: in this order their work starts."""
        levels = {name: (await self._spec(self.tasks[name])).priority for name in names}
        return sorted(levels, key=levels.__getitem__)

    def _take(self, entries: Sequence[Entry]) -> list[str]:
        self._position = entries[-1].position
        touched = self._fold(entries)
        self._faces.observe([entry for entry in entries if entry.session == self._owner.session])
        return touched

    def _fold(self, entries: Sequence[Entry]) -> list[str]:
        """Fold entries and name the tasks of this session that they may have moved, dependents included."""
        touched: dict[str, None] = {}
        for entry in entries:
            self._trails.apply(entry)
            self._foresight.apply(entry)
            self._calls.cooldowns.apply(entry)
            if entry.session != self._owner.session:
                continue
            self._view.apply(entry)
            self._requests.apply(entry)
            if isinstance(entry.event, TaskSubmitted | TaskExpanded):
                self._waiting = None
            elif isinstance(entry.event, TaskReopened):
                self._times.begin_anew(entry.task)
            elif isinstance(entry.event, WorkPaused | WorkUnpaused):
                self._look_again()
                touched.update(dict.fromkeys(self.tasks))
            elif isinstance(entry.event, TierPinned) and entry.event.confirmed:
                self._consent.give()
            elif isinstance(entry.event, TaskAccepted | TaskFailed) and entry.task in self._specs:
                self._paced(self.tasks[entry.task], self._specs[entry.task])
            if entry.task in self.tasks:
                touched[entry.task] = None
        for name in list(touched):
            if self.tasks[name].status != "open":
                touched.update(dict.fromkeys(self._waiting_for(name)))
        return list(touched)

    def _look_again(self) -> None:
        """Let the time of what is paused stand, and what waits go on that is not."""
        for name in self.tasks:
            self._times.look(name)
        self._calls.pauses.look()

    def _paced(self, state: TaskState, task: Task) -> None:
        caps = shared_among_tasks(self._caps.in_force(task, "worker"), task_scope(self._owner.session, task.id))
        self._pace.ended(state, self.tasks, caps, self._ledger.money)

    def _waiting_for(self, name: str) -> Sequence[str]:
        """The tasks that need it, and the one of which it does an item."""
        if self._waiting is None:
            self._waiting = {}
            for other, state in self.tasks.items():
                for each in (*state.needs, *(state.children or ())):
                    self._waiting.setdefault(each, []).append(other)
        return self._waiting.get(name, ())

    async def _answer_requests(self) -> list[str]:
        """Do what others ask of the session, in their order; name the tasks that may have moved."""
        touched: list[str] = []
        while request := next((each for each in self._requests.open.values() if each.position > self._answered), None):
            self._answered = request.position
            touched += await self._end_work(concerned(request, self.tasks))
            await self._calls.pauses.close(to_hold(request, self.tasks))
            answer = answer_to(request, self._view, self._owner)
            ack = await answer.append(self._owner)
            for name in answer.tasks:
                self._note(name, ack)
            touched += await self._read_on(answer.tasks)
            self._calls.pauses.decided()
        return touched

    async def _go_on(self) -> None:
        """Lift a pause of the whole session that was asked for before we took it: who resumes it says that it goes on."""
        paused = self._view.whole(self._owner.session).paused
        if paused is not None and paused.asked < self._owner.position:
            self._note("", await self._owner.append([self._owner.new(WorkUnpaused(by=person(), reason="resumed"))]))
            await self._read_on([""])
            self._faces.say(f"{self._owner.name} was paused by {paused.by}; it goes on")

    async def _end_work(self, names: Collection[str]) -> list[str]:
        """End what runs for the tasks and fold what it left; name the tasks that may have moved."""
        for open_, scope in self._scopes.items():
            if open_.task in names:
                scope.cancel()
        while any(open_.task in names for open_ in self._running):
            self._ended = anyio.Event()
            await self._ended.wait()
        return await self._read_on(names)

    async def _read_on(self, names: Collection[str]) -> list[str]:
        """Fold on until all is folded that was appended for the tasks; name those that may have moved."""
        touched: list[str] = []
        while any(self._appended.get(name, 0) > self._position for name in names):
            touched += self._take(await next_entries(self._owner.log, self._position))
        return touched

    def _done(self) -> bool:
        """Nothing runs and nothing follows: each task has ended, or waits for one that was halted."""
        if self._running:
            return False
        if self._calls.stopping:
            return True
        if any(position > self._answered for position in self._requests.open):
            return False
        return not self._is_behind() and all(next_step(each, self.tasks) == Next() for each in self.tasks.values())

    async def _advance(self, name: str) -> None:
        task = self.tasks[name]
        if self._appended.get(name, 0) > self._position:
            return  # what was appended for it is not folded yet; it will be, and then it is asked again
        following = next_step(task, self.tasks)
        if following.events:
            placed = consequences(task, self.tasks, ())
            self._note(name, await self._owner.append([self._owner.placed(name, each) for each in placed]))
        elif following.open is not None and following.open not in self._running and self._may_start(following.open):
            self._running.add(following.open)
            self._batches.expect(following.open, task, await self._spec(task))
            self._roles.start_soon(self._do, following.open)

    def _may_start(self, open_: Open) -> bool:
        """Whether work begins: once a session stops, and while its task is paused, only what calls no model."""
        held = self._calls.stopping or self._calls.pauses.hold(open_.task)
        return not (held and calls_a_model(open_.work))

    async def _do(self, open_: Open) -> None:
        try:
            with anyio.CancelScope() as self._scopes[open_]:
                await self._work(open_)
        except Stopped:
            self.interrupted = True
        finally:
            del self._scopes[open_]
            self._running.discard(open_)
            self._batches.end(open_)
            self._ended.set()
            if self._done():
                self._following.cancel()

    async def _work(self, open_: Open) -> None:
        state = self.tasks[open_.task]
        task = await self._spec(state)
        if open_.work is Work.AUDIT:
            await self._audits.carry_out(open_, self._job(open_, state, task, "validator"), self.tasks)
            return
        role = ROLES[open_.work][0] if open_.work in ROLES else ""
        recorded = self._journal.of(open_.task, open_.step, open_.attempt, role) if role else Recorded()
        attempt = Attempt(self._owner, state, step=open_.step, attempt=open_.attempt, role=role, recorded=recorded)
        try:
            with self._times.within(task):
                outcome = await self._outcome(open_, state, task, attempt)
        except TimeoutError:
            limit = task.limits.time_s or 0
            outcome = [Placed(TaskFailed(reason=f"it took longer than its limit of {limit:g} s", cause="time"))]
        except BaseException:
            with anyio.CancelScope(shield=True):
                await attempt.leave()  # an answer that came is recorded, whatever ends us
            raise
        with anyio.CancelScope(shield=True):
            self._note(open_.task, await attempt.finish(outcome, self.tasks))

    def _note(self, task: str, ack: Ack) -> None:
        if ack.positions:
            self._appended[task] = ack.positions[-1]

    async def _outcome(self, open_: Open, state: TaskState, task: Task, attempt: Attempt) -> list[Placed]:
        try:
            match open_.work:
                case Work.GATE:
                    return await gated(state, task, self.tasks, self._plan, self._surroundings, attempt)
                case Work.GATHER:
                    children = [self.tasks[name] for name in state.children or ()]
                    return [Placed(await gathered(task, children, self._surroundings.accepted, attempt.put))]
                case Work.DELIVER:
                    return await self._delivery.deliver(state, task)
                case _:
                    pass
            role, function = ROLES[open_.work]
            await self._portions.learn(task)
            call = self._calls.for_attempt(
                attempt,
                lambda: self._terms(task, role),
                turns=task.limits.turns,
                level=task.priority,
                more=lambda refusal: self._caps.is_raised(refusal, task, role),
                seat=self._batches.place_of(open_),
            )
            await self._ledger.catch_up()  # what is spent by now decides who is asked, and how much is sent
            stages = stages_of(self._plan.stages, task, attempt, looked_at=is_looked_at(self._plan, task))
            told = await prompted(task, role, state.type, stages, attempt)
            job = told.given_to(self._job(open_, state, told.task, role))
            if role == "worker" and task.tools:
                job = msgspec.structs.replace(job, hands=self._toolkit.hands(attempt, job, self._caps))
            try:
                return [*await function(job, attempt=attempt, call=call)]
            except NoModelAvailable as error:
                reasons = {**error.reasons, **allowed_arms(self._plan, task, role)[1]}  # the task's rules hold anyway
                raise NoModelAvailable(role=role, reasons=reasons, back=error.back) from error
        except (Stopped, OwnerLost):
            raise
        except NotWorthIt as error:
            stopped = Placed(error.stopped, open_.step, open_.attempt)
            return [stopped, Placed(TaskFailed(reason=str(error), cause="not worth it"))]
        except BudgetExceeded as error:
            return [Placed(await self._caps.end(error, open_, task, self.tasks[open_.task], attempt))]
        except SwarmError as error:
            return [ended_by(error, open_, self._redact(str(error)))]

    def _job(self, open_: Open, state: TaskState, task: Task, role: Role) -> Job:
        caps = self._caps.in_force(task, role)
        picks = Picks(
            plan=self._plan,
            task=task,
            state=state,
            session=self._owner.name,
            trails=self._trails,
            pressure=self._pace.pressure,
            clock=self._clock,
            money=partial(greatest_share, caps, self._ledger.money, "nanos"),
            counts=self._foresight.counts,
            pin=partial(self._view.pin_of, state),
        )
        pick = picks.of(open_, role)
        room = context_room(self._plan, task, role, session=self._owner.session, caps=caps)
        return Job(
            open=open_,
            task=task,
            state=state,
            world=self._surroundings.world(room),
            pick=self._foresight.within(pick, open_, task, state, role),
            stay=lambda name: picks.staying(role, name, pick),
            go_on=lambda name: picks.staying(role, name, pick, why=GOES_ON),
            judges=picks.anybody_judges,
            redact=self._redact,
            audits=partial(picks.is_audited, open_.step),
            strain=strain_of(caps, self._ledger.money),
            delegated=partial(picks.delegated, open_),
        )

    def _terms(self, task: Task, role: Role | Beside) -> Terms:
        session, now = self._owner.session, self._clock()
        caps = self._plan.caps(session, self._owner.project, task, role, now)
        *above, mine = self._plan.scopes(session, task, now)
        named = (*above, *self._portions.named(task, role), mine)
        return Terms(named=named, caps=caps, shares=self._portions.shares(task, role))

    async def _spec(self, state: TaskState) -> Task:
        if state.name not in self._specs:
            text = await self._owner.log.text(state.spec.ref, at=state.spec.at)
            self._specs[state.name] = msgspec.json.decode(text, type=Task)
        return self._specs[state.name]

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
        for scope in [scope for open_, scope in self._scopes.items() if open_.work is Work.AUDIT]:
            scope.cancel()
        with anyio.move_on_after(GRACE_S if set(self._calls.in_flight.values()) - {"local"} else 0):
            await self._faces.abort.wait()
        self._roles.cancel_scope.cancel()
