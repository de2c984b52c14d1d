"""Simulated logs that the real chooser made, on arms whose chance and cost are known: so is what other values come to."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import cache

import msgspec

from events.log import Entry, EventLog
from events.testing.builders import (
    MORNING,
    accepted,
    closed,
    new,
    opened,
    planned,
    rejected,
    reserved,
    settled,
    submitted,
    task_accepted,
)
from events.trails import Trail, Trails
from events.types.any import AnyEvent
from events.types.call import CallReserved, CallSettled
from events.types.choice import FREE_TIERS, ChoiceMade
from events.types.session import SessionOpened
from events.types.task import TaskAccepted, TaskFailed
from swarm.choice.choose import choose
from swarm.choice.question import Policy, Question
from swarm.cycle import RETRIES_ON_ARM
from swarm.engine.picks import EXPECTED_OUTPUT_TOKENS
from swarm.messages import FREE, MILLION, Arm, Price, Tier
from swarm.whatif.record import RecordView, SessionRecord

AGENT, CONTEXT = "maker", "worker/code"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model: how often a draft of it is accepted, what one costs, and what the chooser has seen of it."""

    name: str
    tier: Tier
    chance: float
    nanos: int = 0
    seen: tuple[float, float] = (6.0, 2.0)  # accepted, rejected

    @property
    def arm(self) -> Arm:
        price = Price(row=self.name, input_nanos=0, output_nanos=self.nanos * MILLION // EXPECTED_OUTPUT_TOKENS)
        return Arm(agent=AGENT, model=self.name, tier=self.tier, price=price if self.nanos else FREE)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Models, and the settings under which the log was made."""

    models: tuple[Model, ...]
    policy: Policy = "trails"
    worth: float = 20.0
    start: str = "free"
    attempts: int = 3
    escalations: int = 3
    tiers: frozenset[str] = frozenset()

    @property
    def trails(self) -> Trails:
        return Trails(rows={(CONTEXT, each.arm.name): Trail(*each.seen, MORNING) for each in self.models})


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    cost: float  # of an accepted task
    accepted: float


@cache
def truth_of(world: World, *, tasks: int = 4_000) -> Truth:
    """What such settings come to, by doing many tasks."""
    draws, trails, nanos, good = random.Random("truth"), world.trails, 0, 0
    for number in range(tasks):
        for event, _ in _attempts(world, trails, draws, f"truth/{number}"):
            nanos += event.cost_nanos if isinstance(event, CallSettled) else 0
            good += isinstance(event, TaskAccepted)
    return Truth(cost=nanos / good, accepted=good / tasks)


def simulated(world: World, seed: int, *, tasks: int, sessions: int = 4) -> list[SessionRecord]:
    view = RecordView()
    for entry in entries_of(world, seed, tasks=tasks, sessions=sessions):
        view.apply(entry)
    return list(view.sessions.values())


def entries_of(world: World, seed: int, *, tasks: int, sessions: int = 1) -> Iterator[Entry]:
    """A log of so many finished sessions with so many tasks in all."""
    draws, positions, trails = random.Random(seed), iter(range(1, 10_000_000)), world.trails
    for session in range(1, sessions + 1):

        def entry(task: str, event: AnyEvent, attempt: int, session: int = session) -> Entry:
            return Entry(next(positions), b"", 0, "", "", session, task, min(attempt, 1), attempt, 0, event)

        yield entry("", opened(), 0)
        for number in range(tasks * (session - 1) // sessions, tasks * session // sessions):
            name = f"t{number}"
            yield entry(name, submitted(title=name, attempts=world.attempts), 0)
            yield entry(name, planned(), 1)
            call = 0
            for event, attempt in _attempts(world, trails, draws, f"{seed}/{name}"):
                if isinstance(event, CallSettled):
                    event = msgspec.structs.replace(event, reservation=call)
                made = entry(name, event, attempt)
                call = made.position if isinstance(event, CallReserved) else call
                yield made
        yield entry("", closed(), 0)


def _attempts(world: World, trails: Trails, draws: random.Random, seed: str) -> Iterator[tuple[AnyEvent, int]]:
    """A task of one step by the rules of the cycle, each event with its attempt; nobody learns from it."""
    fails, kept, last, escalations = dict[str, int](), dict[str, float](), "", 0
    for attempt in range(1, world.attempts + 1):
        question = Question(
            role="worker",
            context=CONTEXT,
            seed=f"{seed}/{attempt}",
            step=seed,
            now=MORNING,
            input_tokens=0,
            output_tokens=EXPECTED_OUTPUT_TOKENS,
            policy=world.policy,
            worth=world.worth,
            arms=max(1, -(-(world.attempts - attempt + 1) // (1 + RETRIES_ON_ARM))),
            free_first=world.start == "free",
            stay_on=last if last and fails[last] <= RETRIES_ON_ARM else "",
            tried=tuple(arm for arm, drafts in fails.items() for _ in range(drafts)),
            without=tuple(arm for arm, drafts in fails.items() if drafts > RETRIES_ON_ARM),
            draws=kept,
            may_escalate=escalations < world.escalations,
        )
        barred = {each.name: "its tier" for each in world.models if world.tiers and each.tier not in world.tiers}
        choice = choose(question, [each.arm for each in world.models], trails, barred)
        assert choice is not None
        yield choice, attempt
        if not isinstance(choice, ChoiceMade):
            yield TaskFailed(reason="one more try is not worth its cost", cause="rejected"), attempt
            return
        kept |= {each.arm: each.draw for each in choice.candidates if each.draw}
        escalations += any(each.arm != choice.arm for each in choice.tried) and choice.tier not in FREE_TIERS
        last = choice.arm
        model = next(each for each in world.models if each.name == choice.model)
        yield reserved(model=model.name, tier=model.tier, cost_nanos=4 * model.nanos), attempt
        yield settled(0, cost_nanos=draws.randrange(3) * model.nanos), attempt
        if draws.random() < model.chance:
            yield accepted(), attempt
            yield task_accepted(), attempt
            return
        fails[last] = fails.get(last, 0) + 1
        yield rejected(), attempt
    yield TaskFailed(reason="all drafts were rejected", cause="rejected"), world.attempts


async def write(log: EventLog, entries: Iterable[Entry]) -> None:
    """Append the entries to a log that is empty, where they get the positions that they have."""
    found = list(entries)
    events = [
        new(
            each.event,
            session=each.session,
            task=each.task,
            step=each.step,
            attempt=each.attempt,
            topic="sessions" if isinstance(each.event, SessionOpened) else "",
        )
        for each in found
    ]
    assert (await log.append(events)).positions == tuple(each.position for each in found)
