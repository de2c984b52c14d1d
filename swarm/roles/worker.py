"""The worker: carries a step out and hands in a draft."""

from __future__ import annotations

import re

from events.types.task import StepDrafted
from swarm.calls import Ask, Call
from swarm.cycle import Placed
from swarm.journal import Attempt
from swarm.prompts.build import worker_brief, worker_messages
from swarm.roles.answers import unfenced
from swarm.roles.job import OUTPUT_TOKENS, Job, brief_of


async def work(job: Job, *, attempt: Attempt, call: Call) -> list[Placed]:
    """Draft the step: one step.drafted, whatever the draft is worth."""

    async def brief() -> str:
        return worker_brief(job.task, await brief_of(job, attempt), await job.world.material(job.task))

    messages = worker_messages(job.task, await attempt.capture("brief", brief))
    tokens = OUTPUT_TOKENS[job.state.complexity]
    answer = await call(Ask(messages=messages, output_tokens=tokens), pick=job.pick)
    last = job.open.step == job.state.total
    text = unfenced(answer.text) if last and _wants_bare(job) else answer.text
    drafted = StepDrafted(
        draft=attempt.put(_trimmed(text)),
        agent=answer.agent,
        model=answer.model,
        tier=answer.tier,
        finish=answer.finish,
    )
    return [Placed(drafted, job.open.step, job.open.attempt)]


def _trimmed(text: str) -> str:
    """The result without blank lines around it; the first line keeps its indentation where there is a second."""
    trimmed = text.rstrip()
    return re.sub(r"\A(?:[ \t]*\r?\n)+", "", trimmed) if "\n" in trimmed.strip() else trimmed.strip()


def _wants_bare(job: Job) -> bool:
    """Whether a code fence around the whole result is wrapping and no part of it."""
    task = job.task
    return (task.output is not None and task.output.format != "markdown") or any(
        check.schema is not None for check in task.checks
    )
