"""What an error makes of its task, and what becomes of one at a cap."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import anyio
import msgspec

from events.scopes import path_of
from events.types.call import BudgetSet
from events.types.task import AttemptAbandoned, TaskFailed, TaskHalted
from events.views.tasks import TaskState
from swarm.calls import Calls
from swarm.cycle import Open, Placed
from swarm.engine.copies import AttemptLost
from swarm.engine.handover import (
    REWRITE_S,
    cheapest,
    handover_of,
    has_reserve,
    is_worth_rewriting,
    on_exceed,
    rewrite_ask,
    rewritten,
)
from swarm.engine.requests import person
from swarm.errors import (
    BudgetExceeded,
    ConfirmationNeeded,
    NoModelAvailable,
    OwnerLost,
    RaiseNeeded,
    SwarmError,
    UsageError,
    scope_above,
)
from swarm.journal import Attempt, Journal
from swarm.money.caps import Cap, in_force
from swarm.money.ledger import TURN_TIMEOUT_S, Ledger
from swarm.money.recording import record_caps
from swarm.orders import Answer, Terms
from swarm.owner import Owner
from swarm.plan import SUMMARISER, Beside, Plan, allowed_arms
from swarm.task import Role, Task, agents_of
from swarm.tools.apply import ChangesConflict
from swarm.tools.deliver import OutputConflict
from swarm.tools.tree import NotRestored


def ended_by(error: SwarmError, open_: Open, reason: str) -> Placed:
    """What an error makes of open work; `reason` is its sentence, secrets taken out."""
    if isinstance(error, AttemptLost):
        return Placed(AttemptAbandoned(role="worker", reason=reason, again=True), open_.step, open_.attempt)
    return Placed(ending(error, reason))


def ending(error: SwarmError, reason: str) -> TaskHalted | TaskFailed:
    """The event; `reason` is the error's sentence, secrets taken out."""
    match error:
        case BudgetExceeded():
            return TaskHalted(
                reason=reason,
                scope=error.scope,
                unit=error.unit,
                used=error.used,
                reserved=error.reserved,
                cap=error.cap,
                needed=error.needed,
                cap_by=error.set_by,
                held=error.held,
                share=error.share,
                whole=error.whole,
            )
        case ConfirmationNeeded():
            return TaskHalted(reason=reason, cause="confirmation")
        case NoModelAvailable():
            return TaskFailed(reason=reason, cause="no model")
        case OutputConflict() | ChangesConflict():
            return TaskFailed(reason=reason, cause="output")
        case UsageError():
            return TaskFailed(reason=reason, cause="input")
        case NotRestored():
            return TaskFailed(reason=f"{reason}; put it back and resume the session, or begin anew", cause="input")
        case _:
            return TaskFailed(reason=reason, cause="no draft")


def failed_at(halt: TaskHalted) -> TaskFailed:
    """The end of a task that was to fail at the cap at which it had halted else; a resume raises that as it does another."""
    return TaskFailed(
        reason=halt.reason,
        cause="budget",
        scope=halt.scope,
        unit=halt.unit,
        used=halt.used,
        reserved=halt.reserved,
        cap=halt.cap,
        needed=halt.needed,
        cap_by=halt.cap_by,
        share=halt.share,
        whole=halt.whole,
    )


LEAST_S = 1.0  # what a halt leaves of its task's time


def _set(scope: str, *, tokens: int | None = None, nanos: int | None = None) -> BudgetSet:
    return BudgetSet(scope=scope, tokens=tokens, nanos=nanos, by=person(), reason="asked at the cap")


