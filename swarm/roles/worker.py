"""The worker: carries a step out and hands in a draft."""

from __future__ import annotations

import re
from functools import partial

import msgspec
from anyio import to_thread

from events.types.task import StepDrafted
from swarm.cycle import Placed
from swarm.journal import Attempt
from swarm.money.allowances import MORE
from swarm.orders import Answer, Ask, Call
from swarm.prompts.build import worker_brief, worker_messages
from swarm.roles.guiding import guided
from swarm.roles.job import (
    NO_GUIDE,
    Guide,
    Hands,
    Job,
    answer_tokens,
    brief_of,
    may_have_more,
    said_to,
    whole_answer,
)
from swarm.roles.passing import passed
from swarm.roles.results import answer_schema, normal_form
from swarm.roles.strain import strained
from swarm.roles.turns import converse
from swarm.task import Task


async def work(job: Job, *, attempt: Attempt, call: Call) -> list[Placed]:
    """Draft the step: one step.drafted, whatever the draft is worth."""

    strain = await strained(attempt, job.strain)
    output_tokens = answer_tokens(job)

    async def brief() -> str:
        step = await brief_of(job, attempt, compact=strain.is_compact)
        given = await job.world.material(job.task, strain.is_compact)
        material, earlier = await to_thread.run_sync(passed, job, (given, step.earlier), step.instruction)
        step = msgspec.structs.replace(step, earlier=earlier)
        return worker_brief(job.task, step, material, budget=strain.line(output_tokens))

    last = job.open.step == job.state.total
    said = await attempt.capture("brief", brief)
    guide = await guided(job, attempt)
    ask = draft_ask(job.task, said, strain.clamped(output_tokens), type_=job.state.type, last=last, guide=guide)
    if job.hands is not None:
        return [await _with_tools(job, job.hands, attempt, call, ask, last=last)]
    answer = await whole_answer(job, call, ask)
    if answer.finish == "length" and answer.limit == output_tokens and may_have_more(job):
        more = msgspec.structs.replace(ask, output_tokens=output_tokens * MORE)
        answer = await call(more, pick=job.stay(answer.arm))
    text = normal_form(job.task, answer.text) if last else answer.text
    drafted = StepDrafted(
        draft=attempt.put(_trimmed(text)),
        agent=answer.agent,
        model=answer.model,
        tier=answer.tier,
        finish=answer.finish,
        limit=_limit(job, answer),
    )
    return [Placed(drafted, job.open.step, job.open.attempt)]


async def _with_tools(job: Job, hands: Hands, attempt: Attempt, call: Call, ask: Ask, *, last: bool) -> Placed:
    said = await converse(job, call, ask, hands)
    answer = said.answer
    text = normal_form(job.task, answer.text) if last and not said.stopped else answer.text
    drafted = StepDrafted(
        draft=attempt.put(_trimmed(text)),
        agent=answer.agent,
        model=answer.model,
        tier=answer.tier,
        finish=said.finish,
        limit=_limit(job, answer),
        files=hands.files(),
        stopped=said.stopped,
    )
    return Placed(drafted, job.open.step, job.open.attempt)


def _limit(job: Job, answer: Answer) -> int:
    """At how many tokens the answer was cut; 0 where it was not, or the log is from before that was recorded."""
    return answer.limit if answer.finish == "length" and job.state.answer_tokens else 0


def draft_ask(task: Task, brief: str, output_tokens: int, *, type_: str, last: bool, guide: Guide = NO_GUIDE) -> Ask:
    """What is asked for a draft; only that of the last step has to have the form of the task's result."""
    return Ask(
        **said_to(task, "worker", type_, output_tokens, partial(worker_messages, task, brief, skills=guide.text)),
        skills=guide.skills,
        skill_tokens=guide.tokens,
        output_tokens=output_tokens,
        answer_schema=answer_schema(task) if last else None,
    )


def _trimmed(text: str) -> str:
    """The result without blank lines around it; the first line keeps its indentation where there is a second."""
    trimmed = text.rstrip()
    return re.sub(r"\A(?:[ \t]*\r?\n)+", "", trimmed) if "\n" in trimmed.strip() else trimmed.strip()
