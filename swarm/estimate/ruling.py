"""Whether a run starts by itself after its estimate, or a person is asked first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from events.views.money import MoneyView
from swarm.calls import LEAST_USEFUL
from swarm.errors import ConfirmationNeeded, amount, dollars
from swarm.estimate.estimate import Estimate, TaskEstimate
from swarm.money.caps import Cap, day_scope
from swarm.money.prices import most_nanos
from swarm.task import Budget, Task

Unit = Literal["tokens", "nanos"]

RUN = "this run"


class CapTooLow(ConfirmationNeeded):
    """A run would probably pass a cap, and nobody can be asked whether it is to start all the same. Nothing was spent."""

    exit_code = 3


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """A cap that the estimate does not fit. `needed` is its P90, or what a first call reserves at the least."""

    scope: str  # the day, this run, or a task
    unit: Unit
    needed: int
    left: int
    cap: int
    what: str

    @property
    def sentence(self) -> str:
        left = f"{amount(max(0, self.left), self.unit)} of {amount(self.cap, self.unit)} left"
        return f"{self.what} {amount(self.needed, self.unit)}, and {self.scope} has {left}"


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
    if misfits:
        why, code = f"a cap will probably stop it: {'; '.join(misfit.sentence for misfit in misfits)}", 3
    elif p90 > confirm_above:
        why, code = f"that is above {dollars(confirm_above)}, from where on you want to be asked", 5
    else:
        return Ruling()
    if estimate.guess:
        return Ruling(warning=f"a guess, for want of such work in this log: {cost}; {why}")
    if yes:
        return Ruling(warning=f"{cost}; {why}")
    remedy = "to start it all the same say `--yes`, which leaves the caps to the ledger"
    if code == 3:
        remedy += "; or raise the cap"
        return Ruling(exit_code=3, question=f"{cost[0].upper()}{cost[1:]}; {why}. Start it?", remedy=remedy)
    remedy += "; or raise `budget.confirm_above_usd` in your settings"
    return Ruling(exit_code=5, question=f"{cost[0].upper()}{cost[1:]}; {why}. Start it?", remedy=remedy)


def misfits(
    estimate: Estimate, tasks: Sequence[Task], caps: Sequence[Cap], money: MoneyView, *, now: int, zone: str
) -> list[Misfit]:
    """The caps that the estimate does not fit, the widest first. `caps` are those of the day and of the run, in this order."""
    day, run = caps
    state = money.scopes.get(day_scope(now, zone))
    used = state.spent.nanos + state.reserved.nanos if state else 0
    found = [*_above("today", estimate.nanos.p90, estimate.tokens.p90, day, used), *_run(estimate, run)]
    by_id = {task.id: task for task in tasks}
    for one in estimate.tasks:
        budget = by_id[one.task].budget or Budget()
        cap = Cap(scope=one.task, tokens=budget.tokens, nanos=budget.usd_nanos)
        found += _above(f"task {one.task}", one.each_nanos.p90, one.each_tokens.p90, cap, 0)
        found += _first_calls(one, cap, f"task {one.task}") or _first_calls(one, run, RUN)
    return found


def _run(estimate: Estimate, cap: Cap) -> Iterator[Misfit]:
    return _above(RUN, estimate.nanos.p90, estimate.tokens.p90, cap, 0)


def _above(scope: str, nanos: int, tokens: int, cap: Cap, used: int) -> Iterator[Misfit]:
    if cap.nanos is not None and nanos > cap.nanos - used:
        yield Misfit(scope=scope, unit="nanos", needed=nanos, left=cap.nanos - used, cap=cap.nanos, what="P90 is")
    if cap.tokens is not None and tokens > cap.tokens:
        yield Misfit(scope=scope, unit="tokens", needed=tokens, left=cap.tokens, cap=cap.tokens, what="P90 is")


def _first_calls(one: TaskEstimate, cap: Cap, scope: str) -> list[Misfit]:
    """A cap that has no room for the first call of a role: the ledger reserves the most that it can be counted as."""
    found: list[Misfit] = []
    for role, each in one.roles.items():
        if each.first is None or found:
            continue
        price, given = each.rungs[0].arm.price, each.first.most_input_tokens
        least = max(1, each.first.ask.output_tokens // LEAST_USEFUL)
        what = f"the {role}'s first call of {one.task} reserves"
        tokens, nanos = given + least, most_nanos(price, given, least) if price else 0
        if cap.tokens is not None and tokens > cap.tokens:
            found.append(Misfit(scope=scope, unit="tokens", needed=tokens, left=cap.tokens, cap=cap.tokens, what=what))
        elif cap.nanos is not None and nanos > cap.nanos:
            found.append(Misfit(scope=scope, unit="nanos", needed=nanos, left=cap.nanos, cap=cap.nanos, what=what))
    return found
