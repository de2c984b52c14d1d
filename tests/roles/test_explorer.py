"""The explorer: an answer becomes a plan, or nothing that anybody works by."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.types.task import AttemptAbandoned, StepPlanned
from swarm.cycle import Placed, Work
from swarm.prompts.build import PLAN_SCHEMA, Material
from swarm.roles.answers import Plan, Verdict, one_line, read_object
from swarm.roles.explorer import MOST_STEPS, explore
from swarm.text.fence import unfenced
from tests.roles.stage import Stage, on_stage
from tests.running import plan_text


async def explored(stage: Stage, answer: str) -> list[Placed]:
    return await explore(await stage.job(Work.EXPLORE, step=0), attempt=stage.attempt, call=stage.says(answer))


def steps(outcome: list[Placed]) -> list[StepPlanned]:
    return [placed.event for placed in outcome if isinstance(placed.event, StepPlanned)]


async def test_a_plan_becomes_its_steps_in_order_each_with_the_approach() -> None:
    async with on_stage() as stage:
        outcome = await explored(stage, plan_text("read it", "write it"))
        first, second = steps(outcome)
        assert [placed.step for placed in outcome] == [1, 2]
        assert (first.title, first.total, second.title) == ("read it", 2, "write it")
        assert first.approach == second.approach is not None
        assert second.instruction is not None
        assert await stage.read(outcome, second.instruction) == "write it"


async def test_the_explorer_sees_the_task_and_its_material_and_is_asked_for_a_schema() -> None:
    async with on_stage() as stage:
        stage.material = [Material("notes.txt", "It rains.")]
        await explored(stage, plan_text("write"))
        (ask,) = stage.asked
        assert "Write a limerick." in ask.messages[1].text
        assert "notes.txt:\n<<<\nIt rains.\n>>>" in ask.messages[1].text
        assert ask.answer_schema is PLAN_SCHEMA


async def test_a_plan_of_one_step_says_how_and_leaves_the_tasks_own_words_to_ask() -> None:
    async with on_stage() as stage:
        (step,) = steps(await explored(stage, plan_text("write it", approach="AABBA")))
        assert (step.instruction, step.total) == (None, 1)
    async with on_stage() as stage:
        outcome = await explored(stage, plan_text("write it", approach=" "))
        (step,) = steps(outcome)
        assert step.approach is not None
        assert await stage.read(outcome, step.approach) == "write it"


async def test_a_plan_that_is_too_long_has_its_last_steps_done_as_one() -> None:
    async with on_stage() as stage:
        outcome = await explored(stage, plan_text(*(f"do {number}" for number in range(MOST_STEPS + 3))))
        planned = steps(outcome)
        assert len(planned) == planned[0].total == MOST_STEPS
        last = planned[-1].instruction
        assert last is not None
        assert await stage.read(outcome, last) == "do 5\ndo 6\ndo 7\ndo 8"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I would start by reading.",
        "{}",
        '{"steps": []}',
        '{"steps": [{"instruction": "  "}]}',
        '{"steps": "all"}',
        "[1]",
    ],
)
async def test_an_answer_that_is_no_plan_abandons_the_attempt(answer: str) -> None:
    async with on_stage() as stage:
        (placed,) = await explored(stage, answer)
        assert placed == Placed(AttemptAbandoned(role="explorer", reason="its answer was no plan"), 0, 1)


@pytest.mark.parametrize("frame", ["{}", "```json\n{}\n```", "Here is my plan:\n{}\nGood luck!"])
def test_an_object_is_found_alone_in_a_fence_and_between_other_words(frame: str) -> None:
    found = read_object(frame.replace("{}", plan_text("a", "b")), Plan)
    assert found is not None
    assert [step.instruction for step in found.steps] == ["a", "b"]


@given(st.text() | st.text(alphabet='{}[]":,`\n verdictpass'))
def test_no_answer_whatever_it_is_breaks_its_reading(text: str) -> None:
    found = read_object(text, Verdict)
    assert found is None or found.verdict in ("pass", "fail")
    assert unfenced(text) in text
    assert "\n" not in one_line(text)
    assert len(one_line(text)) <= 200


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "\ud800{}", json.dumps({"verdict": "maybe"})])
def test_answers_that_try_to_break_the_reader_are_no_verdict(text: str) -> None:
    assert read_object(text, Verdict) is None
