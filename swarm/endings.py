"""What an error makes of its task, and what becomes of one at a cap."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import anyio
import msgspec

from events.types.task import TaskFailed, TaskHalted
from events.views.tasks import TaskState
from swarm.calls import Answer, Calls, Terms
from swarm.cycle import Open
from swarm.errors import BudgetExceeded, ConfirmationNeeded, NoModelAvailable, OwnerLost, SwarmError, UsageError
from swarm.handover import REWRITE_S, cheapest, handover_of, has_reserve, on_exceed, rewrite_ask, rewritten
from swarm.journal import Attempt, Journal
from swarm.owner import Owner
from swarm.plan import SUMMARISER, Plan, Summariser, allowed_arms
from swarm.task import Role, Task
from swarm.tools.deliver import OutputConflict


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
            )
        case ConfirmationNeeded():
            return TaskHalted(reason=reason, cause="confirmation")
        case NoModelAvailable():
            return TaskFailed(reason=reason, cause="no model")
        case OutputConflict():
            return TaskFailed(reason=reason, cause="output")
        case UsageError():
            return TaskFailed(reason=reason, cause="input")
        case _:
            return TaskFailed(reason=reason, cause="no draft")


class AtCap(msgspec.Struct, kw_only=True):
    """What becomes of tasks whose next call a cap refused."""

    owner: Owner
    plan: Plan
    calls: Calls
    journal: Journal
    terms: Callable[[Task, Role | Summariser], Terms]
    redact: Callable[[str], str]

    async def end(
        self, error: BudgetExceeded, open_: Open, task: Task, state: TaskState, attempt: Attempt
    ) -> TaskHalted | TaskFailed:
        """The task fails where that was asked for, else it hands over."""
        end = ending(error, self.redact(str(error)))
        asked = on_exceed(self.plan, task, cast("Role", attempt.role), self.owner.session, error.scope)
        if asked == "fail" or not isinstance(end, TaskHalted):
            return TaskFailed(reason=end.reason, cause="budget")
        stopped = end.reason.partition("; ")[0]  # without what to do about it, which is for people
        folded = await handover_of(self.owner.log, state, stopped=stopped)
        answer = await self._rewriting(folded, open_, state, task) if has_reserve(self.plan, task) else None
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
        try:
            with anyio.move_on_after(REWRITE_S):
                return await call(rewrite_ask(folded), pick=cheapest(*allowed_arms(self.plan, task, "worker")))
        except OwnerLost:
            raise
        except SwarmError:
            return None  # nobody could, or what is left does not pay for it: the folded one stands
        finally:
            with anyio.CancelScope(shield=True):
                await attempt.flush()
        return None
