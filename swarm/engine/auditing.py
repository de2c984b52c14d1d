"""Audits carried out: asked for once a task is accepted, ended without keeping anybody waiting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import anyio
import msgspec

from events.log import Ack, EventLog
from events.trails import model_of
from events.types.call import CallUnknown
from events.types.task import StepAccepted, StepAudited
from events.views.tasks import TaskState
from swarm.cycle import Open, Placed
from swarm.engine.audits import audit_picker
from swarm.engine.endings import Caps
from swarm.errors import BudgetExceeded, OwnerLost, SwarmError
from swarm.journal import Attempt
from swarm.messages import Arm
from swarm.money.caps import MARKS
from swarm.orders import Terms
from swarm.plan import AUDITOR
from swarm.roles.answers import one_line
from swarm.roles.auditor import audit, without_verdict
from swarm.roles.job import Job
from swarm.task import Task
from swarm.tries import Stopped

AUDIT_S = 60.0
"""What an audit may take: a session whose tasks have all ended waits for nothing else."""

SPARED = 100 - MARKS[0]
"""Percent of each cap that an audit leaves alone: no task is to be stopped for one."""


async def accepted_at(log: EventLog, position: int) -> StepAccepted:
    """The acceptance that stands at a position."""
    (entry,) = await log.read(after=position - 1, limit=1)
    assert isinstance(entry.event, StepAccepted), "an audit is of an acceptance"
    return entry.event


class Audits(msgspec.Struct, frozen=True, kw_only=True):
    """Carries a session's audits out. What goes wrong with one is its end, and no other's."""

    caps: Caps
    good: Callable[[Arm], float]
    note: Callable[[str, Ack], None]  # told of what is appended for a task

    async def carry_out(self, open_: Open, job: Job, others: Mapping[str, TaskState]) -> None:
        """Ask an auditor and append what comes of it. Raises Stopped, OwnerLost."""
        caps, state = self.caps, job.state
        accepted = await accepted_at(caps.owner.log, job.step.audit)
        recorded = caps.journal.of(open_.task, open_.step, open_.attempt, AUDITOR)
        attempt = Attempt(caps.owner, state, step=open_.step, attempt=open_.attempt, role=AUDITOR, recorded=recorded)
        picker = audit_picker(caps.plan, job.task, job.step, model_of(accepted.judge), self.good)
        job = msgspec.structs.replace(job, pick=picker)
        call = caps.calls.for_attempt(attempt, partial(self._terms, job.task))
        try:
            if any(isinstance(tries[-1].outcome, CallUnknown) for tries in recorded.calls.values()):
                event = without_verdict(accepted, "its call was cut off, and nobody is asked twice for an audit")
            else:
                event = await self._event(accepted, audit(job, accepted, attempt=attempt, call=call))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await attempt.flush()
            raise
        with anyio.CancelScope(shield=True):
            self.note(open_.task, await attempt.finish([Placed(event, open_.step, open_.attempt)], others))

    async def _event(self, accepted: StepAccepted, auditing: Awaitable[StepAudited]) -> StepAudited:
        try:
            with anyio.fail_after(AUDIT_S):
                return await auditing
        except (Stopped, OwnerLost):
            raise
        except TimeoutError:
            return without_verdict(accepted, f"it took longer than {AUDIT_S:g} s")
        except BudgetExceeded as refusal:
            room = f"an audit takes no cap beyond {MARKS[0]} %, and that of {refusal.scope} has no room left below that"
            return without_verdict(accepted, room)
        except SwarmError as error:
            return without_verdict(accepted, one_line(self.caps.redact(str(error))))

    def _terms(self, task: Task) -> Terms:
        terms = self.caps.terms(task, AUDITOR)
        spared = tuple(msgspec.structs.replace(cap, spares=SPARED) for cap in terms.caps)
        return msgspec.structs.replace(terms, caps=spared)
