"""The order of what is told: what stays the same comes first, so that a provider's cache of prompts serves it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from swarm.messages import Message
from swarm.prompts.build import (
    Material,
    StepBrief,
    explorer_brief,
    explorer_messages,
    validator_brief,
    validator_messages,
    worker_brief,
    worker_messages,
)
from swarm.prompts.parts import GAP
from swarm.task import Task

TEXTS = st.text("ab >-:.\n", min_size=1, max_size=20).filter(str.strip)
MATERIAL = st.lists(st.builds(Material, st.sampled_from(["a.md", "b.md"]), TEXTS), max_size=2)
TASKS = st.builds(Task, id=st.just("t"), prompt=TEXTS, accept=st.lists(TEXTS, max_size=2).map(tuple))
STEPS = st.builds(
    StepBrief,
    number=st.just(1),
    total=st.just(2),
    title=st.just("write"),
    instruction=TEXTS,
    approach=st.just("") | TEXTS,
    earlier=MATERIAL,
    handover=st.just("") | TEXTS,
)
CHANGES = st.tuples(st.just("") | TEXTS, st.sampled_from(["", "The budget has 90 tokens left.", "It has 80 left."]))
"""What is another in each attempt: why the draft before was rejected, and the line that says what is left."""


def sent(messages: Sequence[Message]) -> str:
    return "\0".join(f"{message.speaker}\0{message.text}" for message in messages)


@given(TASKS, STEPS, MATERIAL, CHANGES, CHANGES)
def test_attempts_of_a_worker_differ_only_behind_all_that_stays_the_same(
    task: Task, step: StepBrief, material: list[Material], one: tuple[str, str], other: tuple[str, str]
) -> None:
    stable = sent(worker_messages(task, worker_brief(task, step, material), skills="Skill one.", reads=True))
    assert all(text.text in stable for text in (*material, *step.earlier))
    for feedback, budget in (one, other):
        tried = msgspec.structs.replace(step, feedback=feedback)
        told = worker_brief(task, tried, material, budget=budget)
        request = sent(worker_messages(task, told, length="Be brief.", skills="Skill one.", reads=True))
        assert request.startswith(stable + GAP)


@given(TASKS, MATERIAL, st.just("") | TEXTS)
def test_attempts_of_an_explorer_differ_only_behind_task_and_material(
    task: Task, material: list[Material], handover: str
) -> None:
    stable = sent(explorer_messages(task, explorer_brief(task, material, handover=handover)))
    told = explorer_brief(task, material, handover=handover, budget="The budget has 90 tokens left.")
    assert sent(explorer_messages(task, told)).startswith(stable + GAP)


@given(TASKS, STEPS, TEXTS, TEXTS)
def test_a_judge_of_two_drafts_is_told_the_same_up_to_the_draft(
    task: Task, step: StepBrief, one: str, other: str
) -> None:
    assume(">>>" not in one + other)
    first, second = (sent(validator_messages(task, validator_brief(task, step, draft, ()))) for draft in (one, other))
    mark = "# Draft\n<<<\n"
    assert first.rpartition(mark)[0] == second.rpartition(mark)[0] != ""
