"""What an attempt already did, given back instead of done again.

Key: session's task, step, attempt, role, branch, ordinal. The first effect without a record is done live; a capture costs no event
of its own, it travels with the next intent or outcome, and so does the end of a use of a tool.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec

from events.blobs import Pack
from events.log import Ack, Entry, EventLog, NewEvent
from events.types.answer import AnswerServed
from events.types.any import AnyEvent
from events.types.base import Captured, TextRef
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import ChoiceMade
from events.types.task import (
    AttemptAbandoned,
    StepAccepted,
    StepAudited,
    StepDrafted,
    StepPlanned,
    StepRejected,
    TaskAccepted,
    TaskSubmitted,
)
from events.types.tool import ToolFinished, ToolStarted
from events.views.tasks import Place, TaskState
from swarm.cycle import Placed, consequences
from swarm.owner import Owner

TREE = "tree"
"""The name under which the state of the project is recorded that a draft's checks were run on."""

Outcome = CallSettled | CallFailed | CallReleased | CallUnknown


class Try(msgspec.Struct, kw_only=True):
    """One recorded try of a call, and what became of it; None = nobody knows yet."""

    position: int
    reserved: CallReserved
    choice: ChoiceMade | None
    outcome: Outcome | None = None
    outcome_at: int = 0


class Use(msgspec.Struct, kw_only=True):
    """One recorded use of a tool, and what came of it; None = nobody knows yet."""

    started: ToolStarted | None = None  # None: it did no more than to look
    finished: ToolFinished | None = None
    finished_at: int = 0


class Recorded(msgspec.Struct):
    """What is recorded of one role's attempt."""

    captures: dict[str, Place] = {}
    calls: dict[int, list[Try]] = {}
    uses: dict[int, Use] = {}  # of tools
    outcome: list[Entry] = []


Key = tuple[str, int, int, str, str]
"""Task, step, attempt, role, branch."""


class Journal(msgspec.Struct):
    """A fold of one session into what each attempt took from the world and did."""

    attempts: dict[Key, Recorded] = {}
    open: dict[int, Entry] = {}  # reservations of which nobody knows yet what became
    _tries: dict[int, Try] = {}
    _choice: ChoiceMade | None = None

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ChoiceMade() as choice:
                self._choice = choice  # its reservation follows in the same append
            case CallReserved() as call:
                recorded = self._recorded(entry, call.role, call.branch)
                attempt = Try(position=entry.position, reserved=call, choice=self._choice)
                recorded.calls.setdefault(call.ordinal, []).append(attempt)
                self._tries[entry.position] = attempt
                self.open[entry.position] = entry
                self._choice = None
                _keep(recorded, call.captured, entry.position)
            case CallSettled() | CallFailed() | CallReleased() | CallUnknown():
                self._end(entry.event, entry.position)
            case AnswerServed() as served:
                recorded = self._recorded(entry, served.role, served.branch)
                recorded.calls.setdefault(served.ordinal, []).append(_as_try(served, entry.position))
                _keep(recorded, served.captured, entry.position)
            case ToolStarted() as started:
                recorded = self._recorded(entry, started.role, started.branch)
                recorded.uses[started.ordinal] = Use(started=started)
                _keep(recorded, started.captured, entry.position)
            case ToolFinished() as finished:
                recorded = self._recorded(entry, finished.role, finished.branch)
                use = recorded.uses.setdefault(finished.ordinal, Use())
                if use.finished is None:  # an append that was thought to have failed may have been made
                    use.finished, use.finished_at = finished, entry.position
            case StepPlanned() | StepDrafted() | StepAccepted() | StepRejected():
                recorded = self._recorded(entry, _role_of(entry))
                _keep(recorded, entry.event.captured, entry.position)
                recorded.outcome.append(entry)
            case StepAudited():
                self._recorded(entry, "auditor").outcome.append(entry)
            case AttemptAbandoned(role=role):
                self._recorded(entry, role).outcome.append(entry)
            case TaskSubmitted(keeps=False):  # in a fork: what is recorded of the task was done for another form of it
                self.attempts = {key: recorded for key, recorded in self.attempts.items() if key[0] != entry.task}
            case _:
                pass

    def _end(self, outcome: Outcome, position: int) -> None:
        """The first outcome counts. Of one that was unknown a person may say later that it was not billed; no answer comes."""
        self.open.pop(outcome.reservation, None)
        known = self._tries.get(outcome.reservation)
        if known is not None and (known.outcome is None or isinstance(outcome, CallFailed)):
            known.outcome, known.outcome_at = outcome, position
        if not isinstance(outcome, CallUnknown):
            self._tries.pop(outcome.reservation, None)

    def forget_open(self) -> None:
        """Drop the tries of which nobody knows what became: they are somebody else's."""
        for position in self.open:
            del self._tries[position]
        for recorded in self.attempts.values():
            for ordinal, tries in recorded.calls.items():
                recorded.calls[ordinal] = [each for each in tries if each.position not in self.open]
        self.open.clear()
        self._choice = None

    def of(self, task: str, step: int, attempt: int, role: str, branch: str = "") -> Recorded:
        return self.attempts.get((task, step, attempt, role, branch)) or Recorded()

    def _recorded(self, entry: Entry, role: str, branch: str = "") -> Recorded:
        step = 0 if role == "explorer" else entry.step
        return self.attempts.setdefault((entry.task, step, entry.attempt, role, branch), Recorded())


