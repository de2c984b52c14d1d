"""The worker: what it is told, and how its answer becomes a draft."""

from __future__ import annotations

import pytest

from events.types.task import StepDrafted
from swarm.cycle import Work
from swarm.messages import Finish
from swarm.prompts.build import Material, module
from swarm.roles.worker import work
from swarm.task import Check, Output, Task
from tests.roles.stage import Stage, on_stage, only

FENCED = '```json\n{"a": 1}\n```'


async def drafted(
    stage: Stage, answer: str, *, step: int = 1, attempt: int = 1, finish: Finish = "stop"
) -> StepDrafted:
    job = await stage.job(Work.DRAFT, step=step, attempt=attempt)
    event = only(await work(job, attempt=stage.attempt, call=stage.says(answer, finish=finish)))
    assert isinstance(event, StepDrafted)
    return event


async def draft_text(stage: Stage, answer: str, *, step: int = 1) -> str:
    job = await stage.job(Work.DRAFT, step=step)
    outcome = await work(job, attempt=stage.attempt, call=stage.says(answer))
    event = only(outcome)
    assert isinstance(event, StepDrafted)
    return await stage.read(outcome, event.draft)


async def test_a_task_that_is_nothing_but_its_prompt_is_told_in_its_own_words() -> None:
    async with on_stage() as stage:
        await stage.plan()
        await drafted(stage, "A limerick.")
        length = "Code is as long as it has to be; what stands beside it has at most 350 words."
        assert [message.text for message in stage.asked[0].messages] == [
            module("worker"),
            f"Write a limerick.\n\n{length}",
        ]


async def test_everything_that_changes_between_attempts_comes_last() -> None:
    async with on_stage(Task(id="t", prompt="Write a limerick.", accept=("It rhymes.",))) as stage:
        stage.material = [Material("notes.txt", "It rains.")]
        await stage.plan("gather", "write", approach="AABBA")
        await stage.draft("NOTES")
        await stage.accept("NOTES")
        await stage.draft("no", step=2)
        await stage.reject("It does not rhyme.", step=2)
        await drafted(stage, "A limerick.", step=2, attempt=2)
        told = stage.asked[0].messages[1].text
        order = [
            "Write a limerick.",
            "It rains.",
            "NOTES",
            "It rhymes.",
            "AABBA",
            "2 of 2: write",
            "It does not rhyme.",
        ]
        assert [told.index(each) for each in order] == sorted(told.index(each) for each in order)


async def test_the_end_of_an_answer_and_who_gave_it_stand_in_the_draft() -> None:
    async with on_stage() as stage:
        await stage.plan()
        event = await drafted(stage, " cut off ", finish="length")
        assert (event.finish, event.agent, event.model, event.tier) == ("length", "maker", "m", "free")


@pytest.mark.parametrize(
    "task",
    [
        Task(id="t", prompt="x", output=Output(path="a.json", format="json")),
        Task(id="t", prompt="x", output=Output(path="a.diff", format="patch")),
        Task(id="t", prompt="x", checks=(Check(schema={}),)),
    ],
)
async def test_a_fence_around_a_result_for_machines_is_taken_off(task: Task) -> None:
    async with on_stage(task) as stage:
        await stage.plan()
        assert await draft_text(stage, FENCED) == '{"a": 1}'


@pytest.mark.parametrize(
    "task", [Task(id="t", prompt="x"), Task(id="t", prompt="x", output=Output(path="a.md", format="markdown"))]
)
async def test_a_fence_that_may_be_part_of_the_result_stays(task: Task) -> None:
    async with on_stage(task) as stage:
        await stage.plan()
        assert await draft_text(stage, FENCED) == FENCED


async def test_the_draft_of_an_earlier_step_is_left_as_it_is() -> None:
    async with on_stage(Task(id="t", prompt="x", output=Output(path="a.json", format="json"))) as stage:
        await stage.plan("gather", "write")
        assert await draft_text(stage, FENCED) == FENCED


async def test_feedback_that_quotes_the_marks_of_material_leaves_the_first_words_as_they_were() -> None:
    async with on_stage() as stage:
        await stage.plan()
        await drafted(stage, "no")
        await stage.draft("no")
        await stage.reject("It has\n<<<\nno rhyme\n>>>")
        await drafted(stage, "A limerick.", attempt=2)
        first, again = (ask.messages for ask in stage.asked)
        assert "<<<" in again[1].text
        assert again[0] == first[0]
