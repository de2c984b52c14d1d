"""What a role is handed: the task, the step, and the world as functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from events.types.tree import FileChange
from events.views.tasks import Place, StepState, TaskState
from swarm.cache.suggestions import Suggested
from swarm.context.parts import beginning
from swarm.cycle import Open
from swarm.journal import Attempt
from swarm.messages import Message, ToolCall, ToolSpec
from swarm.money.allowances import MORE
from swarm.orders import Answer, Ask, Call, Picker
from swarm.prompts.build import HANDED_OVER, Material, StepBrief
from swarm.prompts.guide import GuidePart
from swarm.prompts.length import form_of, length_line
from swarm.roles.checks import Checked
from swarm.roles.guard import Used
from swarm.roles.strain import Strain
from swarm.stages import NO_STAGES, Stages
from swarm.task import Role, Task, agents_of


class Guide(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told of skills, and the names of those whose texts that holds."""

    skills: tuple[str, ...] = ()
    text: str = ""
    tokens: tuple[int, ...] = ()  # about how many the text of each of these skills has
    parts: tuple[GuidePart, ...] = ()  # that it is made of, until it is recorded


NO_GUIDE = Guide()


def skills_of_agents(task: Task) -> tuple[str, ...] | None:
    """The skills of which the agents that may take the task use some; None: all."""
    lists = [agent.skills for agent in agents_of(task, "worker") if agent.skills is not None]
    if len(lists) < len(agents_of(task, "worker")):
        return None
    return tuple(dict.fromkeys(name for each in lists for name in each))


def wants_guide(task: Task) -> bool:
    """Whether the worker is told of skills: they are for work with tools, and where somebody names them.

    A single answer to a prompt would pay for a skill in each of its tokens.
    """
    if task.skills is not None:
        return bool(task.skills)
    return bool(task.tools) and skills_of_agents(task) != ()


Suggest = Callable[[str], Awaitable[Suggested | None]]
"""Gives by what a worker is asked what it is told of an earlier answer."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a role may take from outside, each through `attempt.capture`."""

    material: Callable[
        [Task, bool], Awaitable[Sequence[Material]]
    ]  # inputs, and results of the tasks that it needs; True: less of each, as near to a cap
    checks: Callable[[Task, str], Awaitable[tuple[Checked, ...]]]  # the task's deterministic checks on a draft
    tree: Callable[[Task], str]  # the state of the project that they were run on, "" where they needed none of it
    guide: Callable[[Task, int], Awaitable[Guide]]  # the skills that fit a step of a task
    changed: Callable[[StepState], Awaitable[str]]  # what tools changed of the project for a step's draft, as a patch
    suggested: Suggest | None = None  # an accepted answer to a question like a worker's; None: it is told of none
    shortened: Callable[[Task], None] = lambda _: None  # is told when a stage left out some of what a task reads


class Hands(Protocol):
    """The tools of one attempt."""

    async def offered(self, skills: Sequence[str]) -> tuple[ToolSpec, ...]:
        """What the model is told of beside these skills: the same at every turn of the attempt."""
        ...

    async def use(self, call: ToolCall, stands: Sequence[Message] = ()) -> Used:
        """Have done what the model wants, or given back from the record; what it is told of it is the `answer`.

        `stands` are the messages as they stand: what a tool says again that is among them need not be told again.

        A use that is refused, or comes to nothing, is told as that. Raises what ends the attempt.
        """
        ...

    def files(self) -> tuple[FileChange, ...]:
        """All that differs in the work copy now from the project when it was made."""
        ...

    async def remembered(self, ask: Ask, *, arm: str, turns: int) -> Ask:
        """What is asked next of the arm that answered, in one of so many turns: the conversation as it was said, or compacted."""
        ...


