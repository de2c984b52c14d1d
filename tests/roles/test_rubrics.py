"""Rubrics: the judge scores each in the same answer, and a score that is too low rejects."""

from __future__ import annotations

import json

import pytest

from events.types.any import AnyEvent
from events.types.task import AttemptAbandoned, StepAccepted, StepRejected
from swarm.cycle import Work
from swarm.errors import NoModelAvailable
from swarm.prompts.build import VERDICT_SCHEMA, module, verdict_schema
from swarm.roles.checks import Checked
from swarm.roles.validator import validate
from swarm.task import Check, Task
from tests.roles.stage import Stage, on_stage, only
from tests.running import verdict

SHORT = Check(rubric="The example is short.", min_score=0.8, feedback="Cut it.")
TRUE = Check(rubric="Nothing is invented.", name="true")
SCORED = Task(id="t", prompt="Write.", checks=(SHORT, Check(contains="x"), TRUE))


def scored(passed: bool, *scores: float, reason: str = "it will do") -> str:
    named = {f"p{number}": score for number, score in enumerate(scores, 1)}
    return json.dumps({"verdict": "pass" if passed else "fail", "score": 1, "reason": reason, "scores": named})


async def judged(stage: Stage, *lines: str, judges: bool = True) -> AnyEvent:
    await stage.plan()
    await stage.draft("An x.")
    stage.checks = (Checked(name="contains 'x'", passed=True),)
    job = await stage.job(Work.JUDGE, judges=judges)
    return only(await validate(job, attempt=stage.attempt, call=stage.says(*lines)))


async def test_scores_are_asked_for_in_the_order_of_the_file_and_stand_among_the_checks() -> None:
    async with on_stage(SCORED) as stage:
        event = await judged(stage, scored(True, 0.8, 0.7))
        assert isinstance(event, StepAccepted)
        assert [(check.name, check.passed, check.detail) for check in event.checks] == [
            ("form", True, ""),
            ("contains 'x'", True, ""),
            ("The example is short.", True, "score 0.80 of at least 0.80"),
            ("true", True, "score 0.70 of at least 0.70"),
        ]
        told = stage.asked[0].messages[1].text
        assert f'{module("validator_rubrics")}\n\n- "p1": The example is short.\n- "p2": Nothing is invented.' in told
        assert stage.asked[0].answer_schema == verdict_schema(("p1", "p2"))


async def test_a_score_that_is_too_low_rejects_a_verdict_that_passes_and_says_which() -> None:
    async with on_stage(SCORED) as stage:
        event = await judged(stage, scored(True, 0.79, 1.0))
        assert isinstance(event, StepRejected)
        assert event.reason == "The example is short.: score 0.79 of at least 0.80"
        assert event.judge == "maker@m"


async def test_the_next_attempt_is_told_the_reason_and_the_low_scores() -> None:
    async with on_stage(SCORED) as stage:
        await stage.plan()
        await stage.draft("An x.")
        job = await stage.job(Work.JUDGE)
        outcome = await validate(job, attempt=stage.attempt, call=stage.says(scored(False, 0.1, 1, reason="Too long.")))
        event = only(outcome)
        assert isinstance(event, StepRejected)
        assert event.reason == "Too long."
        assert await stage.read(outcome, event.feedback) == (
            "Too long.\n\n- The example is short.: score 0.10 of at least 0.80\n  Cut it."
        )


async def test_a_rubric_that_is_not_required_is_scored_and_rejects_nothing() -> None:
    task = Task(id="t", prompt="Write.", checks=(Check(rubric="It is short.", required=False), Check(contains="x")))
    async with on_stage(task) as stage:
        event = await judged(stage, scored(True, 0.0))
        assert isinstance(event, StepAccepted)
        assert [(check.passed, check.required) for check in event.checks if check.name == "It is short."] == [
            (False, False)
        ]


@pytest.mark.parametrize("line", [verdict(True), scored(True, 0.9), scored(True, 0.9, 1.5)])
async def test_a_verdict_without_a_score_for_each_rubric_is_asked_for_once_more(line: str) -> None:
    async with on_stage(SCORED) as stage:
        assert isinstance(await judged(stage, line, scored(True, 1, 1)), StepAccepted)
        assert '"scores": {"p1": a number, "p2": a number}' in stage.asked[1].messages[-1].text
    async with on_stage(SCORED) as stage:
        assert isinstance(await judged(stage, line, line), AttemptAbandoned)


async def test_where_nobody_may_judge_a_rubric_is_never_passed_unjudged() -> None:
    async with on_stage(SCORED) as stage:
        with pytest.raises(NoModelAvailable):
            await judged(stage, judges=False)


async def test_rubrics_belong_to_the_last_step() -> None:
    async with on_stage(SCORED) as stage:
        await stage.plan("gather", "write")
        await stage.draft("notes")
        job = await stage.job(Work.JUDGE)
        event = only(await validate(job, attempt=stage.attempt, call=stage.says(verdict(True))))
        assert isinstance(event, StepAccepted)
        assert stage.asked[0].answer_schema is VERDICT_SCHEMA
        assert "The example is short." not in stage.asked[0].messages[1].text
