"""What a step is told of skills: those that fit, and now and then one that nobody uses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from swarm.engine.guides import EXPLORED, Guides, is_explored
from swarm.library import about_tokens, library_here
from swarm.roles.job import Guide
from swarm.task import Task
from tests.skill_folders import write_skill

TASK = Task(id="build", prompt="Tune the sprocket", tools=("look",))
SEEDS = [f"s1/build/{step}" for step in range(1, 200)]
FIRST = next(number for number, seed in enumerate(SEEDS, 1) if is_explored(seed))


@pytest.fixture
def here(tmp_path: Path) -> Mapping[str, str]:
    folder = tmp_path / "config" / "swarm" / "skills"
    write_skill(folder, "sprocket-tuning", "Tunes sprockets. Use when one rattles.", body="Look at the teeth.\n")
    for animal in ("ants", "bees", "wasps"):
        write_skill(folder, f"herding-{animal}", f"Herds {animal}. Use when there are {animal} about.")
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}


async def guided(here: Mapping[str, str], task: Task, step: int, used: Mapping[str, int]) -> tuple[Guide, int]:
    """What the step is told, and how often the log was asked."""
    asked: list[int] = []

    async def uses() -> Mapping[str, int]:
        asked.append(1)
        return used

    guides = Guides(Path(here["HOME"]), here, print, str, session="s1", used=uses)
    await guides.guide(task, step)
    return await guides.guide(task, step), len(asked)


async def test_the_text_of_a_skill_that_fits_is_told_with_how_many_tokens_it_has(here: Mapping[str, str]) -> None:
    guide, _ = await guided(here, TASK, 1, {})
    assert guide.skills == ("sprocket-tuning",)
    assert "Look at the teeth." in guide.text
    assert guide.tokens == (about_tokens("# Skill: sprocket-tuning\n\nLook at the teeth."),)


async def test_a_step_in_eight_is_told_that_there_is_a_skill_which_nobody_uses(here: Mapping[str, str]) -> None:
    names = [skill.name for skill in library_here(Path(here["HOME"]), here).skills]
    guide, asked = await guided(here, TASK, FIRST, {name: 10**6 for name in names if name != "herding-wasps"})
    assert "- herding-wasps: Herds wasps." in guide.text
    assert "herding-ants" not in guide.text
    assert guide.skills == ("sprocket-tuning",)  # a line is no text
    assert asked == 1  # the log is read once a session
    assert len(SEEDS) / EXPLORED / 2 < sum(map(is_explored, SEEDS)) < len(SEEDS) / EXPLORED * 2


async def test_the_same_step_is_told_the_same_and_others_are_told_of_no_more(here: Mapping[str, str]) -> None:
    assert await guided(here, TASK, FIRST, {}) == await guided(here, TASK, FIRST, {})
    guide, asked = await guided(here, TASK, FIRST + 1, {})
    assert "herding" not in guide.text and not asked


async def test_a_task_without_tools_or_with_skills_named_is_told_of_no_other(here: Mapping[str, str]) -> None:
    plain = Task(id="build", prompt=TASK.prompt, skills=("sprocket-tuning",))
    for task in (plain, Task(id="build", prompt=TASK.prompt, tools=("look",), skills=("sprocket-tuning",))):
        guide, asked = await guided(here, task, FIRST, {})
        assert guide.skills == ("sprocket-tuning",) and "herding" not in guide.text and not asked