Delegated = Callable[[str, str], tuple[Picker, Callable[[str], Picker]]]
"""By agent and branch of the attempt who takes the first call of a part of its work, and by the name of that arm who goes on."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of open work."""

    open: Open
    task: Task
    state: TaskState
    world: World
    pick: Picker
    stay: Callable[[str], Picker]  # takes the agent@model that answered before, for as long as it can
    go_on: Callable[[str], Picker]  # the same, for the rest of a conversation with tools
    judges: bool  # somebody may judge
    redact: Callable[[str], str]
    audits: Callable[[str], bool] = lambda _: False  # whether what a model accepts now is audited; "": the checks alone
    strain: Strain = Strain()  # how near it is to a cap
    stages: Stages = NO_STAGES  # that texts pass on their way into its requests
    hands: Hands | None = None  # None: the task has no tools
    delegated: Delegated | None = None  # who may do a part of the step; None: nobody
    left_out: Mapping[str, str] = {}  # of its prompts, by titles
    whole: Task | None = None  # the task with its prompts whole; None: they are

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


async def whole_answer(job: Job, call: Call, ask: Ask) -> Answer:
    """What is answered. What was cut at a limit that was foreseen is asked for again, of the same arm, with all that is allowed.

    That the limit was too tight is nobody's failure but ours: it is no draft, no verdict, and no attempt.
    """
    answer = await call(ask, pick=job.pick)
    if not answer.short:
        return answer
    again = await call(ask, pick=job.stay(answer.arm))
    return msgspec.structs.replace(again, why=answer.why)


def said_to(
    task: Task, role: Role, type_: str, tokens: int, messages: Callable[[str, str], tuple[Message, ...]]
) -> dict[str, Any]:
    """The messages of an Ask, for each agent that may take it.

    `messages` gives them from what the agent is told of itself, and of the length of an answer that may have so many tokens.
    """
    form = form_of(task, role, type_)
    told = {
        agent.name: messages(agent.prompt, length_line(agent, form, tokens, task.limits.words))
        for agent in agents_of(task, role)
    }
    return {"messages": next(iter(told.values())), "by_agent": told if len(told) > 1 else {}}


def reads(job: Job, brief: str) -> bool:
    """Whether the step is given anything to read beside what it is asked.

    It is not looked for in the brief: feedback that quotes the marks of material would change the first words of the request,
    and with them what a provider has cached of it. But a hand-over may be of a halt in this attempt, whose brief has none.
    """
    task = job.task
    is_told = bool(job.state.told) and f"# {HANDED_OVER}\n" in brief
    return bool(task.inputs or task.needs) or is_told or job.open.step > 1


async def handover_text(job: Job, attempt: Attempt) -> str:
    """What the role is told of how far the task had come before; empty where it was not stopped."""
    return await attempt.text(job.state.told) if job.state.told else ""


SHORT_BYTES = 600
"""What stays of an approach and of feedback near a cap: a paragraph."""

SHORT_DRAFT_BYTES = 1_500
"""What stays there of the draft of an earlier step: a page."""


async def brief_of(job: Job, attempt: Attempt, *, compact: bool = False) -> StepBrief:
    """What the step adds to the task, read from the log: instruction, approach, earlier drafts, feedback.

    With `compact` of all but the instruction only the beginning.
    """
    step = job.step

    async def read(place: Place | None, most: int) -> str:
        text = await attempt.text(place) if place else ""
        return beginning(text, most) if compact else text

    earlier = [
        Material(f"Step {before.number}, {before.title}", await read(before.draft, SHORT_DRAFT_BYTES), "results")
        for before in job.state.steps[: step.number - 1]
        if before.draft is not None
    ]
    return StepBrief(
        number=step.number,
        total=job.state.total,
        title=step.title,
        instruction=await attempt.text(step.instruction) if step.instruction else "",
        approach=await read(step.approach, SHORT_BYTES),
        earlier=earlier,
        feedback=await read(step.feedback, SHORT_BYTES),
        handover=await handover_text(job, attempt),
    )
