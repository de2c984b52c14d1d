"""Whole sessions whose worker is told of skills."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from events.bus import read_all
from events.log import EventLog, open_log
from events.types.call import CallReserved
from events.types.tool import ToolFinished
from swarm.journal import TREE
from swarm.replay import replay
from tests.provider import Answer, Provider
from tests.running import Cast, faces, resume, run, serving
from tests.test_session_tools import use

TASK = "tasks:\n- id: press\n  prompt: Press the grapes of the northern slope\n  tools: [look, edit]\n"
SKILL = """---
name: pressing-grapes
description: How grapes are pressed. Use it when grapes of a slope are to be pressed.
{more}metadata:
  tags: grapes pressing
---
Press at dawn, and never twice.
"""


@pytest.fixture
def home(tmp_path: Path) -> Mapping[str, str]:
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home" / ".config")}


def add_skill(home: Mapping[str, str], more: str = "") -> Path:
    folder = Path(home["XDG_CONFIG_HOME"]) / "swarm" / "skills" / "pressing-grapes"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(SKILL.format(more=more))
    return folder / "SKILL.md"


async def reserved(log: EventLog) -> list[CallReserved]:
    entries = [entry async for page in read_all(log) for entry in page]
    return [entry.event for entry in entries if isinstance(entry.event, CallReserved) and entry.event.role == "worker"]


def system_of(provider: Provider) -> str:
    return str(provider.requests[0].body["messages"][0]["content"])


async def test_a_skill_that_fits_stands_in_the_request_and_in_its_event(
    tmp_path: Path, home: Mapping[str, str]
) -> None:
    add_skill(home)
    async with open_log("memory:") as log, serving(Cast()) as (provider, plan):
        result = await run(log, TASK, plan, tmp_path, environ=home)
        assert result.exit_code == 0
        assert "Press at dawn" in system_of(provider)
        assert [call.skills for call in await reserved(log)] == [("pressing-grapes",)]
        assert (await replay(log, 1)).divergence is None


@pytest.mark.parametrize("line", ["  skills: none\n", "  prompt: Count the sheep of the southern plain\n"])
async def test_no_skill_is_told_of_that_is_not_wanted_or_does_not_fit(
    tmp_path: Path, home: Mapping[str, str], line: str
) -> None:
    add_skill(home)
    kept = [each for each in TASK.splitlines(keepends=True) if not (line.startswith("  prompt") and "prompt" in each)]
    async with open_log("memory:") as log, serving(Cast()) as (provider, plan):
        await run(log, "".join([*kept[:2], line, *kept[2:]]), plan, tmp_path, environ=home)
        assert "Press at dawn" not in system_of(provider)
        assert [call.skills for call in await reserved(log)] == [()]


async def test_a_task_without_tools_pays_for_no_skill_unless_it_names_one(
    tmp_path: Path, home: Mapping[str, str]
) -> None:
    add_skill(home)
    plain = TASK.replace("  tools: [look, edit]\n", "")
    async with open_log("memory:") as log, serving(Cast()) as (provider, plan):
        await run(log, plain, plan, tmp_path, environ=home)
        assert "Press at dawn" not in system_of(provider)
    async with open_log("memory:") as log, serving(Cast()) as (provider, plan):
        await run(log, f"{plain}  skills: [pressing-grapes]\n", plan, tmp_path, environ=home)
        assert "Press at dawn" in system_of(provider)


async def test_a_skill_that_is_not_there_ends_the_task_with_the_nearest_name(
    tmp_path: Path, home: Mapping[str, str]
) -> None:
    add_skill(home)
    async with open_log("memory:") as log, serving(Cast()) as (_, plan):
        result = await run(log, f"{TASK}  skills: [pressing-grape]\n", plan, tmp_path, environ=home)
    assert result.exit_code == 1
    assert "did you mean 'pressing-grapes'?" in result.tasks[0].reason


async def test_a_skill_takes_tools_away_that_it_does_not_allow_and_gives_none(
    tmp_path: Path, home: Mapping[str, str]
) -> None:
    add_skill(home, "allowed-tools: Read Bash\n")
    cast = Cast(worker=(use("write", path="a", text="b"), "Done."))
    async with open_log("memory:") as log, serving(cast) as (provider, plan):
        await run(log, TASK, plan, tmp_path, environ=home)
        offered = {each["function"]["name"] for each in provider.requests[0].body["tools"]}
        assert "read" in offered
        assert not offered & {"write", "edit", "patch", "run"}
        entries = [entry.event async for page in read_all(log) for entry in page]
    (finished,) = [event for event in entries if isinstance(event, ToolFinished)]
    assert finished.failed
    assert not (tmp_path / "a").exists()


async def test_what_a_skill_took_away_is_not_there_after_a_resume_that_finds_another_skill(
    tmp_path: Path, home: Mapping[str, str]
) -> None:
    stop, file = anyio.Event(), add_skill(home, "allowed-tools: Read Bash\n")

    def stopping(body: object) -> Answer:
        stop.set()
        return use("read", path="a")

    root = tmp_path / "project"
    root.mkdir()
    (root / "a").write_text("b\n")
    cast = Cast(worker=(stopping, use("write", path="a", text="c"), "Done."))
    async with open_log("memory:") as log, serving(cast) as (_, plan):
        looks = faces(stop=stop)
        assert (await run(log, TASK, plan, root, environ=home, looks=looks)).exit_code == 130
        file.write_text(SKILL.format(more=""))
        await resume(log, plan, environ=home)
        entries = [entry.event async for page in read_all(log) for entry in page]
    finished = [event for event in entries if isinstance(event, ToolFinished)]
    assert [(each.tool, each.failed) for each in finished] == [("read", False), ("write", True)]


async def test_a_model_finds_and_reads_a_skill_that_it_was_not_told(tmp_path: Path, home: Mapping[str, str]) -> None:
    add_skill(home)
    text = TASK.replace("Press the grapes of the northern slope", "Make wine")
    cast = Cast(worker=(use("find_skill", query="press grapes"), use("read_skill", name="pressing-grapes"), "Done."))
    async with open_log("memory:") as log, serving(cast) as (provider, plan):
        await run(log, text, plan, tmp_path, environ=home, looks=faces())
        entries = [entry.event async for page in read_all(log) for entry in page]
    taken = [each.name for event in entries for each in getattr(event, "captured", ())]
    assert "skills" in taken
    assert TREE not in taken, "no copy of the project is made for it"
    said = [message["content"] for message in provider.requests[2].body["messages"] if message["role"] == "tool"]
    assert "pressing-grapes" in said[0]
    assert "Press at dawn" in said[1]
