"""Whether a run starts by itself after its estimate, or a person is asked first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from events.scopes import LOG, SHARED, month_of, project_scope
from events.views.money import MoneyView, ScopeState
from swarm.errors import ConfirmationNeeded, amount, dollars
from swarm.estimate.estimate import Estimate, Reserve
from swarm.money.caps import Cap, in_force
from swarm.money.split import held_back
from swarm.plan import Plan
from swarm.task import Portion, Task

Unit = Literal["tokens", "nanos"]

_MOST_NAMED = 3


class CapTooLow(ConfirmationNeeded):
    """A run would probably pass a cap, and nobody can be asked whether it is to start all the same. Nothing was spent."""

    exit_code = 3


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """A cap that the estimate does not fit: P90, and what its last call reserves above its cost, is more than what is left.

    What is held back for a hand-over is not left for a call.
    """

    scope: str  # in words: "today", "this run", "task build"
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
    other = "raise the cap" if code == 3 else "raise `confirm_above_usd` in your settings"
    return Ruling(
        exit_code=code,
        question=f"{cost[0].upper()}{cost[1:]}; {why}. Start it?",
        remedy=f"to start it all the same say `--yes`, which leaves the caps to the ledger; or {other}",
    )


def _named(misfits: Sequence[Misfit]) -> str:
    more = [f"and {len(misfits) - _MOST_NAMED} more"] if misfits[_MOST_NAMED:] else []
    return "; ".join([*(misfit.sentence for misfit in misfits[:_MOST_NAMED]), *more])


def misfits(
    estimate: Estimate, tasks: Sequence[Task], plan: Plan, money: MoneyView, *, project: str, now: int
) -> list[Misfit]:
    """The caps that the estimate does not fit, each once, the widest first. `money` is what is taken of them by now.

    A cap of a role is left to the ledger.
    """
    whole = Reserve(
        max(each.reserve.tokens for each in estimate.tasks), max(each.reserve.nanos for each in estimate.tasks)
    )
    by_id = {task.id: task for task in tasks}
    found: list[Misfit] = []
    for number, one in enumerate(estimate.tasks):
        *above, mine = _scopes(plan, by_id[one.task], project, now, money)
        for scope in above if number == 0 else ():
            found += _above(scope, estimate.nanos.p90, estimate.tokens.p90, whole, money)
        found += _above(mine, one.each_nanos.p90, one.each_tokens.p90, one.reserve, money)
    return found


class _Scope(msgspec.Struct, frozen=True):
    """A scope above a task: its name for people, its cap, and how that is split."""

    name: str
    cap: Cap
    split: Mapping[str, Portion] = {}


def _scopes(plan: Plan, task: Task, project: str, now: int, money: MoneyView) -> list[_Scope]:
    """The scopes with a cap above a task of a session to come, and last the task itself, capped or not."""
    day, *schedules, own, mine = plan.scopes(SHARED, task, now)
    names = {
        LOG: "this log",
        month_of(day): "this month",
        day: "today",
        project_scope(project): f"project {project}",
        **{each: each.replace(":", " ", 1) for each in schedules},
        own: "this run",
    }
    given = plan.caps(SHARED, project, task, "worker", now)
    caps = {cap.scope: cap for cap in in_force(given, [*names], money)}
    splits = {own: plan.split}
    above = [_Scope(name, caps[scope], splits.get(scope, {})) for scope, name in names.items() if scope in caps]
    split = task.budget.split if plan.task_caps and task.budget is not None else dict[str, Portion]()
    return [*above, _Scope(f"task {task.id}", caps.get(mine, Cap(scope=mine)), split)]


def _above(scope: _Scope, nanos: int, tokens: int, reserve: Reserve, money: MoneyView) -> Iterator[Misfit]:
    cap = scope.cap
    state = money.scopes.get(cap.scope) or ScopeState()
    limits: tuple[tuple[Unit, int, int, int | None, int], ...] = (
        ("nanos", nanos, reserve.nanos, cap.nanos, state.spent.nanos + state.reserved.nanos),
        ("tokens", tokens, reserve.tokens, cap.tokens, state.spent.tokens + state.reserved.tokens),
    )
    for unit, p90, more, most, used in limits:
        needed = p90 + more if p90 else 0
        if most is None:
            continue
        left = most - held_back(cap, scope.split, unit) - used
        if needed > left:
            yield Misfit(scope=scope.name, unit=unit, p90=p90, needed=needed, left=left, cap=most)
