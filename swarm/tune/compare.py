"""What tasks came to under other values beside what was recorded: cost and acceptance, with the intervals of their difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from swarm.choice.roulette import point_of
from swarm.tune.supposed import Supposed
from swarm.tune.values import Values
from swarm.whatif.answer import TaskRecord, tasks_of
from swarm.whatif.estimate import (
    LEAST_SAMPLE,
    Interval,
    Sum,
    amount,
    amount_difference,
    effective_sample,
    share,
    share_difference,
)
from swarm.whatif.record import SessionRecord
from swarm.whatif.weights import Weighed, groups_of, weigh

Group = tuple[int, str]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of an accepted task, in nano-dollars, and the share of accepted tasks: as recorded, and under other values."""

    tasks: int
    groups: int  # of tasks that rest on each other; they are independent draws
    sample: float  # effective sample size
    needed: tuple[str, ...]  # arms that the record lacks
    cost: Interval
    cost_recorded: float
    cost_change: Interval
    accepted: Interval
    accepted_recorded: float
    accepted_change: Interval

    @property
    def identified(self) -> bool:
        return not self.needed and self.sample >= LEAST_SAMPLE

    def holds(self, margin: float) -> bool:
        """Whether acceptance is certainly no more than the margin below what was recorded."""
        return self.identified and self.accepted_change.low >= -margin

    def saves(self) -> bool:
        """Whether an accepted task certainly costs less."""
        return self.identified and self.cost_change.high < 0


class Half:
    """A part of the record, and what it comes to under any values. Each is computed once."""

    def __init__(self, sessions: Sequence[SessionRecord], supposed: Supposed) -> None:
        self._sessions, self._supposed = sessions, supposed
        self._known: dict[Values, Compared | None] = {}
        self._recorded = [row for session in sessions for row in tasks_of(session, {}, frozenset(), joint=False)]
        self.tasks, self.groups = len(self._recorded), len({row.group for row in self._recorded})
        self.spent = sum(row.nanos for row in self._recorded)  # nano-dollars

    def under(self, values: Values) -> Compared | None:
        """None where nothing would have been accepted, or nothing of it is recorded."""
        if values not in self._known:
            self._known[values] = self._compared(values)
        return self._known[values]

    def _compared(self, values: Values) -> Compared | None:
        weighed, rows = Weighed(), list[TaskRecord]()
        for session in self._sessions:
            own = weigh(
                session,
                self._supposed.under(values),
                frozenset(values.tiers or ()),
                recorded=self._supposed.recorded,
            )
            weighed.add(own)
            rows += tasks_of(session.cut(own.ends), own.weights, frozenset(own.ends), joint=False)
        return _compared(self._recorded, rows, tuple(weighed.needed))


def halves(sessions: Sequence[SessionRecord]) -> tuple[list[SessionRecord], list[SessionRecord]]:
    """The sessions in two halves: tasks that rest on each other are in one. A task stays in its half as the record grows."""
    sides: tuple[list[SessionRecord], list[SessionRecord]] = ([], [])
    for session in sessions:
        groups = groups_of(session, joint=False)
        second = {task for task, group in groups.items() if point_of(f"{session.number}/{group}") >= 0.5}
        for side, names in zip(sides, (session.tasks.keys() - second, second), strict=True):
            if names:
                side.append(_of_tasks(session, names))
    return sides


def _of_tasks(session: SessionRecord, names: set[str]) -> SessionRecord:
    return msgspec.structs.replace(
        session,
        tasks={name: task for name, task in session.tasks.items() if name in names},
        choices={name: way for name, way in session.choices.items() if name in names},
        calls={at: call for at, call in session.calls.items() if call.task in names},
    )


def _compared(
    recorded: Sequence[TaskRecord], supposed: Sequence[TaskRecord], needed: tuple[str, ...]
) -> Compared | None:
    names = list(dict.fromkeys(row.group for row in recorded))
    sample = effective_sample(list(_by_group(supposed, lambda row: 1, names)))
    if sample < 2 or not any(row.accepted and row.weight for row in supposed) or not any(r.accepted for r in recorded):
        return None
    whole = effective_sample(list(_by_group(recorded, lambda row: 1, names)))
    costs, costs_then = (
        _sums(rows, lambda row: row.nanos, lambda row: row.accepted, names) for rows in (supposed, recorded)
    )
    shares, shares_then = (_sums(rows, lambda row: row.accepted, lambda row: 1, names) for rows in (supposed, recorded))
    return Compared(
        tasks=len(recorded),
        groups=len(names),
        sample=sample,
        needed=needed,
        cost=amount(costs, sample),
        cost_recorded=amount(costs_then, whole).value,
        cost_change=amount_difference(costs, costs_then, sample),
        accepted=share(shares, sample),
        accepted_recorded=share(shares_then, whole).value,
        accepted_change=share_difference(shares, shares_then, sample, whole),
    )


def _sums(
    rows: Sequence[TaskRecord],
    above: Callable[[TaskRecord], int],
    below: Callable[[TaskRecord], int],
    names: Sequence[Group],
) -> list[Sum]:
    return [
        Sum(over, under)
        for over, under in zip(_by_group(rows, above, names), _by_group(rows, below, names), strict=True)
    ]


def _by_group(rows: Sequence[TaskRecord], number: Callable[[TaskRecord], int], names: Sequence[Group]) -> list[float]:
    """The weighted sum of each group, in the order of the names."""
    sums = dict.fromkeys(names, 0.0)
    for row in rows:
        sums[row.group] += row.weight * number(row)
    return list(sums.values())
