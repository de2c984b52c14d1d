"""The explorer: looks at a complex task, weighs ways to do it, and plans the steps."""

from __future__ import annotations

from functools import partial

import msgspec
from anyio import to_thread

from events.types.task import AttemptAbandoned, StepPlanned
from swarm.cycle import Placed
from swarm.journal import Attempt
from swarm.orders import Ask, Call
from swarm.prompts.build import PLAN_SCHEMA, explorer_brief, explorer_messages
from swarm.roles.answers import Plan, PlanStep, is_whole, one_line, read_object
from swarm.roles.job import PLAN_TOKENS, Job, handover_text, said_to, whole_answer
from swarm.roles.passing import passed
from swarm.roles.strain import strained
from swarm.task import Task

MOST_STEPS = 6


async def explore(job: Job, *, attempt: Attempt, call: Call) -> list[Placed]:
    """Plan the task: one step.planned for each step, or attempt.abandoned where the answer is no plan."""

    strain = await strained(attempt, job.strain)

    async def brief() -> str:
        given = await job.world.material(job.task, strain.is_compact)
        (material,) = await to_thread.run_sync(passed, job, (given,))
        return explorer_brief(
            job.task, material, handover=await handover_text(job, attempt), budget=strain.line(PLAN_TOKENS)
        )

    ask = plan_ask(job.task, await attempt.capture("brief", brief), type_=job.state.type)
    ask = msgspec.structs.replace(ask, output_tokens=strain.clamped(PLAN_TOKENS))
    answer = await whole_answer(job, call, ask)
    plan = read_object(answer.text, Plan) if is_whole(answer.finish) else None
    if plan is None or not any(step.instruction.strip() for step in plan.steps):
        return [Placed(AttemptAbandoned(role="explorer", reason="its answer was no plan"), 0, job.open.attempt)]
    return _planned(job, attempt, plan)


def plan_ask(task: Task, brief: str, *, type_: str) -> Ask:
    """What is asked for a plan."""
    said = said_to(task, "explorer", type_, PLAN_TOKENS, partial(explorer_messages, task, brief))
    return Ask(**said, output_tokens=PLAN_TOKENS, answer_schema=PLAN_SCHEMA)


def _planned(job: Job, attempt: Attempt, plan: Plan) -> list[Placed]:
    steps = [step for step in plan.steps if step.instruction.strip()]
    if len(steps) > MOST_STEPS:
        rest = "\n".join(step.instruction for step in steps[MOST_STEPS - 1 :])
        steps = [*steps[: MOST_STEPS - 1], PlanStep(instruction=rest, title=steps[-1].title)]
    approach = attempt.put(plan.approach) if plan.approach.strip() else None
    # a plan of one step says how, not what: the task's own words stay what is asked for
    alone = len(steps) == 1
    if alone and approach is None:
        approach = attempt.put(steps[0].instruction)
    return [
        Placed(
            StepPlanned(
                title=one_line(step.title or step.instruction, 60),
                total=len(steps),
                instruction=None if alone else attempt.put(step.instruction),
                approach=approach,
            ),
            number,
            job.open.attempt,
        )
        for number, step in enumerate(steps, 1)
    ]
