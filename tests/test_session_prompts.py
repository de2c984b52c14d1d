"""Whole sessions whose agents have long prompts: which sections are sent, what is recorded, and what can be had besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from anyio import to_thread

from events.log import open_log
from events.types.call import CallReserved
from events.types.stage import StageApplied, StageUndone
from events.views.base import fold
from events.views.stages import StagesView
from swarm.agents.profile import Agent
from swarm.cli.main import main
from swarm.estimate.requests import Unknown, first_requests
from swarm.replay import replay
from swarm.roles.prompting import CAPTURED
from swarm.settings.stages import Rule, StageSettings, preset_rules
from swarm.stages import stages_ahead
from swarm.task import Task
from tests.house import SUBJECTS, house
from tests.provider import Answer
from tests.running import Cast, faces, resume, run, serving
from tests.test_session_tools import events, told, use

TASK = {
    "id": "bill",
    "prompt": "Write the invoice of ada with its total.",
    "agent": "clerk",
    "check": [{"contains": "7"}],
}
STANDARD = StageSettings(rules={"prompt": preset_rules("standard")["prompt"]})
MEASURED = StageSettings(rules={"prompt": Rule(mode="measure", keep=0.3)})
OFF = StageSettings()


def file(agents: dict[str, Any] | None = None, **more: Any) -> str:
    """A task file; JSON is YAML."""
    return json.dumps({"agents": agents or {"clerk": {"prompt": house()}}, "tasks": [{**TASK, **more}]})


def system(cast: Cast, role: str = "worker") -> list[str]:
    return [str(body["messages"][0]["content"]) for who, body in cast.seen if who == role]


def given(text: str) -> list[str]:
    return [title for title in SUBJECTS if f"## {title}\n" in text]


@pytest.mark.parametrize(("stages", "how"), [(STANDARD, "used"), (MEASURED, "measured"), (OFF, "")])
async def test_a_task_is_sent_the_sections_that_fit_it(tmp_path: Path, stages: StageSettings, how: str) -> None:
    cast = Cast(worker=["7 $"])
    async with open_log("memory:") as log, serving(cast, stages=stages) as (_, plan):
        assert (await run(log, file(), plan, tmp_path)).exit_code == 0
        applied = await events(log, StageApplied)
        assert [(each.stage, each.how, each.on, each.agent) for each in applied] == (
            [("prompt", how, "agent clerk", "clerk")] if how else []
        )
        assert (await replay(log, 1)).divergence is None
    (said,) = system(cast)
    if how == "used":
        assert "Invoices" in given(said) and len(given(said)) < len(SUBJECTS)
        assert "Left out here: Kettles; " in said
    else:
        assert house().strip() in said


async def test_what_was_chosen_is_recorded_with_the_first_call_alone(tmp_path: Path) -> None:
    cast = Cast(worker=[use("list"), use("list"), "7 $"])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        await run(log, file(tools=["look"]), plan, tmp_path)
        calls = await events(log, CallReserved)
        assert [[each.name for each in call.captured].count(CAPTURED) for call in calls] == [1, 0, 0]
        assert len(set(system(cast))) == 1
        assert (await replay(log, 1)).divergence is None


async def test_each_call_is_counted_to_have_less_and_that_of_another_agent_is_not(tmp_path: Path) -> None:
    agents = {"clerk": {"prompt": house()}, "scribe": {"prompt": house() + "\nYou write with a quill.\n"}}
    cast = Cast(worker=[use("list"), "7 $"])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        await run(log, file(agents, agent=["clerk", "scribe"], tools=["look"]), plan, tmp_path)
        applied = {each.agent: each.before - each.after for each in await events(log, StageApplied)}
        worked = {call.agent for call in await events(log, CallReserved)}
        view = await fold(log, StagesView())
        assert set(applied) == {"clerk", "scribe"} and len(worked) == 1
        (texts,) = view.texts.values()
        assert texts.saved == 2 * applied[worked.pop()]


async def test_after_a_rejection_the_whole_prompt_is_sent(tmp_path: Path) -> None:
    cast = Cast(worker=["six", "7 $"])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        assert (await run(log, file(), plan, tmp_path)).exit_code == 0
        assert (await replay(log, 1)).divergence is None
    first, second = system(cast)
    assert given(first) != [*SUBJECTS] and given(second) == [*SUBJECTS]
    assert house().strip() in second


async def test_a_task_with_tools_can_have_what_was_left_out(tmp_path: Path) -> None:
    cast = Cast(worker=[use("more", name="Kettles"), use("more", name="Nothing"), "7 $"])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        await run(log, file(tools=["look"]), plan, tmp_path)
        assert (await replay(log, 1)).divergence is None
    assert "The tool `more` gives one by its name." in system(cast)[0]
    kettles, nothing = told(cast)[-1]
    assert "## Kettles" in kettles and "descale a kettle" in kettles
    assert "no input of this task" in nothing and "Kettles" in nothing


async def test_a_task_without_tools_is_not_told_of_one(tmp_path: Path) -> None:
    cast = Cast(worker=["7 $"])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        await run(log, file(), plan, tmp_path)
    assert "`more`" not in system(cast)[0] and "Left out here" in system(cast)[0]


async def test_what_a_task_tells_a_role_itself_passes_the_stage_too(tmp_path: Path) -> None:
    text = file(
        {"clerk": {"prompt": "You are a clerk."}}, accept=["It has a total."], roles={"validator": {"prompt": house()}}
    )
    cast = Cast(worker=["7 $"])
    async with open_log("memory:") as log, serving(cast, stages=STANDARD) as (_, plan):
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
        (applied,) = await events(log, StageApplied)
        assert (applied.role, applied.on, applied.agent) == ("validator", "own words", "")
        assert (await replay(log, 1)).divergence is None
    assert given(system(cast, "validator")[0]) == ["Invoices"]


async def test_a_run_that_is_resumed_sends_the_same_prompt(tmp_path: Path) -> None:
    looks = faces()

    def stop(_: object) -> Answer:
        looks.stop.set()
        return use("list")

    cast = Cast(worker=[stop, "7 $"])
    path = str(tmp_path / "log.db")
    async with serving(cast, stages=STANDARD) as (_, plan):
        async with open_log(path) as log:
            await run(log, file(tools=["look"]), plan, tmp_path, looks=looks)
        async with open_log(path) as log:
            assert (await resume(log, plan)).exit_code == 0
            assert (await replay(log, 1)).divergence is None
            assert len(await events(log, StageApplied)) == 1
    first, *others = system(cast)
    assert others and all(each == first for each in others)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "log.db")

    async def work() -> None:
        cast = Cast(worker=["six", "7 $"])
        async with open_log(path) as log, serving(cast, stages=STANDARD) as (_, plan):
            await run(log, file(), plan, tmp_path)

    anyio.run(work)
    return path


def test_show_tells_which_sections_were_given_which_not_and_why(
    recorded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "--log", recorded, "s1", "--left-out"]) == 0
    page = capsys.readouterr().out
    assert "worker, agent clerk  step 1 attempt 1" in page
    lines = [line.split(None, 3) for line in page.splitlines() if line.split()[:1] in (["+"], ["-"])]
    assert [line[0] for line in lines] == ["+", "+", *"-" * (len(lines) - 2)]
    assert lines[1][1] == "Invoices" and lines[1][3].startswith("fits: ")
    assert main(["show", "--log", recorded, "s1", "--left-out", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (prompt,) = found["prompts"]
    assert (found["what"], prompt["prompt"], prompt["used"]) == ("prompts", "agent clerk", True)
    assert [one["kept"] for one in prompt["sections"]] == [line[0] == "+" for line in lines]
    assert main(["show", "--log", recorded, "s1", "--left-out", "--attempt", "2"]) == 0
    assert "no section of a prompt was left out" in capsys.readouterr().err


def test_the_parts_of_a_request_name_the_agents_and_what_the_stage_took_out(
    recorded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "--log", recorded, "s1", "--prompt", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["requests"]
    (cut,) = (part for part in first["parts"] if part["part"] == "agent")
    assert cut["stage"]["stage"] == "prompt" and cut["stage"]["form"] == "modules"
    (whole,) = (part for part in second["parts"] if part["part"] == "agent")
    assert whole["stage"] is None and whole["tokens"] > cut["tokens"]


async def test_a_run_without_a_budget_has_room_for_its_prompts(tmp_path: Path) -> None:
    prompt = "\n".join(house() for _ in range(8))
    cast = Cast(worker=[use("list")] * 6 + ["7 $"])
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        text = file({"clerk": {"prompt": prompt}}, tools=["look"])
        assert (await run(log, text, plan, tmp_path)).exit_code == 0
    assert len(prompt) > 80_000 and system(cast)[-1].count("## Kettles") == 8


def test_what_is_foreseen_counts_the_sections_that_will_be_sent(tmp_path: Path) -> None:
    task = msgspec.structs.replace(
        Task(id="bill", prompt="Write the invoice of ada with its total."),
        team={"worker": (Agent(name="clerk", prompt=house()),)},
    )

    def foreseen(stages: StageSettings) -> int:
        found = first_requests(
            task,
            "docs",
            300,
            ("worker",),
            Unknown(results={}),
            room=lambda _: None,
            root=tmp_path,
            redact=str,
            stages=stages_ahead(stages, task),
        )
        return found["worker"].likely_input_tokens

    assert foreseen(STANDARD) < 0.7 * foreseen(OFF)


async def test_a_worker_without_tools_that_asks_for_what_it_lacks_is_sent_the_whole_prompt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "log.db")
    cast = Cast(worker=["MORE: how kettles are billed", "7 $"])
    async with open_log(path) as log, serving(cast, stages=STANDARD) as (_, plan):
        assert (await run(log, file(), plan, tmp_path)).exit_code == 0
        assert (await replay(log, 1)).divergence is None
        assert [each.stage for each in await events(log, StageUndone)] == ["prompt"]
    first, second = system(cast)
    assert given(first) != [*SUBJECTS] and house().strip() in second
    assert await to_thread.run_sync(main, ["show", "--log", path, "s1", "--prompt", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["requests"]
    parts = [part for one in found for part in one["parts"] if part["part"] == "agent"]
    assert [part["stage"] is None for part in parts] == [False, True] and parts[0]["tokens"] < parts[1]["tokens"]
