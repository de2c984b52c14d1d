"""Whole sessions in which a worker is given a part of its input, and asks for more of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import open_log
from swarm.replay import replay
from swarm.settings.stages import StageSettings, preset_rules
from tests.provider import Answer
from tests.running import Cast, faces, resume, run, serving
from tests.test_session_tools import told, use

TASK = """tasks:
- id: say
  prompt: What does `step_7` return?
  input: [{files: steps.py, load: LOAD}]
  tools: [look]
  check: {contains: done}
"""
STEPS = "".join(f"def step_{n}() -> int:\n    return helper({n}) + {n}\n\n\n" for n in range(200))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "steps.py").write_text(STEPS)
    return root


def offered(cast: Cast) -> list[str]:
    return [tool["function"]["name"] for tool in cast.seen[0][1].get("tools", [])]


@pytest.mark.parametrize("load", ["outline", "essential"])
async def test_what_was_left_out_is_asked_for_and_a_replay_comes_to_the_same(project: Path, load: str) -> None:
    cast = Cast(worker=[use("more", name="steps.py", symbol="step_150"), "done"])
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        assert (await run(log, TASK.replace("LOAD", load), plan, project)).exit_code == 0
        assert (await replay(log, 1)).divergence is None
    assert "more" in offered(cast)
    assert told(cast)[1] == [
        "[steps.py: lines 601-604 of 800]\ndef step_150() -> int:\n    return helper(150) + 150\n\n"
    ]


async def test_more_is_not_offered_where_nothing_was_left_out_or_a_word_takes_it_away(project: Path) -> None:
    text = TASK.replace("LOAD", "extended")
    async with open_log("memory:") as log:
        cast = Cast(worker=["done"])
        async with serving(cast) as (_, plan):
            await run(log, TASK.replace("LOAD", "full"), plan, project)
            assert "more" not in offered(cast)
            cast.seen.clear()
            await run(log, text.replace("[look]", "[look, -more]"), plan, project)
            assert "more" not in offered(cast)
            cast.seen.clear()
            await run(log, text.replace("[look]", "more"), plan, project)
            assert "more" in offered(cast)
            assert "read" not in offered(cast)


async def test_a_session_that_was_stopped_goes_on_with_what_it_was_offered(project: Path) -> None:
    """The process stops while the second request of the worker is answered."""
    stop = anyio.Event()
    lines = [use("more", name="steps.py", symbol="step_150"), Answer("done", before_head=0.1)]
    asked = 0

    def stopping(_: dict[str, Any]) -> Answer:
        nonlocal asked
        asked += 1
        if asked == 2:
            stop.set()
        return lines[min(asked, len(lines)) - 1]

    cast = Cast(worker=[stopping])
    async with open_log(project.parent / "log.db") as log, serving(cast) as (_, plan):
        first = await run(log, TASK.replace("LOAD", "relevant"), plan, project, looks=faces(stop=stop))
        again = await resume(log, plan) if first.exit_code else first
        assert again.exit_code == 0
        assert (await replay(log, 1)).divergence is None
    assert told(cast)[-1][0].startswith("[steps.py: lines 601-604 of 800]")


async def test_the_result_of_another_task_is_read_on(project: Path) -> None:
    survey = "\n\n".join(f"Chapter {n} is about stones, says the survey." for n in range(60))
    text = """tasks:
- {id: survey, prompt: Survey it., check: {contains: Chapter}}
- id: say
  prompt: What is chapter 7 about?
  needs: survey
  input: {from: survey, load: relevant, max_tokens: 400}
  tools: [more]
  check: {contains: done}
"""
    cast = Cast(worker=[survey, use("more", name="survey", about="chapter 44"), "done"])
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        result = await run(log, text, plan, project)
        assert result.exit_code == 0, [task.reason for task in result.tasks]
    assert "Chapter 44 is about stones" in told(cast)[-1][0]


async def test_more_is_offered_of_what_a_stage_made_shorter(project: Path) -> None:
    stages = StageSettings(preset="standard", rules=preset_rules("standard"))
    text = TASK.replace("LOAD", "full")
    cast = Cast(worker=[use("more", name="steps.py", symbol="step_150"), "done"])
    async with open_log("memory:") as log, serving(cast, stages=stages) as (_, plan):
        assert (await run(log, text, plan, project)).exit_code == 0
        assert (await replay(log, 1)).divergence is None
    assert STEPS not in cast.seen[0][1]["messages"][1]["content"]
    assert "more" in offered(cast)
    assert told(cast)[-1][0].startswith("[steps.py: lines 601-604 of 800]")
