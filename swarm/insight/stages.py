"""What each stage of the token pipeline saved, and how tasks went with it beside tasks that were held back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt

import msgspec

from events.types.stage import How, StageWithdrawn
from events.views.stages import Ended, Kind, StagesView, Texts
from swarm.insight.difference import Count, Difference, Stratum, difference
from swarm.insight.periods import Period
from swarm.settings.stages import Rule, StageSettings

ENOUGH = 20
"""Tasks with a stage, and as many held back, from which on figures withdraw it."""

_95 = 1.96  # standard deviations of a normal distribution


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of a stage."""

    stage: str
    how: How
    texts: int
    before: int  # tokens
    after: int
    saved: int  # tokens that requests had less by it
    saved_nanos: int
    undone: int = 0  # attempts that were told the whole texts after all, as they asked for them


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The tasks of a stage, with it and held back."""

    stage: str
    used: Count  # tasks that were accepted with no draft rejected, and others
    held: Count
    gain: Difference | None = None  # of the share of the first; None: there is nothing to compare with
    tokens: Difference | None = None  # of a task's mean tokens, as a part of those of the held
    nanos: Difference | None = None


def passed(view: StagesView, period: Period | None = None) -> list[Passed]:
    """What passed each stage, that which saved most first."""
    found: dict[tuple[str, How], Texts] = {}
    for kind, texts in view.texts.items():
        if _is_in(kind, period):
            whole = found.setdefault((kind.stage, kind.how), Texts())
            for field in whole.__struct_fields__:
                setattr(whole, field, getattr(whole, field) + getattr(texts, field))
    rows = [
        Passed(
            stage=stage,
            how=how,
            texts=texts.count,
            before=texts.before,
            after=texts.after,
            saved=texts.saved,
            saved_nanos=texts.saved_nanos,
            undone=texts.undone,
        )
        for (stage, how), texts in found.items()
    ]
    return sorted(rows, key=lambda row: (row.how, -row.saved, row.stage))


def compared(view: StagesView, period: Period | None = None) -> list[Compared]:
    """Each stage that any ended task passed, by name."""
    stages = sorted({kind.stage for kind in view.ended if kind.how != "measured" and _is_in(kind, period)})
    return [_compared(view, stage, period) for stage in stages]


def _compared(view: StagesView, stage: str, period: Period | None) -> Compared:
    types: dict[str, dict[How, Ended]] = {}
    for kind, ended in view.ended.items():
        if kind.stage == stage and kind.how != "measured" and _is_in(kind, period):
            whole = types.setdefault(kind.type, {}).setdefault(kind.how, Ended())
            for field in whole.__struct_fields__:
                setattr(whole, field, getattr(whole, field) + getattr(ended, field))
    by_type = [(each.get("used", Ended()), each.get("held", Ended())) for each in types.values()]
    return Compared(
        stage=stage,
        used=_sum(used for used, _ in by_type),
        held=_sum(held for _, held in by_type),
        gain=difference(Stratum(_count(used), _count(held)) for used, held in by_type),
        tokens=_less([(used, held, "tokens") for used, held in by_type]),
        nanos=_less([(used, held, "nanos") for used, held in by_type]),
    )


def _count(ended: Ended) -> Count:
    return Count(ended.passed, ended.failed)


def _sum(all_: Iterable[Ended]) -> Count:
    counts = [_count(each) for each in all_]
    return Count(sum(each.passed for each in counts), sum(each.failed for each in counts))


def _less(pairs: Iterable[tuple[Ended, Ended, str]]) -> Difference | None:
    """By which part the mean of a task is another with the stage, within like work, with its 95 % interval.

    The variance of the ratio is that of the delta method. None where no like work was done both ways, or the held back took
    nothing.
    """
    one, other, one_variance, other_variance = 0.0, 0.0, 0.0, 0.0
    for used, held, field in pairs:
        if used.count < 2 or held.count < 2:
            continue
        weight = used.count * held.count / (used.count + held.count)
        one += weight * _mean(used, field)
        other += weight * _mean(held, field)
        one_variance += weight**2 * _variance(used, field) / used.count
        other_variance += weight**2 * _variance(held, field) / held.count
    if not other:
        return None
    ratio = one / other
    half = _95 * sqrt(one_variance + ratio**2 * other_variance) / other
    return Difference(ratio - 1, ratio - 1 - half, ratio - 1 + half)


def _mean(ended: Ended, field: str) -> float:
    return float(getattr(ended, field)) / ended.count


def _variance(ended: Ended, field: str) -> float:
    squares = ended.tokens_squared if field == "tokens" else ended.micros_squared * 1_000_000
    return max(0.0, float(squares - ended.count * _mean(ended, field) ** 2) / (ended.count - 1))


def to_withdraw(view: StagesView) -> list[StageWithdrawn]:
    """The stages with which fewer tasks are accepted at the first try, as far as chance can be ruled out."""
    found: list[StageWithdrawn] = []
    for row in compared(view):
        if row.gain is None or row.gain.high >= 0 or min(row.used.total, row.held.total) < ENOUGH:
            continue
        if row.stage not in view.withdrawn:
            found.append(
                StageWithdrawn(
                    stage=row.stage,
                    passed=row.used.passed,
                    failed=row.used.failed,
                    held_passed=row.held.passed,
                    held_failed=row.held.failed,
                    low=row.gain.low,
                    high=row.gain.high,
                )
            )
    return found


def without(settings: StageSettings, withdrawn: Mapping[str, StageWithdrawn]) -> StageSettings:
    """The settings with what was withdrawn only measured, where nobody asked for the stage itself."""

    def left(stage: str, rule: Rule) -> Rule:
        gone = stage in withdrawn and not rule.asked and rule.mode == "on"
        return msgspec.structs.replace(rule, mode="measure", share=1.0) if gone else rule

    return msgspec.structs.replace(settings, rules={stage: left(stage, rule) for stage, rule in settings.rules.items()})


def _is_in(kind: Kind, period: Period | None) -> bool:
    return period is None or period.first.isoformat() <= kind.day <= period.last.isoformat()