def _as_it_is(event: AnyEvent, _: Pack) -> AnyEvent:
    return event


def _as_try(served: AnswerServed, at: int) -> Try:
    """A call that got an earlier answer, as if it had been made: for whoever takes it from the record it is the same."""
    reserved = CallReserved(
        role=served.role,
        agent=served.agent,
        model=served.model,
        tier=served.tier,
        messages=served.messages,
        max_output_tokens=served.max_output_tokens,
        tokens=0,
        cost_nanos=0,
        price="",
        scopes=(),
        ordinal=served.ordinal,
        answer_schema=served.answer_schema,
        why=served.why,
        skills=served.skills,
        branch=served.branch,
    )
    settled = CallSettled(
        reservation=at,
        answer=served.answer,
        finish="stop",
        input_tokens=0,
        output_tokens=0,
        tokens=0,
        cost_nanos=0,
        price="",
    )
    return Try(position=at, reserved=reserved, choice=None, outcome=settled, outcome_at=at)


def _role_of(entry: Entry) -> str:
    match entry.event:
        case StepPlanned():
            return "explorer"
        case StepDrafted():
            return "worker"
        case _:
            return "validator"


def _keep(recorded: Recorded, captured: Sequence[Captured], at: int) -> None:
    for each in captured:
        recorded.captures.setdefault(each.name, Place(each.text, at))


def _carries(event: AnyEvent) -> bool:
    """Whether an outcome holds what was captured."""
    return isinstance(event, StepPlanned | StepDrafted | StepAccepted | StepRejected)


