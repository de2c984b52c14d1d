"""What a role is handed: the task, the step, and the world as functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from events.views.tasks import StepState, TaskState
from swarm.calls import Picker
from swarm.cycle import Open
from swarm.journal import Attempt
from swarm.money.allowances import MORE
from swarm.prompts.build import Material, StepBrief
from swarm.roles.checks import Checked
from swarm.task import Task


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a role may take from outside, each through `attempt.capture`."""

    material: Callable[[Task], Awaitable[Sequence[Material]]]  # inputs, and results of the tasks that it needs
    checks: Callable[[Task, str], Awaitable[tuple[Checked, ...]]]  # the task's deterministic checks on a draft
    tree: Callable[[Task], str]  # the state of the project that they were run on, "" where they needed none of it


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of open work."""

    open: Open
    task: Task
    state: TaskState
    world: World
    pick: Picker
    stay: Callable[[str], Picker]  # takes the agent@model that answered before, for as long as it can
    judges: bool  # somebody may judge
    redact: Callable[[str], str]

    @property
    def step(self) -> StepState:
        return self.state.steps[self.open.step - 1]


_BEFORE: Mapping[str, int] = {"simple": 1024, "moderate": 2048, "complex": 4096}
"""What a draft might have by its task's level in a log that does not say it."""

PLAN_TOKENS, VERDICT_TOKENS = 1024, 400


def answer_tokens(job: Job) -> int:
    """What the answer of the step's next draft may have at first: after one that was cut, more."""
    step, allowed = job.step, job.state.answer_tokens or _BEFORE[job.state.complexity]
    return allowed * MORE if step.stage == "rejected" and step.finish == "length" and may_have_more(job) else allowed


def cut_at(job: Job) -> int:
    """How many tokens the step's draft, which was cut, might have."""
    return job.step.limit or _BEFORE[job.state.complexity]


def may_have_more(job: Job) -> bool:
    """Whether an answer that was cut may be asked for once more with more room: nobody bounded it, nor the calls."""
    limits = job.task.limits
    return bool(job.state.answer_tokens) and limits.answer_tokens is None and limits.turns != 1


async def brief_of(job: Job, attempt: Attempt) -> StepBrief:
    """What the step adds to the task, read from the log: instruction, approach, earlier drafts, feedback."""
    step = job.step
    earlier = [
        Material(f"Step {before.number}, {before.title}", await attempt.text(before.draft))
        for before in job.state.steps[: step.number - 1]
        if before.draft is not None
    ]
    return StepBrief(
        number=step.number,
        total=job.state.total,
        title=step.title,
        instruction=await attempt.text(step.instruction) if step.instruction else "",
        approach=await attempt.text(step.approach) if step.approach else "",
        earlier=earlier,
        feedback=await attempt.text(step.feedback) if step.feedback else "",
    )
