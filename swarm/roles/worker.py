"""The worker: carries a step out and hands in a draft."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from anyio import to_thread

from events.types.answer import SUGGESTION, AnswerSuggested
from events.types.base import NOUGHT
from events.types.task import StepDrafted
from events.views.accepted import BRIEF
from swarm.cycle import Placed
from swarm.journal import Attempt
from swarm.money.allowances import MORE
from swarm.orders import Answer, Ask, Call
from swarm.prompts.build import Material, StepBrief, worker_brief, worker_messages
from swarm.roles.evidence import places, told
from swarm.roles.guiding import guided
from swarm.roles.job import (
    NO_GUIDE,
    Guide,
    Hands,
    Job,
    answer_tokens,
    brief_of,
    may_have_more,
    reads,
    said_to,
    whole_answer,
)
from swarm.roles.passing import passed
from swarm.roles.results import answer_schema, normal_form
from swarm.roles.strain import Strain, strained
from swarm.roles.turns import converse
from swarm.stages import LeftOut
from swarm.task import Task
from swarm.text.tokens import quick_tokens

LEFT_OUT = "left out"
"""The name under which is recorded what a brief lacks."""

_ASKS = re.compile(r"\W{0,3}MORE\b\W{0,3}:")
"""How an answer begins that is none, as `worker_more.md` says it."""


async def work(job: Job, *, attempt: Attempt, call: Call) -> list[Placed]:
    """Draft the step: one step.drafted, whatever the draft is worth."""

    strain = await strained(attempt, job.strain)
    output_tokens = answer_tokens(job)
    last = job.open.step == job.state.total
    is_new = BRIEF not in attempt.recorded.captures
    said = await attempt.capture(BRIEF, partial(_brief, job, attempt, strain, output_tokens))
    left_out = await _left_out(job, attempt)
    guide = await guided(job, attempt)
    asked = partial(
        draft_ask,
        output_tokens=strain.clamped(output_tokens),
        type_=job.state.type,
        last=last,
        guide=guide,
        suggestion=await _suggested(job, attempt, said, is_new=is_new),
        reads=reads(job, said),
    )
    ask = asked(job.task, said)
    if job.hands is not None:
        return [await _with_tools(job, job.hands, attempt, call, ask, last=last)]
    answer = await whole_answer(job, call, ask)
    if left_out and may_ask_for_more(job.task, last=last) and asks_for_more(answer):
        said = await attempt.capture(
            "whole brief", partial(_whole_brief, job, attempt, strain, output_tokens, left_out)
        )
        ask, job = asked(job.whole or job.task, said), msgspec.structs.replace(job, pick=job.stay(answer.arm))
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


async def _suggested(job: Job, attempt: Attempt, brief: str, *, is_new: bool) -> str:
    """What the worker is told of an earlier answer, as it was told when the attempt began; a task with tools is told nothing."""
    suggest = job.world.suggested
    if SUGGESTION not in attempt.recorded.captures and (not is_new or suggest is None or job.task.tools):
        return ""

    async def suggestion() -> str:
        found = await suggest(brief) if suggest is not None else None
        if found is None:
            return ""
        attempt.tell(
            AnswerSuggested(
                source=found.source, cosine=round(found.cosine, 4) or NOUGHT, tokens=quick_tokens(found.text)
            )
        )
        return found.text

    return await attempt.capture(SUGGESTION, suggestion)


async def _brief(job: Job, attempt: Attempt, strain: Strain, output_tokens: int, *, whole: bool = False) -> str:
    step = await brief_of(job, attempt, compact=strain.is_compact)
    material = await job.world.material(job.task, strain.is_compact)
    if not whole and job.stages.any and (material or step.earlier):
        material, step = await to_thread.run_sync(_in_short, job, material, step)
    more = bool(job.stages.left_out) and may_ask_for_more(job.task, last=step.number == step.total) and not whole
    return worker_brief(job.task, step, material, more=more, budget=strain.line(output_tokens))


def _in_short(job: Job, material: Sequence[Material], step: StepBrief) -> tuple[Sequence[Material], StepBrief]:
    """What is given to read, as the stages leave it."""
    given, others = told(job, material)
    sought = "\n".join((step.instruction, *places(job.step.needs, given)))
    material, earlier = passed(job, (given, step.earlier), sought)
    return material, msgspec.structs.replace(step, earlier=earlier, others=others)


async def _whole_brief(
    job: Job, attempt: Attempt, strain: Strain, output_tokens: int, left_out: Mapping[str, LeftOut]
) -> str:
    """The brief with whole texts, for a worker that asked for what they lacked."""
    job.stages.undone(left_out)
    return await _brief(job, attempt, strain, output_tokens, whole=True)


async def _left_out(job: Job, attempt: Attempt) -> Mapping[str, LeftOut]:
    """What stages left out of the texts of the brief, as it was when that was taken."""
    if place := attempt.recorded.captures.get(LEFT_OUT):
        return msgspec.json.decode(await attempt.text(place), type=dict[str, LeftOut])
    if job.stages.left_out:
        attempt.note(LEFT_OUT, msgspec.json.encode(job.stages.left_out).decode())
    return job.stages.left_out


def may_ask_for_more(task: Task, *, last: bool) -> bool:
    """Whether a worker is told how to ask for what its material lacks: it has no tool for that, and may say any words."""
    return not task.tools and not (last and answer_schema(task))


def asks_for_more(answer: Answer) -> bool:
    return answer.finish == "stop" and bool(_ASKS.match(answer.text))


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


def draft_ask(
    task: Task,
    brief: str,
    output_tokens: int,
    *,
    type_: str,
    last: bool,
    guide: Guide = NO_GUIDE,
    suggestion: str = "",
    reads: bool,
) -> Ask:
    """What is asked for a draft; only that of the last step has to have the form of the task's result."""
    messages = partial(worker_messages, task, brief, skills=guide.text, suggestion=suggestion, reads=reads)
    return Ask(
        **said_to(task, "worker", type_, output_tokens, messages),
        skills=guide.skills,
        skill_tokens=guide.tokens,
        output_tokens=output_tokens,
        answer_schema=answer_schema(task) if last else None,
    )


def _trimmed(text: str) -> str:
    """The result without blank lines around it; the first line keeps its indentation where there is a second."""
    trimmed = text.rstrip()
    return re.sub(r"\A(?:[ \t]*\r?\n)+", "", trimmed) if "\n" in trimmed.strip() else trimmed.strip()
