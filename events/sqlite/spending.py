"""What `SpendingView` finds, found in the columns of a long log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from events.sqlite.blocks import Block, Numbers, among
from events.sqlite.costs import Column, Numbering, groups_of, joined, sum_by, sums
from events.types.choice import FREE_TIERS
from events.views.cost import Cost, CostView, Payer
from events.views.spending import Asked, Findings

_REJECTED, _ACCEPTED = ("step.rejected", "attempt.abandoned"), "step.accepted"
_TASK_ACCEPTED = "task.accepted"
_TASK_ENDS = (_TASK_ACCEPTED, "task.failed", "task.halted", "task.cancelled", "task.skipped", "task.reopened")
_ATTEMPT = ("session", "task", "step", "attempt")


class Spent(NamedTuple):
    """Sums by payer, what was found beside them, and what is wrong with segments that were not believed."""

    costs: dict[Payer, Cost]
    findings: Findings
    wrong: list[str]


def spent(path: Path, after: int, begun: CostView, fields: Sequence[str], asked: Asked) -> Spent:
    """As `sums`, with the findings. Raises the same."""
    heard: list[_Findings] = []

    def listening(number: Numbering) -> _Findings:
        heard.append(_Findings(number, asked))
        return heard[0]

    costs, wrong = sums(path, after, begun, fields, listening)
    return Spent(costs, heard[0].found(), wrong)


class _Findings:
    """Keeps of each billed call, verdict and end of a task what is compared at the end."""

    fields: Sequence[str] = (*_ATTEMPT, "day", "at", "tier")

    def __init__(self, number: Numbering, asked: Asked) -> None:
        self._asked = asked
        self._free = [number(tier) for tier in FREE_TIERS]
        self._rejected = [number(kind) for kind in _REJECTED]
        self._verdicts_of = [*self._rejected, number(_ACCEPTED)]
        self._task_accepted, *_ = self._ends_of = [number(kind) for kind in _TASK_ENDS]
        self._paid: list[list[Column]] = []  # session, task, step, attempt, nanos, whether it is of the time asked of
        self._verdicts: list[list[Column]] = []  # session, task, step, attempt, kind
        self._ends: list[list[Column]] = []  # session, task, kind, moment
        self._later: dict[str, int] = {}

    def take(self, block: Block) -> None:
        kind = block.column("kind")
        for kinds, fields, kept in (
            (self._verdicts_of, (*_ATTEMPT, "kind"), self._verdicts),
            (self._ends_of, ("session", "task", "kind", "at"), self._ends),
        ):
            at = np.flatnonzero(among(kind, kinds))
            if at.size:
                kept.append([block.column(field)[at] for field in fields])

    def ended(self, calls: Mapping[str, Column], days: Sequence[str], nanos: Numbers) -> None:
        billed = (nanos != 0) | ~np.isin(calls["tier"], self._free)
        day = calls["day"][billed]
        held = np.array([self._asked.holds(name) for name in days])[day]
        self._paid.append([*(calls[field][billed] for field in _ATTEMPT), nanos[billed], held])
        for number, name in enumerate(days):
            if name in self._asked.later:
                late = (calls["day"] == number) & (calls["at"] > self._asked.later[name])
                if amount := _total(nanos[late]):
                    self._later[name] = self._later.get(name, 0) + amount

    def found(self) -> Findings:
        paid = joined(self._paid, 6)
        accepted, free = self._tasks(paid[:2])
        return Findings(wasted=self._wasted(paid), accepted=accepted, free=free, later=self._later)

    def _wasted(self, paid: Sequence[Column]) -> int:
        *attempts, nanos, held = paid
        *judged, kind = joined(self._verdicts, 5)
        if not kind.size or not nanos.size:
            return 0
        group, first = groups_of([np.concatenate(pair) for pair in zip(judged, attempts, strict=True)])
        rejected = np.zeros(first.size, dtype=bool)
        rejected[group[: kind.size]] = np.isin(kind, self._rejected)  # the last verdict of an attempt stays
        return _total(nanos[rejected[group[kind.size :]] & held.astype(bool)])

    def _tasks(self, paid: Sequence[Column]) -> tuple[int, int]:
        """How many tasks ended accepted in the time, and for how many of these nothing was billed."""
        *ended, kind, at = joined(self._ends, 4)
        if not kind.size:
            return 0, 0
        group, first = groups_of([np.concatenate(pair) for pair in zip(ended, paid, strict=True)])
        accepted, billed = np.zeros(first.size, dtype=bool), np.zeros(first.size, dtype=bool)
        of_end = group[: kind.size]
        accepted[of_end] = (kind == self._task_accepted) & (at >= self._asked.begins) & (at < self._asked.ends)
        billed[group[kind.size :]] = True
        return int(accepted.sum()), int((accepted & ~billed).sum())


def _total(nanos: Numbers) -> int:
    return sum_by(np.zeros(nanos.size, dtype=np.int64), nanos, 1)[0] if nanos.size else 0