class Caps(msgspec.Struct, kw_only=True):
    """The caps above a session's calls: which hold, and what becomes of a task whose next call one refused."""

    owner: Owner
    plan: Plan
    calls: Calls
    journal: Journal
    ledger: Ledger
    terms: Callable[[Task, Role | Beside], Terms]
    redact: Callable[[str], str]
    raise_by: Callable[[BudgetExceeded], Awaitable[int]]
    asking: anyio.Lock  # one question at a time

    def in_force(self, task: Task, role: Role) -> Sequence[Cap]:
        """The caps above each call of the role by now, whichever of its agents makes it, with those that a person recorded."""
        terms = self.terms(task, role)
        paths = [
            path_of(terms.named, project=self.owner.project, role=role, agent=agent.name)
            for agent in agents_of(task, role)
        ]
        above = tuple(scope for scope in paths[0] if all(scope in path for path in paths))
        return in_force([cap for cap in terms.caps if cap.scope in above], above, self.ledger.money)

    def left(self, caps: Sequence[Cap]) -> list[int]:
        """Tokens that each of these caps leaves, of those that cap tokens; less than none of one that was passed."""
        found: list[int] = []
        for cap in caps:
            if cap.tokens is not None:
                state = self.ledger.money.scope(cap.scope)
                found.append(cap.tokens - cap.held("tokens") - state.spent.tokens - state.reserved.tokens)
        return found

    async def is_raised(self, refusal: BudgetExceeded, task: Task, role: Role) -> bool:
        """Whether the cap that refused a call is higher by now: a person is asked where the budget says so, and it is recorded.

        Raises RaiseNeeded where nobody can be asked.
        """
        if on_exceed(self.plan, task, role, self.owner.session, refusal.scope) != "ask":
            return False
        # a share of a split budget grows with the whole
        scope, cap = (scope_above(refusal.scope), refusal.whole) if refusal.whole else (refusal.scope, refusal.cap)
        async with self.asking:
            if await self._recorded(scope, refusal.unit, cap) > cap:
                return True  # somebody raised it while this one waited for its turn to ask
            try:
                more = await self.raise_by(refusal)
            except ConfirmationNeeded as nobody:
                raise RaiseNeeded(refusal) from nobody
            async with self.owner.log.turn(timeout=TURN_TIMEOUT_S):
                now = await self._recorded(scope, refusal.unit, cap)  # whoever was asked may have changed it elsewhere
                if more > 0:
                    most = {refusal.unit: now + more}
                    await record_caps(self.owner.log, [_set(scope, **most)])
            return more > 0 or now > cap

    async def _recorded(self, scope: str, unit: str, cap: int) -> int:
        """The cap of a scope by now, whichever process recorded it; `cap` where nobody did."""
        await self.ledger.catch_up(force=True)
        recorded = self.ledger.money.scope(scope).caps.get(unit)
        return recorded.most if recorded is not None else cap

    async def end(
        self, error: BudgetExceeded, open_: Open, task: Task, state: TaskState, attempt: Attempt
    ) -> TaskHalted | TaskFailed:
        """The task fails where that was asked for, else it hands over."""
        end = ending(error, self.redact(str(error)))
        if isinstance(error, RaiseNeeded) and isinstance(end, TaskHalted):
            end = msgspec.structs.replace(end, cause="confirmation")
        asked = on_exceed(self.plan, task, cast("Role", attempt.role), self.owner.session, error.scope)
        if not isinstance(end, TaskHalted):
            return TaskFailed(reason=end.reason, cause="budget")
        if asked == "fail":
            return failed_at(end)
        stopped = end.reason.partition("; ")[0]  # without what to do about it, which is for people
        folded = await handover_of(self.owner.log, state, stopped=stopped)
        rewrites = has_reserve(self.plan, task) and is_worth_rewriting(state)
        answer = await self._rewriting(folded, open_, state, task) if rewrites else None
        text = rewritten(answer) if answer is not None else ""
        by = answer.arm if answer is not None and text else ""
        return msgspec.structs.replace(end, summary=attempt.put(text or folded), summary_by=by)

    async def _rewriting(self, folded: str, open_: Open, state: TaskState, task: Task) -> Answer | None:
        """A model's rewriting of a hand-over, from what the task held back for it; None where nobody could give it."""
        attempt = Attempt(
            self.owner,
            state,
            step=open_.step,
            attempt=open_.attempt,
            role=SUMMARISER,
            recorded=self.journal.of(open_.task, open_.step, open_.attempt, SUMMARISER),
            calls=state.halts,  # one for each halt: an earlier one had other things to say
        )
        call = self.calls.for_attempt(attempt, lambda: self.terms(task, SUMMARISER))
        left = anyio.current_effective_deadline() - anyio.current_time()  # to the task's own limit, which would fail it
        try:
            with anyio.move_on_after(max(0.0, min(REWRITE_S, left - LEAST_S))):
                return await call(rewrite_ask(folded), pick=cheapest(*allowed_arms(self.plan, task, "worker")))
        except OwnerLost:
            raise
        except SwarmError:
            return None  # nobody could, or what is left does not pay for it: the folded one stands
        finally:
            with anyio.CancelScope(shield=True):
                await attempt.flush()
        return None
