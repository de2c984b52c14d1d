"""What stages left out is told whole after all: to a worker that asks for it, and after a draft that was rejected."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from events.log import open_log
from events.types.stage import StageApplied, StageUndone
from events.types.task import StepDrafted
from swarm.prompts.build import module
from swarm.replay import replay
from swarm.settings.stages import StageSettings, preset_rules
from tests.provider import Answer
from tests.running import Cast, faces, model, resume, run, serving, verdict
from tests.test_session_tools import events, use

STANDARD = StageSettings(preset="standard", rules=preset_rules("standard"))
ASKS = "MORE: what Grace planted"
TOLD = module("worker_more")
TASK = "tasks:\n- id: ada\n  prompt: What did Ada find at the lake?\n  input: diary.md\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    days = [f"On day {n} it rained on the hills, and nobody wrote down how much of it fell." for n in range(90)]
    days.insert(60, "Ada found a blue stone at the lake.")
    days.insert(20, "Grace planted four pear trees.")
    (tmp_path / "diary.md").write_text("\n\n".join(days))
    return tmp_path


def whole(project: Path) -> str:
    return (project / "diary.md").read_text()


async def test_a_worker_that_asks_for_more_is_told_all_of_it_by_the_same_model_in_the_same_attempt(
    project: Path,
) -> None:
    cast = Cast(worker=[ASKS, "A blue stone, and four trees."])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        assert (await run(log, TASK, plan, project)).exit_code == 0
        (applied,), (undone,) = await events(log, StageApplied), await events(log, StageUndone)
        assert (undone.stage, undone.before, undone.after) == ("inputs", applied.before, applied.after)
        assert len(await events(log, StepDrafted)) == 1
        assert (await replay(log, 1)).divergence is None
    first, second = cast.prompts("worker")
    assert TOLD in first and "Grace" not in first and "Ada found" in first
    assert whole(project) in second and TOLD not in second


async def test_one_that_does_not_ask_is_asked_once(project: Path) -> None:
    cast = Cast(worker=["A blue stone. One may say MORE: nothing else was found."])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        await run(log, TASK, plan, project)
        assert await events(log, StageUndone) == []
    assert cast.roles.count("worker") == 1


async def test_after_a_draft_that_was_rejected_the_whole_is_given(project: Path) -> None:
    cast = Cast(
        worker=["A green stone.", "A blue stone."], validator=[verdict(False, "It was not green."), verdict(True)]
    )
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        result = await run(log, TASK + "  accept: It says what she found.\n", plan, project)
        assert result.exit_code == 0
        assert len(await events(log, StageApplied)) == 1
        assert (await replay(log, 1)).divergence is None
    first, second = cast.prompts("worker")
    assert whole(project) not in first and whole(project) in second and TOLD not in second


async def test_a_session_that_was_interrupted_asks_for_more_once(project: Path) -> None:
    for stop_at in (1, 2):
        cast, stop = Cast(worker=[ASKS, "A blue stone."]), anyio.Event()

        def behave(
            body: dict[str, object], cast: Cast = cast, stop: anyio.Event = stop, stop_at: int = stop_at
        ) -> Answer:
            if len(cast.seen) + 1 == stop_at:
                stop.set()
            return cast(body)

        async with open_log("memory:") as log, serving(behave, stages=STANDARD) as (_, plan):
            await run(log, TASK, plan, project, looks=faces(stop=stop))
            assert (await resume(log, plan)).exit_code == 0
            assert len(await events(log, StageUndone)) == 1 and cast.roles.count("worker") == 2, stop_at
            assert whole(project) in cast.prompts("worker")[1]
            assert (await replay(log, 1)).divergence is None


@pytest.mark.parametrize(
    "more",
    [
        "  output: {path: found.json, format: json, schema: {type: object, properties: {a: {type: string}}, required: [a], additionalProperties: false}}\n",
        "  outputs: {a: a.txt, b: b.txt}\n",
    ],
    ids=["json", "several files"],
)
async def test_who_may_not_answer_in_words_is_not_told_to_ask(project: Path, more: str) -> None:
    cast = Cast(worker=['{"a": "1", "b": "2"}'])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        await run(log, TASK + more, plan, project)
        assert len(await events(log, StageApplied)) == 1
    assert TOLD not in cast.prompts("worker")[0]


async def test_who_has_tools_is_given_one_for_it_instead(project: Path) -> None:
    cast = Cast(worker=[use("more", name="diary.md", about="what Grace planted"), "A blue stone."])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        assert (await run(log, TASK + "  tools: [look]\n", plan, project)).exit_code == 0
    first, second = (str(body["messages"]) for _, body in cast.seen if "tools" in body)
    assert TOLD not in first and "Grace planted four" not in first and "Grace planted four" in second


async def test_where_nobody_looks_at_the_result_the_whole_is_given(project: Path) -> None:
    unjudging = model("m1", judge=False)
    for more, is_whole in (("", True), ("  check: [{contains: stone}]\n", False)):
        cast = Cast(worker=["A blue stone."])
        async with open_log("memory:") as log, serving(cast, unjudging, stages=STANDARD) as (_, plan):
            assert (await run(log, TASK + more, plan, project)).exit_code == 0
        assert (whole(project) in cast.prompts("worker")[0]) is is_whole, more


async def test_where_nothing_was_left_out_nobody_is_told_to_ask(project: Path) -> None:
    (project / "rows.json").write_text("[" + ",\n".join(f'{{"day": {n}, "rain": {n % 7}}}' for n in range(120)) + "]")
    minimal = StageSettings(preset="minimal", rules=preset_rules("minimal"))
    cast = Cast(worker=["It rained."])
    async with open_log("memory:") as log, serving(cast, stages=minimal) as (_, plan):
        await run(log, TASK.replace("diary.md", "rows.json"), plan, project)
        assert len(await events(log, StageApplied)) == 1
    assert TOLD not in cast.prompts("worker")[0]
