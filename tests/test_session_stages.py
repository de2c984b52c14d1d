"""Whole sessions whose texts pass stages: what a model is sent, what is recorded, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from events.bus import read_all
from events.log import EventLog, open_log
from events.testing import builders as make
from events.types.call import CallReserved
from events.types.stage import How, StageApplied, StageWithdrawn
from events.types.tool import ToolFinished
from swarm.engine.outputs import TOLD_BYTES
from swarm.replay import replay
from swarm.settings.stages import Rule, StageSettings, preset_rules
from tests.provider import Answer
from tests.running import Cast, faces, plan_text, resume, run, serving
from tests.test_session_tools import events, told, use

READ = "tasks:\n- id: why\n  prompt: Why was request 217 refused?\n  input: server.log\n  check: [{contains: quota}]\n"
STANDARD = StageSettings(preset="standard", rules=preset_rules("standard"))
HELD = StageSettings(rules={"inputs": Rule(mode="on", keep=0.5, share=1e-9)})
MEASURED = StageSettings(rules={"inputs": Rule(mode="measure", keep=0.5)})
TROUBLE = "ERROR request 217 was refused: the quota of ada is used up"


def lines(count: int) -> str:
    served = [f"INFO request {n} of user {n % 9} was served in {n % 7} ms" for n in range(count)]
    return "\n".join([*served[: count // 2], TROUBLE, *served[count // 2 :]])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "server.log").write_text(lines(400))
    return tmp_path


@pytest.mark.parametrize(
    ("stages", "how", "whole"), [(STANDARD, "used", False), (HELD, "held", True), (MEASURED, "measured", True)]
)
async def test_what_a_task_is_given_to_read_is_sent_by_its_stage(
    project: Path, stages: StageSettings, how: How, whole: bool
) -> None:
    cast = Cast(worker=["The quota of ada is used up."])
    async with open_log("memory:") as log, serving(cast, stages=stages) as (_, plan):
        assert (await run(log, READ, plan, project)).exit_code == 0
        (applied,) = await events(log, StageApplied)
        assert (applied.stage, applied.how, applied.on, applied.form) == ("inputs", how, "server.log", "log")
        assert (await replay(log, 1)).divergence is None
    (prompt,) = cast.prompts("worker")
    assert TROUBLE in prompt
    assert (lines(400) in prompt) is whole
    if not whole:
        assert len(prompt) < len(lines(400)) / 2


async def test_what_a_stage_came_to_stands_in_the_append_of_the_request(project: Path) -> None:
    async with open_log("memory:") as log, serving(Cast(worker=["quota"]), stages=STANDARD) as (_, plan):
        await run(log, READ, plan, project)
        entries = [entry async for page in read_all(log) for entry in page]
        at = next(n for n, entry in enumerate(entries) if isinstance(entry.event, StageApplied))
        after = next(entry for entry in entries[at:] if isinstance(entry.event, CallReserved))
        assert entries[at].at == after.at and entries[at].attempt == after.attempt


@pytest.mark.parametrize(
    "more",
    ["  output: server.log\n", "  check: [{file: server.log}, {contains: quota}]\n"],
    ids=["written", "checked"],
)
async def test_a_file_that_is_written_over_or_checked_stays_whole(project: Path, more: str) -> None:
    text = "tasks:\n- id: why\n  prompt: Why?\n  input: server.log\n" + more
    cast = Cast(worker=["quota"])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        await run(log, text, plan, project)
        assert await events(log, StageApplied) == []
    assert lines(400) in cast.prompts("worker")[0]


async def test_results_of_earlier_steps_and_other_tasks_pass_a_stage_of_their_own(project: Path) -> None:
    text = (
        "tasks:\n- id: look\n  prompt: List what was served\n- id: why\n  needs: [look]\n  explore: true\n"
        "  prompt: Why was request 217 refused?\n"
    )
    cast = Cast(
        explorer=[plan_text("find it", "say why")],
        worker=[lambda body: "The quota." if "say why" in str(body) else lines(50)],
    )
    async with open_log("memory:") as log, serving(cast, stages=STANDARD, session_tokens=10_000_000) as (_, plan):
        result = await run(log, text, plan, project)
        assert result.exit_code == 0
        applied = await events(log, StageApplied)
    assert {(each.stage, each.on, each.role) for each in applied} == {
        ("results", "Result of look", "explorer"),
        ("results", "Result of look", "worker"),
        ("results", "Step 1, find it", "worker"),
    }
    assert cast.prompts("worker")[-1].count(TROUBLE) == 2


TOOL = "tasks:\n- id: find\n  prompt: Which requests were served?\n  tools: [look]\n"
OUTPUTS = StageSettings(rules={"outputs": Rule(mode="on", keep=0.25)})


def searches() -> Cast:
    return Cast(
        worker=[use("search", pattern="request [0-9]"), use("read_output", handle="1", lines=3), "All of them."]
    )


async def test_what_a_tool_says_is_told_shorter_and_can_be_had_whole(project: Path) -> None:
    (project / "server.log").write_text(lines(150))
    cast = searches()
    async with open_log("memory:") as log, serving(cast, stages=OUTPUTS) as (_, plan):
        assert (await run(log, TOOL, plan, project)).exit_code == 0
        (applied,) = await events(log, StageApplied)
        finished = await events(log, ToolFinished)
        whole = await log.text(finished[0].answer, at=(await log.head()).position)
        assert finished[0].shown is not None
        assert (await replay(log, 1)).divergence is None
    assert (applied.stage, applied.on) == ("outputs", "search request [0-9]")
    assert applied.after <= max(400, applied.before // 4)
    first = told(cast)[1][0]
    assert "handle=1" in first and "request 217 was refused" in first and len(first) < len(whole) / 2
    assert told(cast)[2][1].startswith("[lines 1-3 of ") and whole.splitlines()[2] in told(cast)[2][1]


@pytest.mark.parametrize("tools", ["look", "look, edit"])
async def test_what_a_file_holds_is_told_shorter_only_where_nothing_can_be_edited(project: Path, tools: str) -> None:
    (project / "server.log").write_text(lines(110))
    cast = Cast(
        worker=[use("read", path="server.log"), use("read_output", handle="1", search="INFO request 99 "), "quota"]
    )
    async with open_log("memory:") as log, serving(cast, stages=OUTPUTS) as (_, plan):
        await run(log, TOOL.replace("look", tools), plan, project)
        applied = [(each.stage, each.on, each.form) for each in await events(log, StageApplied)]
        assert (await replay(log, 1)).divergence is None
    assert applied == ([] if "edit" in tools else [("outputs", "read server.log", "log")])
    first, second = told(cast)[2]
    assert TROUBLE in first and ("INFO request 99 " in first) is ("edit" in tools)
    assert "INFO request 99 " in second


async def test_of_a_long_output_of_code_those_parts_are_told_that_fit(project: Path) -> None:
    body = "    return value * {n} + {n} % 7 - value // {n}1 if value > {n} else value - {n}"
    functions = [f"def other_{n}(value):\n{body.format(n=n)}" for n in range(400)]
    functions.insert(170, "def with_tax(price):\n    return price * 119 // 100")
    (project / "shop.py").write_text("\n\n\n".join(functions))
    cast = Cast(worker=[use("read", path="shop.py"), use("read_output", handle="1", lines=1), "119"])
    text = TOOL.replace("Which requests were served?", "What does with_tax return for a price of 100?")
    async with open_log("memory:") as log, serving(cast, stages=OUTPUTS) as (_, plan):
        await run(log, text, plan, project)
        (applied,) = await events(log, StageApplied)
    (first,) = told(cast)[1]
    assert (applied.form, applied.on) == ("code", "read shop.py") and applied.before > 5_000
    assert "def with_tax(price):\n    return price * 119 // 100" in first and "handle=1" in first
    assert len(first.encode()) <= TOLD_BYTES


async def test_of_code_those_functions_are_given_that_fit_with_what_they_need(project: Path) -> None:
    other = "\n\n".join(
        f"def other_{n}(value):\n    return value * {n} + {n % 7} - value // {n + 1}" for n in range(60)
    )
    wanted = "RATE = 19\n\n\ndef with_tax(price):\n    return price * (100 + RATE) // 100\n"
    (project / "shop.py").write_text(f"{other}\n\n\n{wanted}\n\n{other.replace('other', 'more')}\n")
    text = "tasks:\n- id: tax\n  prompt: What does with_tax return for a price of 100?\n  input: shop.py\n"
    cast = Cast(worker=["119"])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        await run(log, text, plan, project)
        (applied,) = await events(log, StageApplied)
    assert (applied.form, applied.on) == ("code", "shop.py") and applied.after <= applied.before / 2
    (prompt,) = cast.prompts("worker")
    assert "def with_tax(price):\n    return price * (100 + RATE) // 100" in prompt and "RATE = 19" in prompt


async def test_a_session_that_was_interrupted_tells_of_each_text_once(project: Path) -> None:
    (project / "server.log").write_text(lines(150))
    stages = StageSettings(rules={**OUTPUTS.rules, **STANDARD.rules})
    text = TOOL + "  input: server.log\n"
    for stop_at in (1, 2, 3):
        cast, stop = searches(), anyio.Event()

        def behave(
            body: dict[str, object], cast: Cast = cast, stop: anyio.Event = stop, stop_at: int = stop_at
        ) -> Answer:
            if len(cast.seen) + 1 == stop_at:
                stop.set()
            return cast(body)

        async with open_log("memory:") as log, serving(behave, stages=stages) as (_, plan):
            await run(log, text, plan, project, looks=faces(stop=stop))
            await resume(log, plan)
            applied = [(each.stage, each.on) for each in await events(log, StageApplied)]
            assert applied == [
                ("inputs", "server.log"),
                ("skills", "skills"),
                ("tools", "tools"),
                ("outputs", "search request [0-9]"),
            ], stop_at
            assert (await replay(log, 1)).divergence is None


async def ended(log: EventLog, how: How, *, passed: bool, number: int) -> None:
    applied = StageApplied(stage="inputs", before=900, after=400, how=how)
    end = make.task_accepted() if passed else make.rejected()
    for event in (make.submitted(), applied, make.reserved(), end, make.task_accepted()):
        await log.append([make.new(event, session=7, task=f"{how}{number}", step=1, attempt=1)])


async def test_a_stage_with_which_less_is_accepted_is_withdrawn_by_itself_and_said_to_be(project: Path) -> None:
    said: list[str] = []
    adaptive = StageSettings(preset="adaptive", rules=preset_rules("adaptive"))
    async with open_log("memory:") as log, serving(Cast(worker=["quota"]), stages=adaptive) as (_, plan):
        for n in range(25):
            await ended(log, "used", passed=n < 10, number=n)
            await ended(log, "held", passed=n < 24, number=n)

        for _ in range(2):
            await run(log, READ, plan, project, say=said.append)
        (gone,) = await events(log, StageWithdrawn)
        assert (gone.stage, gone.passed, gone.failed, gone.held_passed, gone.held_failed) == ("inputs", 10, 15, 24, 1)
        assert gone.high < 0
        hows = [each.how for each in await events(log, StageApplied) if each.on == "server.log"]
        assert hows == ["measured", "measured"]
    told_of = [line for line in said if "stage" in line]
    assert len(told_of) == 1 and "10 of 25 tasks were accepted at the first try, without it 24 of 25" in told_of[0]
