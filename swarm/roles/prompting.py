"""Of the prompts of a role's agents, and of the task's own words for it, the modules that the task is given; recorded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from anyio import to_thread

from swarm.journal import Attempt
from swarm.prompts.parts import Said
from swarm.roles.job import Job
from swarm.stages import NO_STAGES, Shorter, Stages
from swarm.task import Role, Task, agents_of
from swarm.text.tokens import quick_tokens

if TYPE_CHECKING:
    from swarm.prompts.modules import Chosen, Query

STAGE = "prompt"

LEAST = 1_500
"""Tokens of a prompt up to which it is given whole."""

CAPTURED = "prompt modules"
"""The name under which it is recorded what became of the modules."""

OWN_WORDS = "own words"
"""What the words are called here that a task adds for a role."""


class Assembled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one prompt. `used`: what was left out was not sent; else that is only measured."""

    of: str  # "agent NAME", or OWN_WORDS
    before: int  # tokens, by a quick count
    after: int
    used: bool
    said: tuple[Said, ...]


class Prompted(msgspec.Struct, frozen=True, kw_only=True):
    """A task whose prompts are as its role is told them, and what they leave out, by its title."""

    task: Task
    record: tuple[Assembled, ...] = ()
    left_out: Mapping[str, str] = {}
    whole: Task | None = None  # the task as it was; None: as it is
    stages: Stages = NO_STAGES  # that they passed

    def given_to(self, job: Job) -> Job:
        """The job of doing the task so, whose other texts pass the same stages."""
        return msgspec.structs.replace(
            job, task=self.task, left_out=self.left_out, whole=self.whole, stages=self.stages
        )


async def prompted(task: Task, role: Role, type_: str, stages: Stages, attempt: Attempt) -> Prompted:
    """The task as a role is told of it at an attempt: the same at every step. The stage is none once a draft of the step was rejected.

    What was chosen is recorded with the attempt's first call, and read from the record ever after.
    """
    found = await _found(task, role, type_, stages, attempt)
    return msgspec.structs.replace(found, stages=stages)


async def _found(task: Task, role: Role, type_: str, stages: Stages, attempt: Attempt) -> Prompted:
    if not any(quick_tokens(text) > LEAST for _, text in _prompts(task, role)):
        return Prompted(task=task)
    record = attempt.recorded.captures.get(CAPTURED)
    if record is not None:
        return retold(task, role, read_record(await attempt.text(record)))
    if attempt.recorded.calls:  # it began without
        return Prompted(task=task)
    found = await to_thread.run_sync(assembled, task, role, type_, stages)
    if found.record:
        attempt.note(CAPTURED, msgspec.json.encode(found.record).decode())
    return found


def read_record(text: str) -> tuple[Assembled, ...]:
    """What `prompted` recorded; nothing where it is of another version of this program."""
    try:
        return msgspec.json.decode(text, type=tuple[Assembled, ...])
    except msgspec.MsgspecError:
        return ()


def assembled(task: Task, role: Role, type_: str, stages: Stages) -> Prompted:
    """The task as a role is told of it, by what the stage leaves of each prompt."""
    from swarm.prompts.modules import query_of  # only for who has a long prompt

    query = query_of(task, type_)
    found: list[Assembled] = []
    for of, text in _prompts(task, role):
        passing = _Passing(query, more=_can_ask(task, role))
        given = stages.passed(
            STAGE, text, passing.shorten, on=of, agent=of.partition(" ")[2] if of != OWN_WORDS else ""
        )
        if passing.chosen is not None and not all(each.kept for each in passing.chosen.said):
            sizes = {"before": quick_tokens(text), "after": quick_tokens(passing.chosen.text)}
            found.append(Assembled(of=of, used=given != text, said=passing.chosen.said, **sizes))
    return retold(task, role, found)


class _Passing:
    """A prompt on its way through the stage. What was chosen of it is kept for the record."""

    def __init__(self, query: Query, *, more: bool) -> None:
        self._query, self._more = query, more
        self.chosen: Chosen | None = None

    def shorten(self, text: str, room: int, whole: bool) -> Shorter:
        from swarm.prompts.modules import chosen

        tokens = quick_tokens(text)
        if tokens <= LEAST:
            return Shorter(text)
        most = None if whole else LEAST + (tokens - LEAST) * room // tokens
        self.chosen = chosen(text, self._query, most, more=self._more)
        return Shorter(self.chosen.text, "modules", is_whole=whole)


def retold(task: Task, role: Role, record: Sequence[Assembled]) -> Prompted:
    """The task as a role was told of it, by what is recorded."""
    if not record:
        return Prompted(task=task)
    from swarm.prompts.modules import left_out, told

    prompts = dict(_prompts(task, role))
    given: dict[str, str] = {}
    left: dict[str, str] = {}
    for each in record:
        text = prompts.get(each.of)
        if text is None or not each.used:
            continue
        try:
            given[each.of] = told(text, each.said, more=_can_ask(task, role))
        except ValueError:  # it was recorded by another version of this program
            continue
        left |= left_out(text, each.said)
    if not given:
        return Prompted(task=task, record=tuple(record))
    return Prompted(task=_with(task, role, given), record=tuple(record), left_out=left, whole=task)


def _with(task: Task, role: Role, given: Mapping[str, str]) -> Task:
    """The task with other prompts."""
    agents = tuple(
        msgspec.structs.replace(agent, prompt=given.get(f"agent {agent.name}", agent.prompt))
        for agent in agents_of(task, role)
    )
    roles = dict(task.roles)
    if OWN_WORDS in given:
        roles[role] = msgspec.structs.replace(roles[role], prompt=given[OWN_WORDS])
    return msgspec.structs.replace(task, team={**task.team, role: agents}, roles=roles)


def _prompts(task: Task, role: Role) -> Iterator[tuple[str, str]]:
    """What is said to a role beside its own words, by whose it is."""
    for agent in agents_of(task, role):
        yield f"agent {agent.name}", agent.prompt
    config = task.roles.get(role)
    if config is not None and config.prompt:
        yield OWN_WORDS, config.prompt


def _can_ask(task: Task, role: Role) -> bool:
    """Whether the role may have more of what is left out."""
    return role == "worker" and bool(task.tools)
