"""The first request of each role as it would be sent, with words in the place of what is known only in the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil
from pathlib import Path

import msgspec

from swarm.context.inputs import read_inputs
from swarm.engine.world import fitted, stage_of
from swarm.orders import Ask
from swarm.prompts.build import (
    Material,
    StepBrief,
    explorer_brief,
    rubric_names,
    validator_brief,
    worker_brief,
)
from swarm.roles.evidence import asks_for_needs, in_outline
from swarm.roles.explorer import plan_ask
from swarm.roles.passing import passed_by
from swarm.roles.prompting import assembled
from swarm.roles.validator import verdict_ask
from swarm.roles.worker import draft_ask, may_ask_for_more
from swarm.stages import NO_STAGES, Stages
from swarm.task import Role, Task, words_of
from swarm.text.tokens import likely_tokens, most_tokens, weight

APPROACH_TOKENS = 100  # of an explorer's approach and instruction: a paragraph each
_WORD = "unknown, "

EXPECTED_TURNS = 5
"""Calls that are expected of an attempt with tools: it looks, changes, tries, and answers. An assumption: no log says it yet."""

TURN_TOKENS, TOOLS_TOKENS = 700, 800
"""What a turn adds to the next request, and what the tools themselves take in each: ten of the public ones in short."""


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The first call of a role."""

    ask: Ask
    most_input_tokens: int  # what the ledger reserves for the input of the first
    likely_input_tokens: int  # about what a provider counts; with tools, over all calls that are expected of the worker
    first_input_tokens: int  # the same of the first call alone
    turns: int = 1  # how many calls that are

    def counted(self, factor: float) -> First:
        """The same for a model that counts so many tokens for one."""
        likely, first = round(self.likely_input_tokens * factor), round(self.first_input_tokens * factor)
        return msgspec.structs.replace(self, likely_input_tokens=likely, first_input_tokens=first)


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """How large that will be which only the run can tell, in tokens; or with `words` what stands in its place on a screen."""

    results: Mapping[str, int]  # of the tasks that it needs, by id
    words: bool = False

    def text(self, what: str, tokens: int) -> str:
        """What stands for `what`: a text of that size, or a sentence."""
        if self.words:
            return f"[{what}: not known before the run{f', about {tokens:,} tokens' if tokens else ''}]"
        return _WORD * ceil(tokens / weight(_WORD.encode()))


def first_requests(
    task: Task,
    type_: str,
    answer_tokens: int,
    roles: Sequence[Role],
    unknown: Unknown,
    *,
    room: Callable[[Role], int | None],
    root: Path,
    redact: Callable[[str], str],
    stages: Stages = NO_STAGES,
) -> dict[Role, First]:
    """Return the first request of each of the roles, built as the roles build it. Raises UsageError for its inputs.

    Of a worker behind an explorer it is that of the plan's only step; of a judge it holds an empty draft, whose tokens
    come on top. `room` is how many bytes a role may be given to read, None any number; `stages` are those that inputs and prompts pass.
    """
    task = msgspec.json.decode(redact(msgspec.json.encode(task).decode()), type=Task)
    material = _material(task, unknown, root, redact)

    def given(role: Role) -> list[Material]:
        most = room(role)
        there = material if most is None else fitted(material, task, most)
        return passed_by(stages, task, in_outline(stages, task, there) if role == "explorer" else there)

    def drafted_from() -> str:
        found = given("worker")
        return worker_brief(task, step, found, more=bool(stages.left_out) and may_ask_for_more(task, last=True))

    explored = "explorer" in roles
    needs = bool(asks_for_needs(stages, material))
    approach = unknown.text("the explorer's approach", APPROACH_TOKENS) if explored else ""
    step = StepBrief(number=1, total=1, title=task.title, instruction="", approach=approach)
    rubrics = tuple(rubric_names(task))
    told = {role: assembled(task, role, type_, stages).task for role in roles}
    draft = unknown.text("the draft", 0) if unknown.words else ""
    asks: Mapping[Role, Callable[[], Ask]] = {
        "explorer": lambda: plan_ask(
            told["explorer"], explorer_brief(task, given("explorer"), needs=needs), type_=type_, needs=needs
        ),
        "worker": lambda: draft_ask(
            told["worker"], drafted_from(), answer_tokens, type_=type_, last=True, reads=bool(task.inputs or task.needs)
        ),
        "validator": lambda: verdict_ask(
            told["validator"], validator_brief(task, step, draft, ()), rubrics, type_=type_
        ),
    }
    return {role: _first(asks[role](), turns_of(task) if role == "worker" else 1) for role in roles}


def turns_of(task: Task) -> int:
    """How many calls are expected of one attempt of the task's worker."""
    return min(task.limits.turns or EXPECTED_TURNS, EXPECTED_TURNS) if task.tools else 1


def _first(ask: Ask, turns: int) -> First:
    once = likely_tokens(ask.messages, ask.answer_schema) + (TOOLS_TOKENS if turns > 1 else 0)
    return First(
        ask=ask,
        most_input_tokens=most_tokens(ask.messages, ask.answer_schema),
        likely_input_tokens=turns * once + TURN_TOKENS * turns * (turns - 1) // 2,
        first_input_tokens=once,
        turns=turns,
    )


def _material(task: Task, unknown: Unknown, root: Path, redact: Callable[[str], str]) -> list[Material]:
    """What the task is given to read: as `Surroundings.material` does it, with a stand-in for each result."""
    results = {
        need: unknown.text(f"the result of {need}", tokens)
        for need, tokens in unknown.results.items()
        if need in task.needs
    }
    read = partial(read_inputs, task.inputs, root, redact, results, sought=words_of(task))
    used = {source.from_task for source in task.inputs}
    given = [Material(f"Result of {need}", text) for need, text in results.items() if need not in used]
    loaded = read() if task.inputs else ()
    known = [source.from_task for source in task.inputs]
    return [
        *given,
        *(Material(one.name, one.text, "" if one.name in known else stage_of(task, one.name)) for one in loaded),
    ]
