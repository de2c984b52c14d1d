"""The answer to a what-if: each outcome as it was recorded, and exactly, in an interval, or not at all as it had been."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from swarm.messages import Price
from swarm.whatif.budget import Halt, PriceOf, under_cap
from swarm.whatif.estimate import LEAST_SAMPLE, Interval, Sum, amount, effective_sample, share
from swarm.whatif.policies import Policy, target
from swarm.whatif.prices import at_prices
from swarm.whatif.record import SessionRecord
from swarm.whatif.weights import Weighed, groups_of, weigh

Kind = Literal["exact", "interval", "unidentifiable"]
Unit = Literal["nanos", "share"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. What is not named is as it was recorded."""

    prices: Mapping[str, Price] = {}  # by model
    cap_nanos: int | None = None  # of each session
    tiers: frozenset[str] = frozenset()  # that may take part; none named: as recorded
    policy: Policy = Policy()

    @property
    def chooses(self) -> bool:
        """Whether other arms may be chosen."""
        return bool(self.tiers) or self.policy != Policy()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome. None where there is none: no task was accepted, or the log cannot say."""

    name: str
    unit: Unit
    recorded: float | None
    kind: Kind
    value: float | None = None
    low: float | None = None  # of the 95 % interval
    high: float | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    sessions: int
    tasks: int
    recorded_nanos: int  # what all calls cost, those of tasks that do not count included
    kind: Kind
    total_nanos: int | None  # the same as it had been; None where it is not exact
    outcomes: tuple[Outcome, ...]
    groups: int  # of tasks that rest on each other; they are independent draws
    sample: float  # effective sample size
    needed: tuple[str, ...] = ()  # arms that the record lacks
    halts: tuple[Halt, ...] = ()
    kept_prices: tuple[str, ...] = ()  # models that cost something and had no row among the prices asked about


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One task that counts, with the amounts and the end that it has in one world."""

    group: tuple[int, str]
    weight: float
    nanos: int
    accepted: bool
    called: bool

    @property
    def free(self) -> bool:
        return self.called and not self.nanos


_OUTCOMES: Sequence[tuple[str, Unit, Callable[[TaskRecord], int], Callable[[TaskRecord], int]]] = (
    ("cost a task", "nanos", lambda task: task.nanos, lambda task: 1),
    ("accepted tasks", "share", lambda task: task.accepted, lambda task: 1),
    ("cost an accepted task", "nanos", lambda task: task.nanos, lambda task: task.accepted),
    ("free tasks", "share", lambda task: task.free, lambda task: task.called),
)
"""By outcome its unit, and of which two sums over tasks it is the ratio."""


def answer(sessions: Sequence[SessionRecord], question: Question, price_of: PriceOf) -> Answer:
    """Say what the finished `sessions` had come to. `price_of` knows the rows with which calls were priced then."""
    recorded: list[TaskRecord] = []
    supposed: list[TaskRecord] = []
    weighed, halts, total = Weighed(), list[Halt](), 0
    for session in sessions:
        recorded += tasks_of(session, {}, frozenset(), joint=False)
        other, stopped = at_prices(session, question.prices), frozenset[str]()
        if question.cap_nanos is not None:
            capped = under_cap(
                other, question.cap_nanos, lambda call: question.prices.get(call.model) or price_of(call)
            )
            other, stopped = capped.session, capped.stopped
            halts += capped.halts
        total += _nanos(other)
        joint = question.cap_nanos is not None
        weights: Mapping[str, float] = {}
        if question.chooses:
            own = weigh(
                other,
                lambda drawn: target(question.policy, drawn.choice, question.tiers),
                question.tiers,
                joint=joint,
            )
            weighed.add(own)
            other, weights, stopped = other.cut(own.ends), own.weights, stopped | own.ends.keys()
        supposed += tasks_of(other, weights, stopped, joint=joint)
    sample, groups = _sample(supposed)
    kind = _kind(supposed, weighed, sample)
    return Answer(
        sessions=len(sessions),
        tasks=len(recorded),
        recorded_nanos=sum(_nanos(session) for session in sessions),
        kind=kind,
        total_nanos=total if kind == "exact" else None,
        outcomes=tuple(_outcome(each, recorded, supposed, kind, sample) for each in _OUTCOMES),
        groups=groups,
        sample=sample,
        needed=tuple(weighed.needed),
        halts=tuple(halts),
        kept_prices=_kept_prices(sessions, question) if question.prices else (),
    )


