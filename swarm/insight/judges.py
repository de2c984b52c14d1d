"""What is known of those who judge: what they said, what audits and persons found of that, and what the choice makes of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from events.views.verdicts import Judged
from swarm.choice.audits import USUAL, WORTH_WRONG, errors_of, wrong_and_caught
from swarm.choice.bounds import bounds


class KnownJudge(msgspec.Struct, frozen=True, kw_only=True):
    """A judge's model, or the checks. Rates are those with which a choice reckons."""

    judge: str
    accepted: int
    rejected: int
    audited: int
    wrong: int
    overruled: int
    accepts_wrong: float
    low: float  # 95 % of what the audits allow for it lie between these
    high: float
    rejects_right: float


def known_judges(records: Mapping[str, Judged]) -> list[KnownJudge]:
    """Every judge that gave a verdict, the most audited first."""
    found = [known_judge(name, seen) for name, seen in records.items()]
    return sorted(found, key=lambda each: (-each.audited, -each.accepted, each.judge))


def known_judge(name: str, seen: Judged) -> KnownJudge:
    errors, (found, caught) = errors_of(seen), wrong_and_caught(seen)
    least = USUAL.accepts_wrong * WORTH_WRONG
    low, high = bounds(least + found, WORTH_WRONG - least + caught)
    return KnownJudge(
        judge=name,
        accepted=seen.accepted,
        rejected=seen.rejected,
        audited=seen.audited,
        wrong=seen.wrong,
        overruled=seen.overruled,
        accepts_wrong=errors.accepts_wrong,
        low=low,
        high=high,
        rejects_right=errors.rejects_right,
    )
