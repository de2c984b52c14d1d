"""What to expect of a doer's work, from the log's history: sizes of answers, chances of acceptance, lengths of plans.

Where the narrowest group has few samples a wider one speaks for it: role, model and type -> role and model -> role and type ->
role. Where the widest has too few as well, the numbers of the task's level do, and what comes of them is marked as a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from events.views.history import Doer, Done, HistoryView
from swarm.money.allowances import allowance
from swarm.roles.job import PLAN_TOKENS, VERDICT_TOKENS

LEAST_SAMPLES = 10
"""A group with fewer samples says nothing by itself: below it P90 is the largest one or two that were seen."""

GRAIN = 100  # values that stand for a distribution


class Sizes(msgspec.Struct, frozen=True):
    """Sizes of answers in tokens, from the smallest to the largest, and whose they were."""

    values: tuple[int, ...]
    samples: int
    of: str  # the group that they are of, in words
    guess: bool = False

    def quantile(self, percent: int) -> int:
        return quantile(self.values, percent)


class Chance(msgspec.Struct, frozen=True):
    """How many of so many drafts are accepted."""

    accepted: int
    drafts: int
    of: str
    guess: bool = False


def quantile(ordered: Sequence[int], percent: int) -> int:
    """Return the smallest value that `percent` of the values do not exceed; 0 of none.

    >>> quantile([1, 2, 3, 4], 50), quantile([1, 2, 3, 4], 90)
    (2, 4)
    """
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else 0


class Odds:
    """The history, asked for one task after the other."""

    def __init__(self, history: HistoryView) -> None:
        self._history = history
        self._grouped: dict[Doer, tuple[tuple[str, Done], ...]] = {}

    def sizes(self, doer: Doer, level: str) -> Sizes:
        """Sizes of the doer's answers to a task of that level."""
        for of, done in self._groups(doer):
            samples = sum(done.answers.values())
            if samples >= LEAST_SAMPLES:
                return Sizes(_spread(done.answers), samples, of)
        allowed = allowance(doer.type, level).output_tokens
        most = {"explorer": PLAN_TOKENS, "validator": VERDICT_TOKENS}.get(doer.role, allowed)
        return Sizes((min(most, allowed),), 0, "its level", guess=True)

    def acceptance(self, doer: Doer, mean: float) -> Chance:
        """How often drafts of the doer are accepted; `mean` is what the choice expects of it, for want of samples."""
        for of, done in self._groups(doer):
            drafts = done.accepted + done.rejected
            if drafts >= LEAST_SAMPLES:
                return Chance(done.accepted + 1, drafts + 2, of)  # the rule of succession: nothing is certain
        return Chance(round(mean * 1000), 1000, "its tier and trail", guess=True)

    def steps(self, type_: str, most: int) -> Sizes:
        """How many steps a plan for a task of that type has; where few were made, up to `most`, each as likely."""
        for of, kinds in ((f"plans for {type_}", {type_}), ("plans", set(self._history.plans))):
            totals: dict[int, int] = {}
            for kind in kinds & self._history.plans.keys():
                for total, count in self._history.plans[kind].items():
                    totals[total] = totals.get(total, 0) + count
            if sum(totals.values()) >= LEAST_SAMPLES:
                return Sizes(_spread(totals), sum(totals.values()), of)
        return Sizes(tuple(range(1, most + 1)), 0, "its level", guess=True)

    def _groups(self, doer: Doer) -> tuple[tuple[str, Done], ...]:
        """The groups that the doer is in, the narrowest first, in words and summed."""
        if doer not in self._grouped:
            self._grouped[doer] = (
                (f"{doer.role} on {doer.model} for {doer.type}", self._sum(doer)),
                (f"{doer.role} on {doer.model}", self._sum(msgspec.structs.replace(doer, type=""))),
                (f"{doer.role} for {doer.type}", self._sum(msgspec.structs.replace(doer, model=""))),
                (doer.role, self._sum(Doer(doer.role, "", ""))),
            )
        return self._grouped[doer]

    def _sum(self, wanted: Doer) -> Done:
        """What all doers did who are `wanted`, where an empty field is any."""
        total = Done({})
        for doer, done in self._history.done.items():
            if doer.role == wanted.role and wanted.model in ("", doer.model) and wanted.type in ("", doer.type):
                total.add(done)
        return total


def _spread(counts: Mapping[int, int]) -> tuple[int, ...]:
    """A few values that have about the quantiles of many: each percentile once."""
    total, passed = sum(counts.values()), 0
    values: list[int] = []
    for value in sorted(counts):
        passed += counts[value]
        while len(values) < GRAIN and (len(values) + 1) * total <= passed * GRAIN:
            values.append(value)
    return tuple(values)
