"""The ledger of skills: what each took and how drafts went with it, beside like drafts without it; and what that suggests. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from events.views.skills import Kind, SkillsView, Use, Verdicts
from swarm.insight.difference import Count, Difference, Stratum, difference
from swarm.insight.periods import Period

ENOUGH = 10
"""First drafts with a skill, and as many of like work without it, from which on something is said of its worth."""

HELPS = 0.05
"""By so much more drafts have to pass that a skill may be worth its tokens."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one skill."""

    name: str
    loads: int = 0
    reads: int = 0
    calls: int = 0
    tokens: int = 0
    last: int = 0  # microseconds since 1970; 0: never
    passed: Count = Count()  # first drafts that had it
    without: Count = Count()  # first drafts of like work that had not
    gain: Difference | None = None  # by how much more often the first pass
    types: tuple[tuple[str, int], ...] = ()  # of tasks, and how often it was told or read in them
    here: bool = True  # there is such a skill here now

    @property
    def uses(self) -> int:
        return self.loads + self.reads

    @property
    def tokens_each(self) -> int:
        """What its text takes of a request."""
        return self.tokens // self.calls if self.calls else 0

    @property
    def suggests(self) -> str:
        """What a person may want to do about it; empty: nothing."""
        if not self.uses:
            return "never used: see that its description says when it is of use, or remove it"
        if self.gain is None or min(self.passed.total, self.without.total) < ENOUGH:
            return ""
        if self.gain.high < 0:
            return "deprecate it: first drafts pass less often with it"
        if self.gain.high < HELPS:
            return f"deprecate it: it took {self.tokens:,} tokens, and first drafts pass no more often with it"
        return ""


class Together(msgspec.Struct, frozen=True):
    """Two skills that drafts had at once."""

    one: str
    other: str
    type: str
    drafts: int


def ledgers(view: SkillsView, here: Collection[str], period: Period | None) -> list[Ledger]:
    """A ledger for each skill that is here or was used in the period, those that took most tokens first."""
    uses: dict[str, dict[Kind, Use]] = {name: {} for name in here}
    for carried, use in view.uses.items():
        if _within(carried.kind, period):
            uses.setdefault(carried.skill, {})[carried.kind] = use
    found = [_ledger(name, kinds, view, period, name in here) for name, kinds in uses.items()]
    return sorted(found, key=lambda each: (-each.tokens, -each.uses, each.name))


def together(view: SkillsView, period: Period | None) -> list[Together]:
    """Which skills went together, by type of task, the most frequent first."""
    sums: dict[tuple[str, str, str], int] = {}
    for pair, drafts in view.together.items():
        if _within(pair.kind, period):
            of = pair.one, pair.other, pair.kind.type
            sums[of] = sums.get(of, 0) + drafts
    return [Together(*of, drafts) for of, drafts in sorted(sums.items(), key=lambda each: (-each[1], each[0]))]


def _within(kind: Kind, period: Period | None) -> bool:
    return period is None or (bool(kind.day) and period.first.isoformat() <= kind.day <= period.last.isoformat())


def _ledger(name: str, kinds: dict[Kind, Use], view: SkillsView, period: Period | None, here: bool) -> Ledger:
    strata = list(_strata(kinds, view, period))
    types: dict[str, int] = {}
    for kind, use in kinds.items():
        types[kind.type] = types.get(kind.type, 0) + use.loads + use.reads
    return Ledger(
        name=name,
        loads=sum(use.loads for use in kinds.values()),
        reads=sum(use.reads for use in kinds.values()),
        calls=sum(use.calls for use in kinds.values()),
        tokens=sum(use.tokens for use in kinds.values()),
        last=max((use.last for use in kinds.values()), default=0),
        passed=_sum(stratum.one for stratum in strata),
        without=_sum(stratum.other for stratum in strata),
        gain=difference(strata),
        types=tuple(sorted(types.items(), key=lambda each: (-each[1], each[0]))),
        here=here,
    )


def _strata(kinds: dict[Kind, Use], view: SkillsView, period: Period | None) -> Iterator[Stratum]:
    """First drafts by what makes work alike, its type and whether it has tools: with the skill, and without it on any day."""
    alike: dict[tuple[str, bool], list[Verdicts]] = {}
    for kind, use in kinds.items():
        alike.setdefault((kind.type, kind.tools), []).append(use.first)
    for of, firsts in alike.items():
        one = _sum(map(_count, firsts))
        every = _sum(
            _count(verdicts)
            for kind, verdicts in view.all.items()
            if (kind.type, kind.tools) == of and _within(kind, period)
        )
        yield Stratum(one, Count(every.passed - one.passed, every.failed - one.failed))


def _count(verdicts: Verdicts) -> Count:
    return Count(verdicts.accepted, verdicts.rejected)


def _sum(counts: Iterator[Count] | map[Count]) -> Count:
    found = list(counts)
    return Count(sum(each.passed for each in found), sum(each.failed for each in found))
