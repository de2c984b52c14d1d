"""Plausible histories: what several sessions append, in an order that could have happened."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from random import Random
from typing import NamedTuple

from events.blobs import Known, Pack, Text
from events.log import NewEvent, session_name
from events.testing import builders as make
from events.types.any import AnyEvent
from events.types.base import TextRef
from events.types.call import BudgetSet
from events.types.control import TierPinned, WorkPaused, WorkUnpaused
from events.types.session import FileTrusted, SessionRenewed
from events.types.task import AttemptAbandoned, TaskCancelled, TaskFailed, TaskHalted, TaskReopened

Positions = tuple[int, ...]
"""Where the events of an append came to stand."""

ARMS = (("maker", "small", "free"), ("maker", "large", "paid"), ("tester", "small", "free"))
EXCERPT = "The same words come again and again in what a swarm reads and writes. "


class Append(NamedTuple):
    events: Sequence[NewEvent]
    texts: Sequence[Text] = ()


Scene = Generator[Append, Positions, None]
"""Yields appends and is sent the positions that they got."""


def scenes(random: Random, *, sessions: int = 3, first: int = 1) -> Scene:
    """The appends of several sessions, interleaved; `first` is the number of the first. Send the positions of each back."""
    known = Known()
    running = [_Session(random, known, number).scene() for number in range(first, first + sessions)]
    waiting = [next(scene) for scene in running]
    while running:
        index = random.randrange(len(running))
        positions = yield waiting[index]
        known.learn(waiting[index].texts, positions[0])
        try:
            waiting[index] = running[index].send(positions)
        except StopIteration:
            del running[index], waiting[index]


def history(random: Random, *, sessions: int = 3) -> list[Append]:
    """The same as a list, for a log that is empty and counts from 1 without gaps."""
    appends: list[Append] = []
    scene, head = scenes(random, sessions=sessions), 0
    append = next(scene)
    while True:
        appends.append(append)
        positions = tuple(range(head + 1, head + 1 + len(append.events)))
        head = positions[-1]
        try:
            append = scene.send(positions)
        except StopIteration:
            return appends


class _Session:
    def __init__(self, random: Random, known: Known, number: int) -> None:
        self._random, self._known, self._number = random, known, number
        self._scopes = ("log", f"day:2026-09-2{random.randrange(1, 4)}@UTC", session_name(number))

    def scene(self) -> Scene:
        pack = Pack(self._known)
        name = session_name(self._number)
        opened = make.opened(title=name, settings=pack.put("{}"))
        claim = make.claimed(epoch=1)
        opening = [
            self._new(opened, topic="sessions"),
            self._new(claim, topic=f"claim/{name}"),
        ]
        yield Append(opening, pack.texts)
        if self._random.random() < 0.3:
            trusted = FileTrusted(digest="d", path="task.yaml", commands=("make test",))
            yield Append([self._new(trusted, topic="trust")])
        for index in range(self._random.randrange(1, 4)):
            yield from _Task(self._random, self._known, self._number, f"task{index}", self._scopes).scene()
            if self._random.random() < 0.3:
                renewed = SessionRenewed(valid_until=make.MORNING + index)
                yield Append([self._new(renewed)])
            if self._random.random() < 0.2:
                yield Append([self._cap()])
            if self._random.random() < 0.2:
                again = make.claimed(epoch=index + 2, pid=index)
                yield Append([self._new(again, topic=f"claim/{name}")])
        closed = make.closed(finished=self._random.random() < 0.7)
        yield Append([self._new(closed, topic=f"claim/{name}")])

    def _cap(self) -> NewEvent:
        """A person gives the day or the session a cap."""
        day, own = self._random.random() < 0.5, session_name(self._number)
        tokens, nanos = (self._random.choice((None, self._random.randrange(5_000))) for _ in range(2))
        cap = BudgetSet(scope=self._scopes[1] if day else own, tokens=tokens, nanos=nanos, by="ada@host")
        return make.new(cap, session=0 if day else self._number, topic="ledger", id=self._random.randbytes(16))

    def _new(self, event: AnyEvent, topic: str = "") -> NewEvent:
        return make.new(event, session=self._number, topic=topic, id=self._random.randbytes(16))


class _Task:
    def __init__(self, random: Random, known: Known, session: int, name: str, scopes: tuple[str, ...]) -> None:
        self._random, self._known, self._session, self._name = random, known, session, name
        self._scopes = (*scopes, f"{session_name(session)}/{name}")
        self._step = self._attempt = 0
        self._arm = ARMS[0]
        self._doubtful: list[int] = []

    def scene(self) -> Scene:
        pack = Pack(self._known)
        spec = pack.put(self._words())
        explore, attempts = self._random.random() < 0.3, self._random.randrange(1, 4)
        submitted = make.submitted(title=self._name, spec=spec, explore=explore, attempts=attempts)
        yield Append([self._new(submitted)], pack.texts)
        if self._random.random() < 0.1:
            yield Append([self._new(TaskCancelled(reason="not needed"))])
            return
        total = yield from self._plan(explore)
        result: TextRef | None = None
        for step in range(1, total + 1):
            result = yield from self._work(step, attempts)
            if result is None:
                break
        if result is None:
            yield Append([self._new(TaskFailed(reason="every draft was rejected", cause="rejected"))])
        elif self._random.random() < 0.1:
            yield Append([self._new(TaskHalted(reason="the cap is reached", scope="session", unit="tokens"))])
            yield Append([self._new(WorkPaused(by="ada@host")), self._new(TierPinned(tier="paid", by="ada@host"))])
            yield Append([self._new(WorkUnpaused(by="ada@host"))])
            yield Append([self._new(TaskReopened(reason="more room", by="ada@host", attempts=1))])
        if result is not None:
            yield Append([self._new(make.task_accepted(result=result, unjudged=self._random.random() < 0.2))])
        for reservation in self._doubtful:  # the provider's bill came after all
            match self._random.choice(("settled", "reconciled", "not billed", "")):
                case "settled":
                    yield self._settled(reservation, Pack(self._known))
                case "reconciled":
                    yield self._settled(reservation, Pack(self._known), basis="invoice", by="ada@host")
                case "not billed":
                    yield Append([self._new(make.failed(reservation), topic="ledger")])
                case _:
                    pass

    def _plan(self, explore: bool) -> Generator[Append, Positions, int]:
        total = self._random.randrange(1, 4) if explore else 1
        pack = Pack(self._known)
        captured: list[NewEvent] = []
        if explore:
            self._attempt = 1
            reservation = yield from self._call("explorer")
            if reservation is None:
                yield Append([self._new(AttemptAbandoned(role="explorer", reason="no answer"))])
                total = 1
            else:
                captured = list(self._settled(reservation, pack).events)
        plans: list[NewEvent] = []
        for self._step in range(1, total + 1):
            plans.append(self._new(make.planned(title=f"step {self._step}", total=total)))
        yield Append([*captured, *plans], pack.texts)
        return total

    def _work(self, step: int, attempts: int) -> Generator[Append, Positions, TextRef | None]:
        self._step = step
        for self._attempt in range(1, attempts + 1):
            reservation = yield from self._call("worker")
            if reservation is None:
                yield Append([self._new(AttemptAbandoned(role="worker", reason="no answer"))])
                return None
            agent, model, tier = self._arm
            pack = Pack(self._known)
            draft = pack.put(self._words())
            settled = self._settled(reservation, pack).events
            drafted = make.drafted(draft=draft, agent=agent, model=model, tier=tier)
            yield Append([*settled, self._new(drafted)], pack.texts)
            if self._random.random() < 0.6:
                yield Append([self._new(make.accepted(draft=draft, unjudged=self._random.random() < 0.2))])
                return draft
            yield Append([self._new(make.rejected(feedback=make.a_ref("again")))], [make.a_text("again")])
        return None

    def _call(self, role: str) -> Generator[Append, Positions, int | None]:
        """Reserve until one try is answered; return its reservation, or None where that never comes."""
        for nth in range(1, 4):
            agent, model, tier = self._arm = self._random.choice(ARMS)
            context = f"{role}/code"
            choice = make.chosen(role=role, context=context, agent=agent, model=model, tier=tier)
            tokens, nanos = self._random.randrange(1, 2_000), self._random.randrange(5_000)
            call = make.reserved(
                role=role,
                agent=agent,
                model=model,
                tier=tier,
                tokens=tokens,
                cost_nanos=nanos,
                scopes=self._scopes,
                nth=nth,
                quick_tokens=tokens // 3,
            )
            placed = yield Append([self._new(choice), self._new(call, topic="ledger")])
            reservation = placed[1]
            match self._random.choices(("answered", "failed", "released", "unknown"), (7, 1, 1, 1))[0]:
                case "answered":
                    return reservation
                case "failed":
                    yield Append([self._new(make.failed(reservation))])
                case "released":
                    yield Append([self._new(make.released(reservation))])
                case _:
                    yield Append([self._new(make.unknown(reservation))])
                    self._doubtful.append(reservation)
        return None

    def _settled(self, reservation: int, pack: Pack, **changes: str) -> Append:
        settled = make.settled(
            reservation,
            answer=pack.put(self._words()),
            tokens=self._random.randrange(2_500),
            cost_nanos=self._random.randrange(6_000),
            **changes,
        )
        events = [self._new(settled)]
        if self._random.random() < 0.1:
            events.append(self._new(make.overran(reservation, scopes=self._scopes), topic="ledger"))
        return Append(events, pack.texts)

    def _words(self) -> str:
        return f"{self._random.randrange(20)}: {EXCERPT * self._random.randrange(60)}"

    def _new(self, event: AnyEvent, *, topic: str = "") -> NewEvent:
        return make.new(
            event,
            session=self._session,
            task=self._name,
            step=self._step,
            attempt=self._attempt,
            topic=topic,
            id=self._random.randbytes(16),
        )