def _kind(tasks: Sequence[TaskRecord], weighed: Weighed, sample: float) -> Kind:
    if weighed.needed:
        return "unidentifiable"
    if all(task.weight == 1.0 for task in tasks):
        return "exact"
    return "interval" if sample >= LEAST_SAMPLE else "unidentifiable"


def tasks_of(
    session: SessionRecord, weights: Mapping[str, float], stopped: frozenset[str], *, joint: bool
) -> list[TaskRecord]:
    """The tasks that count: those that were to be done, and not by tasks of their own; a person's cancelling is left out."""
    nanos = dict.fromkeys(session.tasks, 0)
    for call in session.calls.values():
        nanos[call.task] = nanos.get(call.task, 0) + call.charged_nanos
    called = {call.task for call in session.calls.values()}
    groups = groups_of(session, joint=joint)
    return [
        TaskRecord(
            group=(session.number, groups[name]),
            weight=weights.get(name, 1.0),
            nanos=nanos[name],
            accepted=state.status == "accepted" and name not in stopped,
            called=name in called,
        )
        for name, state in session.tasks.items()
        if state.status != "skipped" and state.children is None and state.cause != "person"
    ]


def _outcome(
    of: tuple[str, Unit, Callable[[TaskRecord], int], Callable[[TaskRecord], int]],
    recorded: Sequence[TaskRecord],
    supposed: Sequence[TaskRecord],
    kind: Kind,
    sample: float,
) -> Outcome:
    name, unit, above, below = of
    found = Outcome(name=name, unit=unit, recorded=_plain(recorded, above, below, unit), kind=kind)
    if kind == "unidentifiable":
        return found
    if kind == "exact":
        return msgspec.structs.replace(found, value=_plain(supposed, above, below, unit))
    sums: dict[tuple[int, str], Sum] = {}
    for task in supposed:
        before = sums.get(task.group, Sum(0.0, 0.0))
        sums[task.group] = Sum(before.above + task.weight * above(task), before.below + task.weight * below(task))
    groups = [each for each in sums.values() if each.above or each.below]
    if not sum(each.below for each in groups):
        return found
    interval = (share if unit == "share" else amount)(groups, sample)
    return _with(found, interval)


def _with(outcome: Outcome, interval: Interval) -> Outcome:
    """The outcome with its interval; amounts are whole nano-dollars."""
    if outcome.unit == "share":
        return msgspec.structs.replace(outcome, value=interval.value, low=interval.low, high=interval.high)
    return msgspec.structs.replace(
        outcome, value=round(interval.value), low=round(interval.low), high=round(interval.high)
    )


def _plain(
    tasks: Sequence[TaskRecord],
    above: Callable[[TaskRecord], int],
    below: Callable[[TaskRecord], int],
    unit: Unit,
) -> float | None:
    """The ratio over what happened; an amount in whole nano-dollars, rounded up, without a float on its way."""
    over, under = sum(above(task) for task in tasks), sum(below(task) for task in tasks)
    if not under:
        return None
    return over / under if unit == "share" else -(-over // under)


def _sample(tasks: Sequence[TaskRecord]) -> tuple[float, int]:
    """The effective sample size by groups, and how many groups there are."""
    weights: dict[tuple[int, str], float] = {}
    counts: dict[tuple[int, str], int] = {}
    for task in tasks:
        weights[task.group] = weights.get(task.group, 0.0) + task.weight
        counts[task.group] = counts.get(task.group, 0) + 1
    return effective_sample(list(weights.values())), len(weights)


def _nanos(session: SessionRecord) -> int:
    return sum(call.charged_nanos for call in session.calls.values())


def _kept_prices(sessions: Sequence[SessionRecord], question: Question) -> tuple[str, ...]:
    """Models that cost something and have no row among the prices asked about."""
    found = {
        call.model
        for session in sessions
        for call in session.calls.values()
        if call.charged_nanos and call.model not in question.prices
    }
    return tuple(sorted(found))
