"""Simulated logs of which the truth is known: arms with a known chance of success and cost, drawn by a known policy."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from events.log import Entry, EventLog
from events.testing.builders import (
    accepted,
    chosen,
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
from events.types.any import AnyEvent
from events.types.choice import Candidate
from events.types.session import SessionOpened
from events.types.task import TaskFailed
from swarm.choice.choose import STAYED
from swarm.whatif.record import RecordView, SessionRecord

AGENT = "maker"
ATTEMPTS = 3

Policy = Callable[[Sequence[Candidate]], Sequence[float]]
"""The probabilities with which one draws among candidates."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model, its chance to have a draft accepted by the difficulty of the task, and what a draft costs by it."""

    name: str
    tier: str = "cheap"
    chances: tuple[float, ...]
    nanos: tuple[int, ...]  # the cost of a draft is twice one of these or nothing, or this, evenly

    @property
    def arm(self) -> str:
        return f"{AGENT}@{self.name}"


class World(msgspec.Struct, frozen=True, kw_only=True):
    models: tuple[Model, ...]
    behaviour: Policy


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    nanos: float
    accepted: float
    free: float


def by_weight(candidates: Sequence[Candidate]) -> Sequence[float]:
    total = sum(each.weight for each in candidates)
    return [each.weight / total for each in candidates]


def uniform(candidates: Sequence[Candidate]) -> Sequence[float]:
    return [1 / len(candidates)] * len(candidates)


def cheapest(candidates: Sequence[Candidate]) -> Sequence[float]:
    least = min(each.cost_nanos for each in candidates)
    hits = [each.cost_nanos == least for each in candidates]
    return [hit / sum(hits) for hit in hits]


def best(candidates: Sequence[Candidate]) -> Sequence[float]:
    most = max(each.mean for each in candidates)
    hits = [each.mean == most for each in candidates]
    return [hit / sum(hits) for hit in hits]


def candidates_of(world: World, kind: int, without: frozenset[str]) -> list[Candidate]:
    """As the chooser sees them: its expectation is not the truth, but leans to it."""
    bare = [
        Candidate(
            agent=AGENT,
            model=model.name,
            tier=model.tier,
            mean=round(0.5 * model.chances[kind] + 0.25, 3),
            cost_nanos=model.nanos[kind],
            weight=1.0,
        )
        for model in world.models
        if model.name not in without
    ]
    shares = world.behaviour(bare)
    return [msgspec.structs.replace(each, weight=share) for each, share in zip(bare, shares, strict=True)]


def truth_of(world: World, policy: Policy) -> Truth:
    """What the policy comes to, by going through everything that can happen."""
    kinds = range(len(world.models[0].chances))
    parts = [_expected(world, policy, kind) for kind in kinds]
    number = len(parts)
    return Truth(
        nanos=sum(part.nanos for part in parts) / number,
        accepted=sum(part.accepted for part in parts) / number,
        free=sum(part.free for part in parts) / number,
    )


def _expected(world: World, policy: Policy, kind: int) -> Truth:
    """A draft, one more on the same arm, then one on another: the cycle's rule, with all that it can come to."""
    nanos = accepted_ = free = 0.0
    first = candidates_of(world, kind, frozenset())
    for one, share in zip(first, policy(first), strict=True):
        chance, cost = _of(world, one.model, kind)
        # nothing is paid with one third by each draft; a free model never
        unpaid = 1 / 3 if cost else 1.0
        twice = (1 - chance) ** 2
        nanos += share * cost * (2 - chance)
        accepted_ += share * (1 - twice)
        free += share * (chance * unpaid + (1 - chance) * chance * unpaid**2)
        others = candidates_of(world, kind, frozenset((one.model,)))
        for other, share_of_other in zip(others, policy(others), strict=True):
            chance_of_other, cost_of_other = _of(world, other.model, kind)
            unpaid_of_other = 1 / 3 if cost_of_other else 1.0
            likely = share * twice * share_of_other
            nanos += likely * cost_of_other
            accepted_ += likely * chance_of_other
            free += likely * unpaid**2 * unpaid_of_other
    return Truth(nanos=nanos, accepted=accepted_, free=free)


def _of(world: World, name: str, kind: int) -> tuple[float, int]:
    model = next(model for model in world.models if model.name == name)
    return model.chances[kind], model.nanos[kind]


def simulated(world: World, seed: int, *, tasks: int) -> list[SessionRecord]:
    """A log of one session in which the world's policy chose, folded."""
    view = RecordView()
    for entry in entries_of(world, random.Random(seed), tasks):
        view.apply(entry)
    return list(view.sessions.values())


def entries_of(world: World, draws: random.Random, tasks: int) -> Iterator[Entry]:
    positions = iter(range(1, 1_000_000))

    def entry(task: str, event: AnyEvent, attempt: int) -> Entry:
        return Entry(next(positions), b"", 0, "", "", 1, task, min(attempt, 1), attempt, 0, event)

    yield entry("", opened(), 0)
    for number in range(tasks):
        name = f"t{number}"
        kind = draws.randrange(len(world.models[0].chances))
        yield entry(name, submitted(title=name), 0)
        yield entry(name, planned(), 1)
        yield from _attempts(world, draws, kind, partial(entry, name))
    yield entry("", closed(), 0)


def _attempts(
    world: World, draws: random.Random, kind: int, entry: Callable[[AnyEvent, int], Entry]
) -> Iterator[Entry]:
    last = ""
    for attempt in range(1, ATTEMPTS + 1):
        found = candidates_of(world, kind, frozenset((last,)) if attempt == 3 else frozenset())
        stays = attempt == 2
        if stays:
            found = [msgspec.structs.replace(each, weight=float(each.model == last)) for each in found]
        one = draws.choices(found, [each.weight for each in found])[0]
        last = one.model
        chance, cost = _of(world, one.model, kind)
        yield entry(
            chosen(model=one.model, tier=one.tier, candidates=tuple(found), why=STAYED if stays else ""), attempt
        )
        call = entry(reserved(model=one.model, tier=one.tier, cost_nanos=4 * cost), attempt)
        yield call
        yield entry(settled(call.position, cost_nanos=draws.randrange(3) * cost), attempt)
        if draws.random() < chance:
            yield entry(accepted(), attempt)
            yield entry(task_accepted(), attempt)
            return
        yield entry(rejected(), attempt)
    yield entry(TaskFailed(reason="3 drafts were rejected", cause="rejected"), ATTEMPTS)


async def write(log: EventLog, entries: Iterable[Entry]) -> None:
    """Append the entries to a log that is empty, where they get the positions that they have."""
    for entry in entries:
        topic = "sessions" if isinstance(entry.event, SessionOpened) else "s1"
        one = new(
            entry.event, session=entry.session, task=entry.task, step=entry.step, attempt=entry.attempt, topic=topic
        )
        assert (await log.append([one])).positions == (entry.position,)
