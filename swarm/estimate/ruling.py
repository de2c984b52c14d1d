"""Whether a run starts by itself after its estimate, or a person is asked first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from events.views.money import MoneyView
from swarm.errors import ConfirmationNeeded, amount, dollars
from swarm.estimate.estimate import Estimate, Reserve
from swarm.money.caps import Cap, day_scope
from swarm.task import Budget, Task

Unit = Literal["tokens", "nanos"]

_MOST_NAMED = 3


class CapTooLow(ConfirmationNeeded):
    """A run would probably pass a cap, and nobody can be asked whether it is to start all the same. Nothing was spent."""

    exit_code = 3


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """A cap that the estimate does not fit: P90, and what its last call reserves above its cost, is more than what is left."""

    scope: str  # "today", "this run", or a task
    unit: Unit
    p90: int
    needed: int
    left: int
    cap: int

    @property
    def sentence(self) -> str:
        p90, needed, left = (amount(max(0, each), self.unit) for each in (self.p90, self.needed, self.left))
        cap = amount(self.cap, self.unit)
        return f"{self.scope} has {left} of {cap} left, P90 takes {p90} and {needed} with what its last call reserves"


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a run: it starts, with a `warning` where there is one, or a person is asked the `question` first."""

    exit_code: Literal[0, 3, 5] = 0  # with which it ends where nobody can be asked; 0: nobody need be
    question: str = ""
    remedy: str = ""
    warning: str = ""

    def error(self) -> ConfirmationNeeded:
        """What is raised where nobody can be asked."""
        kind = CapTooLow if self.exit_code == 3 else ConfirmationNeeded
        return kind(self.question, remedy=self.remedy)


def rule(estimate: Estimate, misfits: Sequence[Misfit], *, confirm_above: int, yes: bool) -> Ruling:
    """Rule on a run by its estimate. Amounts: nano-dollars.

    A run that costs nothing is never asked about. A guess, and a person who said yes beforehand, make of the question a
    warning: the ledger keeps to the caps anyway.
    """
    p50, p90 = estimate.nanos.p50, estimate.nanos.p90
    if not p90:
        return Ruling()
    cost = f"this run may cost {dollars(p90)} (P90; {dollars(p50)} in the middle)"
    code: Literal[3, 5]
    if misfits:
        why, code = f"a cap may stop it: {_named(misfits)}", 3
    elif p90 > confirm_above:
        why, code = f"that is above {dollars(confirm_above)}, from where on you want to be asked", 5
    else:
        return Ruling()
    if estimate.guess:
        return Ruling(warning=f"a guess, for want of such work in this log: {cost}; {why}")
    if yes:
        return Ruling(warning=f"{cost}; {why}")
    other = "raise the cap" if code == 3 else "raise `budget.confirm_above_usd` in your settings"
    return Ruling(
        exit_code=code,
        question=f"{cost[0].upper()}{cost[1:]}; {why}. Start it?",
        remedy=f"to start it all the same say `--yes`, which leaves the caps to the ledger; or {other}",
    )


def _named(misfits: Sequence[Misfit]) -> str:
    more = [f"and {len(misfits) - _MOST_NAMED} more"] if misfits[_MOST_NAMED:] else []
    return "; ".join([*(misfit.sentence for misfit in misfits[:_MOST_NAMED]), *more])


def misfits(
    estimate: Estimate, tasks: Sequence[Task], caps: Sequence[Cap], money: MoneyView, *, now: int, zone: str
) -> list[Misfit]:
    """The caps that the estimate does not fit, the widest first. `caps` are those of the day and of the run, in this order."""
    day, run = caps
    state = money.scopes.get(day_scope(now, zone))
    used = state.spent.nanos + state.reserved.nanos if state else 0
    most = Reserve(
        max(each.reserve.tokens for each in estimate.tasks), max(each.reserve.nanos for each in estimate.tasks)
    )
    found = [
        *_above("today", estimate.nanos.p90, estimate.tokens.p90, most, day, used),
        *_above("this run", estimate.nanos.p90, estimate.tokens.p90, most, run, 0),
    ]
    by_id = {task.id: task for task in tasks}
    for one in estimate.tasks:
        budget = by_id[one.task].budget or Budget()
        cap = Cap(scope=one.task, tokens=budget.tokens, nanos=budget.usd_nanos)
        found += _above(f"task {one.task}", one.each_nanos.p90, one.each_tokens.p90, one.reserve, cap, 0)
    return found


def _above(scope: str, nanos: int, tokens: int, reserve: Reserve, cap: Cap, used: int) -> Iterator[Misfit]:
    limits: tuple[tuple[Unit, int, int, int | None], ...] = (
        ("nanos", nanos, nanos + reserve.nanos if nanos else 0, cap.nanos),
        ("tokens", tokens, tokens + reserve.tokens, cap.tokens),
    )
    for unit, p90, needed, most in limits:
        taken = used if unit == "nanos" else 0
        if most is not None and needed > most - taken:
            yield Misfit(scope=scope, unit=unit, p90=p90, needed=needed, left=most - taken, cap=most)
