"""The explorer: looks at a complex task, weighs ways to do it, and plans the steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec
from anyio import to_thread

from events.types.task import AttemptAbandoned, StepPlanned
from swarm.cycle import Placed
from swarm.journal import Attempt
from swarm.orders import Ask, Call
from swarm.prompts.build import PLAN_SCHEMA, PLAN_WITH_NEEDS, Material, explorer_brief, explorer_messages
from swarm.roles.answers import Plan, PlanStep, is_whole, one_line, read_object
from swarm.roles.evidence import asks_for_needs, in_outline, needs_of, note_names, recorded_names
from swarm.roles.job import PLAN_TOKENS, Job, handover_text, said_to, whole_answer
from swarm.roles.passing import passed
from swarm.roles.strain import strained
from swarm.task import Task

MOST_STEPS = 6


async def explore(job: Job, *, attempt: Attempt, call: Call) -> list[Placed]:
    """Plan the task: one step.planned for each step, or attempt.abandoned where the answer is no plan."""

    strain = await strained(attempt, job.strain)
    names = await recorded_names(attempt)

    async def brief() -> str:
        given = await job.world.material(job.task, strain.is_compact)
        if job.open.attempt == 1:
            names[:] = asks_for_needs(job.stages, given)
            note_names(attempt, names)
        if job.stages.any and given:
            given = await to_thread.run_sync(_in_short, job, given)
        return explorer_brief(
            job.task,
            given,
            handover=await handover_text(job, attempt),
            budget=strain.line(PLAN_TOKENS),
            needs=bool(names),
        )

    said = await attempt.capture("brief", brief)
    ask = plan_ask(job.task, said, type_=job.state.type, needs=bool(names))
    ask = msgspec.structs.replace(ask, output_tokens=strain.clamped(PLAN_TOKENS))
    answer = await whole_answer(job, call, ask)
    plan = read_object(answer.text, Plan) if is_whole(answer.finish) else None
    if plan is None or not any(step.instruction.strip() for step in plan.steps):
        return [Placed(AttemptAbandoned(role="explorer", reason="its answer was no plan"), 0, job.open.attempt)]
    return _planned(job, attempt, plan, names)


def _in_short(job: Job, given: Sequence[Material]) -> Sequence[Material]:
    """What is given to read, as the stages leave it: who plans for the first time sees outlines."""
    if job.open.attempt == 1:  # who had no plan by outlines sees all
        given = in_outline(job.stages, job.task, given)
    (found,) = passed(job, (given,))
    return found


def plan_ask(task: Task, brief: str, *, type_: str, needs: bool = False) -> Ask:
    """What is asked for a plan, with `needs` for one that says what each step has to read."""
    said = said_to(task, "explorer", type_, PLAN_TOKENS, partial(explorer_messages, task, brief))
    return Ask(**said, output_tokens=PLAN_TOKENS, answer_schema=PLAN_WITH_NEEDS if needs else PLAN_SCHEMA)


def _planned(job: Job, attempt: Attempt, plan: Plan, names: Sequence[str]) -> list[Placed]:
    steps = [step for step in plan.steps if step.instruction.strip()]
    if len(steps) > MOST_STEPS:  # the last one does what is left, and reads whatever the task does
        rest = "\n".join(step.instruction for step in steps[MOST_STEPS - 1 :])
        steps = [*steps[: MOST_STEPS - 1], PlanStep(instruction=rest, title=steps[-1].title)]
    needs = [needs_of(step.needs if names else (), names) for step in steps]
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
                needs=needed.known,
                unknown=needed.unknown,
            ),
            number,
            job.open.attempt,
        )
        for number, (step, needed) in enumerate(zip(steps, needs, strict=True), 1)
    ]
