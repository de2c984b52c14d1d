"""What the hands of a session's attempts are made of: the tools of a task, who allows their use, and the copies they work in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from events.log import Clock
from swarm.engine.ahead import Ahead, open_ahead
from swarm.engine.approvals import Approvals
from swarm.engine.consent import Consent
from swarm.engine.copies import Copies
from swarm.engine.endings import Caps
from swarm.engine.faces import Faces
from swarm.engine.hands import Allow, Allowed, LiveHands, begin_of
from swarm.engine.history import STAGE as HISTORY
from swarm.engine.history import History, Rules
from swarm.engine.outputs import Outputs
from swarm.engine.questions import Questions
from swarm.engine.results import Results, open_results
from swarm.engine.subagents import delegate
from swarm.engine.summary import Summaries
from swarm.engine.toolchest import Toolchest, open_toolchest
from swarm.engine.working import Working
from swarm.engine.world import Surroundings
from swarm.journal import Attempt
from swarm.messages import Arm, ToolCall
from swarm.owner import Owner
from swarm.pauses import Pauses
from swarm.plan import Plan
from swarm.roles.job import Job
from swarm.stages import drawn_for, stages_of
from swarm.task import Task, words_of
from swarm.tools.base import Said, Tool
from swarm.tools.person import ask_tool
from swarm.tools.subtask import Part, task_tool


class Toolkit:
    """Makes the hands of the attempts of one session."""

    def __init__(
        self,
        chest: Toolchest,
        approvals: Approvals,
        questions: Questions,
        copies: Copies,
        *,
        redact: Callable[[str], str],
        doubtful: Callable[[str], Awaitable[bool]],
        results: Results | None,
        ahead: Ahead,
    ) -> None:
        self._results, self._ahead = results, ahead
        self._chest, self._approvals, self._questions, self._copies = chest, approvals, questions, copies
        self._redact, self._doubtful = redact, doubtful

    def hands(self, attempt: Attempt, job: Job, caps: Caps) -> LiveHands:
        """The hands of a worker's attempt. `caps` are above the calls of the sub-agents that it sends."""
        begin = begin_of(job.state, job.open)
        working = Working(attempt, job.open.task, self._copies, begin.files, begin.at)

        async def delegated(part: Part) -> Said:
            async def sent(own: Attempt, task: Task) -> LiveHands:
                made = self._made(own, task, working, [self._asking(own)], caps, part.tools, left_out=job.left_out)
                made.narrow(worker.lists)
                return made

            return await delegate(part, attempt, job, caps, sent)

        tools = [self._asking(attempt), task_tool(delegated)]
        worker = self._made(attempt, job.task, working, tools, caps, left_out=job.left_out)
        return worker

    def _asking(self, attempt: Attempt) -> Tool:
        return ask_tool(partial(self._questions.answer, attempt))

    def _made(
        self,
        attempt: Attempt,
        task: Task,
        working: Working,
        own: Sequence[Tool],
        caps: Caps,
        words: Sequence[str] | None = None,
        *,
        left_out: Mapping[str, str],
    ) -> LiveHands:
        stages, rules = stages_of(self._chest.plan.stages, task, attempt), self._rules(attempt, task, caps)
        is_compacted = rules is not None and rules.drawn.how == "used"
        outputs = Outputs(attempt, stages, sought=words_of(task))
        box = self._chest.box(
            task, outputs.text_of, own, words, left_out=left_out, stages=stages, refetches=is_compacted
        )
        return LiveHands(
            attempt,
            working=working,
            box=box,
            history=History(attempt, rules),
            allow=_once_unpaused(self._approvals.of(task, attempt), task, caps.calls.pauses),
            outputs=outputs,
            doubtful=self._doubtful,
            redact=self._redact,
            results=self._results,
            ahead=self._ahead if outputs.are_looked_at else None,
        )

    def _rules(self, attempt: Attempt, task: Task, caps: Caps) -> Rules | None:
        """How the conversation of an attempt at the task is compacted; None where its stage is off."""
        plan = self._chest.plan
        drawn = drawn_for(plan.stages, task).get(HISTORY)
        if drawn is None:
            return None

        def arm(name: str) -> Arm | None:
            agent, _, model = name.partition("@")
            return next((arm for arm in plan.roster.arms(agent) if arm.model == model), None)

        return Rules(
            drawn=drawn,
            strategy=plan.stages.history,
            sought=words_of(task),
            arm=arm,
            left=lambda: min(caps.left(caps.in_force(task, "worker")), default=None),
            summarise=Summaries(attempt, task, caps),
        )


def _once_unpaused(allow: Allow, task: Task, pauses: Pauses) -> Allow:
    """The same, but that what is allowed waits while the task is paused."""

    async def allowed(
        tool: Tool, arguments: Mapping[str, Any], call: ToolCall, ordinal: int, /, *, really: str = ""
    ) -> Allowed:
        word = await allow(tool, arguments, call, ordinal, really=really)
        if word.yes:
            await pauses.passed(task.id)
        return word

    return allowed


@asynccontextmanager
async def open_toolkit(
    owner: Owner,
    plan: Plan,
    surroundings: Surroundings,
    consent: Consent,
    *,
    environ: Mapping[str, str],
    faces: Faces,
    clock: Clock,
) -> AsyncGenerator[Toolkit]:
    """Nothing is started before a task needs it, and all that was is ended at the end."""
    root, copies, redact = surroundings.root, surroundings.copies, surroundings.redact
    async with (
        open_toolchest(owner, plan, surroundings, environ=environ, say=faces.say) as chest,
        open_ahead(owner.log, project=owner.project) as ahead,
    ):
        approvals = Approvals(owner, plan.tools, faces=faces, directory=str(root), redact=redact, backend=chest.backend)
        questions = Questions(owner, plan.tools, faces=faces, redact=redact)
        surroundings.sandbox = chest.sandbox
        results: Results | None = None
        if plan.caching.results:
            results = await open_results(owner.log, project=str(root), ttl_s=plan.caching.results_ttl_s, clock=clock)
        yield Toolkit(
            chest, approvals, questions, copies, redact=redact, doubtful=consent.ask, results=results, ahead=ahead
        )
