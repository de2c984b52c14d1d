"""The worker: carries a step out and hands in a draft."""

from __future__ import annotations

import re

from events.types.task import StepDrafted
from swarm.calls import Ask, Call
from swarm.cycle import Placed
from swarm.journal import Attempt
from swarm.prompts.build import worker_brief, worker_messages
from swarm.roles.job import OUTPUT_TOKENS, Job, brief_of
from swarm.roles.results import answer_schema, normal_form
from swarm.roles.strain import strained
from swarm.task import Task


async def work(job: Job, *, attempt: Attempt, call: Call) -> list[Placed]:
    """Draft the step: one step.drafted, whatever the draft is worth."""

    strain = await strained(attempt, job.strain)
    output_tokens = OUTPUT_TOKENS[job.state.complexity]

    async def brief() -> str:
        step = await brief_of(job, attempt, compact=strain.is_compact)
        material = await job.world.material(job.task, strain.is_compact)
        return worker_brief(job.task, step, material, budget=strain.line(output_tokens))

    last = job.open.step == job.state.total
    ask = draft_ask(job.task, await attempt.capture("brief", brief), strain.clamped(output_tokens), last=last)
    answer = await call(ask, pick=job.pick)
    text = normal_form(job.task, answer.text) if last else answer.text
    drafted = StepDrafted(
        draft=attempt.put(_trimmed(text)),
        agent=answer.agent,
        model=answer.model,
        tier=answer.tier,
        finish=answer.finish,
    )
    return [Placed(drafted, job.open.step, job.open.attempt)]


def draft_ask(task: Task, brief: str, output_tokens: int, *, last: bool) -> Ask:
    """What is asked for a draft; only that of the last step has to have the form of the task's result."""
    return Ask(
        messages=worker_messages(task, brief),
        output_tokens=output_tokens,
        answer_schema=answer_schema(task) if last else None,
    )


def _trimmed(text: str) -> str:
    """The result without blank lines around it; the first line keeps its indentation where there is a second."""
    trimmed = text.rstrip()
    return re.sub(r"\A(?:[ \t]*\r?\n)+", "", trimmed) if "\n" in trimmed.strip() else trimmed.strip()