class Attempt:
    """One role's try at one step of one task: what it takes from the world, and what it says in the end."""

    def __init__(
        self,
        owner: Owner,
        state: TaskState,
        *,
        step: int,
        attempt: int,
        role: str,
        recorded: Recorded,
        calls: int = 0,
        branch: str = "",
    ) -> None:
        """`calls` is how many it made before, which it does not ask about again; `branch` what in the attempt it is, "": all."""
        self.owner, self.state, self.role, self.branch = owner, state, role, branch
        self.step, self.number = step, attempt
        self.recorded = recorded
        self._captured: dict[str, str] = {}  # taken since the last append
        self._settlement: Callable[[Pack], Sequence[NewEvent]] | None = None
        self._settlement_durable = False
        self._held: list[Callable[[Pack], AnyEvent]] = []  # ends of uses that stand in no append yet
        self._told: list[AnyEvent] = []  # what goes with what was captured since the last append
        self._pack = Pack(owner.known)
        self._ordinal, self._uses = calls, 0
        self.agent = ""  # whose answer was the last

    @property
    def log(self) -> EventLog:
        return self.owner.log

    @property
    def key(self) -> str:
        """The attempt's name in seeds: the same at every replay."""
        return "/".join(str(part) for part in (self.owner.name, *self.place[1:]) if part != "")

    @property
    def place(self) -> tuple[int, str, int, int, str, str]:
        """Session, task, step, attempt, role, branch."""
        return self.owner.session, self.state.name, self.step, self.number, self.role, self.branch

    @property
    def use(self) -> int:
        """The ordinal of the use of a tool that began last. There is no other at the same time: a branch counts its own."""
        return self._uses

    async def text(self, place: Place) -> str:
        return await self.log.text(place.ref, at=place.at)

    async def capture(self, name: str, make: Callable[[], Awaitable[str]]) -> str:
        """Take something from the world once: recorded with the next append, and read from the record ever after."""
        place = self.recorded.captures.get(name)
        if place is not None:
            return await self.text(place)
        await self.flush()
        text = await make()
        self._captured[name] = text
        return text

    def note(self, name: str, text: str) -> None:
        """Record something with the next append. Whoever decides by it reads the record first; see `capture`."""
        self._captured[name] = text

    def put(self, text: str) -> TextRef:
        """Refer to a text from the outcome that the role returns."""
        return self._pack.put(text)

    def next_call(self) -> tuple[int, list[Try]]:
        """The ordinal of the call that is now issued, and what is recorded of it."""
        self._ordinal += 1
        return self._ordinal, self.recorded.calls.get(self._ordinal, [])

    @property
    def coming_call(self) -> tuple[int, Sequence[Try]]:
        """The ordinal of the call that is issued next, and what is recorded of it."""
        return self._ordinal + 1, self.recorded.calls.get(self._ordinal + 1, ())

    def next_use(self) -> tuple[int, Use]:
        """The ordinal of the use of a tool that now begins, and what is recorded of it."""
        self._uses += 1
        return self._uses, self.recorded.uses.get(self._uses, Use())

    async def begin_use(self, started: Callable[[Pack], ToolStarted]) -> None:
        """Append the intent to use a tool, with the ends of the uses before it: nothing is done before it stands there."""
        await self._begin(lambda pack: msgspec.structs.replace(started(pack), captured=self.captures(pack)))

    async def give(self, served: Callable[[Pack], AnswerServed]) -> None:
        """Append that a call gets an earlier answer, with the ends of the uses before it; it holds the captures itself."""
        await self._begin(served)

    async def _begin(self, event: Callable[[Pack], ToolStarted | AnswerServed]) -> None:
        await self.flush()
        pack = Pack(self.owner.known)
        events = self.held(pack)
        events.append(self.new(event(pack)))
        await self.owner.append(events, texts=pack.texts)
        self.captures_are_stored()

    def end_use(self, finished: Callable[[Pack], ToolFinished]) -> None:
        """Hold the end of a use for the append that follows: the next call's, the next tool's or the outcome's."""
        self._held += [finished, *(partial(_as_it_is, each) for each in self._told)]
        self._told.clear()  # it was told of what the tool said

    def tell(self, event: AnyEvent) -> None:
        """Hold an event for the append with which what it tells of is recorded: the end of a use, or what is captured now."""
        self._told.append(event)

    def held(self, pack: Pack) -> list[NewEvent]:
        """What is held, for the append that is now made with `pack`."""
        return [*self._ended(pack), *(self.new(event) for event in self._told)]

    def _ended(self, pack: Pack) -> list[NewEvent]:
        return [self.new(finished(pack)) for finished in self._held]

    def captures(self, pack: Pack) -> tuple[Captured, ...]:
        """What was taken since the last append, for the event that is now appended with `pack`."""
        return tuple(Captured(name, pack.put(text)) for name, text in self._captured.items())

    def captures_are_stored(self) -> None:
        """What was captured and held stands in the log."""
        self._captured.clear()
        self._held.clear()
        self._told.clear()

    def new(self, event: AnyEvent, *, topic: str = "") -> NewEvent:
        return self.owner.new(event, task=self.state.name, step=self.step, attempt=self.number, topic=topic)

    def settle(self, events: Callable[[Pack], Sequence[NewEvent]], *, durable: bool) -> None:
        """Hold an answer's settlement for the append that follows: the outcome's, where the role returns at once.

        Nothing acts on the answer before: whatever the role does next begins with `flush`.
        """
        self._settlement, self._settlement_durable = events, durable

    async def flush(self) -> None:
        """Append the settlement that is held."""
        if self._settlement is None:
            return
        make, self._settlement = self._settlement, None
        pack = Pack(self.owner.known)
        events = make(pack)
        await self.owner.append(events, texts=pack.texts, durable=self._settlement_durable)

    async def leave(self) -> None:
        """Append all that is held: the attempt is interrupted, and what it did is not done again."""
        await self.flush()
        if self._held:
            pack = Pack(self.owner.known)
            await self.owner.append(self._ended(pack), texts=pack.texts)
            self._held.clear()

    async def finish(self, outcome: Sequence[Placed], others: Mapping[str, TaskState]) -> Ack:
        """Append the settlement that is held, the outcome, and what the cycle says follows from it, all in one."""
        placed = self.with_captures(outcome)
        following = consequences(self.state, others, placed)
        make, self._settlement = self._settlement, None
        events = list(make(self._pack)) if make is not None else []
        carried = not self._captured or any(_carries(each.event) for each in placed)
        events += self.held(self._pack) if carried else self._ended(self._pack)  # else it is taken and told of again
        events += [self.owner.placed(self.state.name, each) for each in (*placed, *following)]
        durable = any(isinstance(each.event, TaskAccepted) for each in (*placed, *following))
        durable = durable or (make is not None and self._settlement_durable)
        texts = self._pack.texts
        ack = await self.owner.append(events, texts=texts, durable=durable)
        self.captures_are_stored()
        return ack

    def with_captures(self, outcome: Sequence[Placed]) -> list[Placed]:
        """The outcome, its first event carrying what was captured since the last append."""
        placed = list(outcome)
        for index, each in enumerate(placed):
            if self._captured and _carries(each.event):
                event = msgspec.structs.replace(each.event, captured=self.captures(self._pack))
                placed[index] = Placed(event, each.step, each.attempt)
                break
        return placed
