"""Sub-agents: a part of a worker's step, done in a branch of its attempt under a budget of its own.

A sub-agent works in the same work copy as who sent it, so that what it changes is the worker's change. Its calls count in the
worker's scopes, too: a budget of its own gives nobody more. They stand in the log under the attempt and the branch, so that a
resume gives them back, and a replay does the part again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import msgspec

from events.scopes import agent_scope, branch_scope, role_scope
from events.types.tool import ToolFinished
from swarm.engine.endings import Caps
from swarm.engine.hands import Begin, RecordedHands, called
from swarm.journal import Attempt, Journal
from swarm.messages import ToolCall
from swarm.money.caps import Cap, task_scope
from swarm.orders import Call, Terms
from swarm.plan import SUB_AGENT
from swarm.roles.job import Hands, Job
from swarm.roles.subagent import Report, assist
from swarm.task import Task
from swarm.tools.base import Said, ToolRefused
from swarm.tools.subtask import TASK, Part, part_of, task_tool

BUDGET = "budget"
"""The name under which a sub-agent's attempt keeps how many tokens it may take."""


def branch_of(ordinal: int) -> str:
    """The branch of the sub-agent that a use of a tool with that number sends."""
    return f"task:{ordinal}"


def sub_attempt(attempt: Attempt, journal: Journal, ordinal: int) -> Attempt:
    """The attempt of the sub-agent that a use of a tool of this one sends."""
    branch = branch_of(ordinal)
    return Attempt(
        attempt.owner,
        attempt.state,
        step=attempt.step,
        attempt=attempt.number,
        role=SUB_AGENT,
        recorded=journal.of(attempt.state.name, attempt.step, attempt.number, SUB_AGENT, branch),
        branch=branch,
    )


async def delegate(
    part: Part, attempt: Attempt, job: Job, caps: Caps, hands: Callable[[Attempt, Task], Awaitable[Hands]]
) -> Said:
    """Have a part of the attempt's step done, in the use of a tool that it is at. Raises ToolRefused where no budget is left."""
    own = sub_attempt(attempt, caps.journal, attempt.use)

    async def least() -> str:
        await caps.ledger.catch_up()
        return str(tokens_for(part, job.task, caps))

    budget = int(await own.capture(BUDGET, least))
    if budget < 1:
        raise ToolRefused("nothing is left of the budget for a sub-agent: do it yourself, or come to an end")
    assert job.delegated is not None, "a worker's job says who may do a part of it"
    pick, go_on = job.delegated(attempt.agent, own.branch)
    terms = terms_of(own, job.task, caps, attempt.agent, budget)
    call = caps.calls.for_attempt(own, terms, turns=job.task.limits.turns, level=job.task.priority)
    try:
        report = await assist(
            part.prompt,
            budget,
            job=msgspec.structs.replace(job, pick=pick, go_on=go_on),
            call=call,
            hands=await hands(own, msgspec.structs.replace(job.task, prompt=part.prompt)),
        )
    finally:
        with anyio.CancelScope(shield=True):
            await own.leave()
    return Said(text=report.text, failed=report.failed)


def tokens_for(part: Part, task: Task, caps: Caps) -> int:
    """What a sub-agent may take: what was asked for, at most what settings give one, and no more than the scopes above have left."""
    left = caps.left(caps.in_force(task, "worker"))
    most = caps.plan.subagent_tokens
    return max(0, min([most, *left, most if part.tokens is None else part.tokens]))


def terms_of(own: Attempt, task: Task, caps: Caps, agent: str, tokens: int) -> Callable[[], Terms]:
    """The terms of a sub-agent's calls: those of the worker that sent it, in whose scopes they count, and a cap of its own."""
    mine = task_scope(own.owner.session, task.id)
    scope = branch_scope(mine, own.step, own.number, own.branch)

    def terms() -> Terms:
        worker = caps.terms(task, "worker")
        above = [each for each in worker.named if each != mine]
        under = (role_scope(mine, "worker"), agent_scope(mine, "worker", agent), scope)
        named = tuple(dict.fromkeys((*above, *under, mine)))
        return msgspec.structs.replace(worker, named=named, caps=(*worker.caps, Cap(scope=scope, tokens=tokens)))

    return terms


async def again(
    call: ToolCall,
    finished: ToolFinished,
    attempt: Attempt,
    *,
    journal: Journal,
    job: Job,
    calls: Callable[[Attempt], Call],
) -> Report | None:
    """What a recorded part of the attempt comes to, done once more from its record; None where it came to no call.

    `calls` gives a recorded attempt's answers. What it raises behind the last one is passed on: a part that something refused has
    no more.
    """
    own = sub_attempt(attempt, journal, finished.ordinal)
    place = own.recorded.captures.get(BUDGET)
    if place is None:
        return None
    _, arguments = called(call, {TASK: task_tool(_never)})
    budget = int(await own.text(place))
    return await assist(part_of(arguments).prompt, budget, job=job, call=calls(own), hands=RecordedHands(own, Begin()))


async def _never(_: Part) -> Said:
    raise AssertionError("what is recorded is not done again")
