"""A model looks for skills and reads them through two tools, and gets at no file but those of a skill that may be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from skills.lock import Lock
from swarm.text.rank import rank
from swarm.tools.base import Tool, ToolRefused
from swarm.tools.skills import skill_tools
from tests.skill_folders import opened, trusting, write, write_skill


@pytest.fixture
def place(tmp_path: Path) -> Path:
    files = {"references/a.md": "More.", "image.png": "\x00"}
    write_skill(tmp_path, "sql-review", "Reviews SQL queries. Use when a query is slow.", files=files)
    write_skill(tmp_path, "notes", "Takes notes. Use when asked.")
    (tmp_path / "sql-review" / "image.png").write_bytes(b"\xff\xfe")
    return tmp_path


def tools_of(place: Path, lock: Lock | None = None) -> dict[str, Tool]:
    library = opened(place, "project", trusting(place) if lock is None else lock)
    return {tool.name: tool for tool in skill_tools(library, rank)}


async def test_find_skill_lists_what_has_to_do_with_a_query(place: Path) -> None:
    find = tools_of(place)["find_skill"]
    assert (await find.use({"query": "a slow SQL query"})).text == (
        "- sql-review: Reviews SQL queries. Use when a query is slow."
    )
    assert (await find.use({"query": "xyzzy"})).text == "no skill has to do with that"


async def test_read_skill_gives_the_text_with_the_names_of_the_files_or_one_of_them(place: Path) -> None:
    read = tools_of(place)["read_skill"]
    said = await read.use({"name": "sql-review"})
    assert said.text.startswith("# How\n")
    assert said.text.endswith("Files of this skill: image.png (2 bytes), references/a.md (5 bytes)")
    assert (await read.use({"name": "sql-review", "file": "references/a.md"})).text == "More."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "sql"}, "there is no skill 'sql'; look with find_skill"),
        ({"name": "sql-reviews"}, "near it: sql-review"),
        ({"name": "sql-review", "file": "../notes/SKILL.md"}, "no path inside of a skill"),
        ({"name": "sql-review", "file": "/etc/passwd"}, "no path inside of a skill"),
        ({"name": "sql-review", "file": "none"}, "there is no 'none' in the skill"),
        ({"name": "sql-review", "file": "image.png"}, "is no text"),
    ],
)
async def test_what_cannot_be_read_is_refused_in_words_that_help(
    arguments: dict[str, str], said: str, place: Path
) -> None:
    with pytest.raises(ToolRefused, match=said):
        await tools_of(place)["read_skill"].use(arguments)


async def test_a_model_is_not_told_how_a_person_would_trust_a_skill(place: Path) -> None:
    lock = trusting(place)
    del (known := dict(lock.skills))[str(place / "notes")]
    read = tools_of(place, Lock(known))["read_skill"]
    write(place / "sql-review" / "more.sh", "")
    for name, said in (("notes", "is not used here"), ("sql-review", "was changed since a person trusted it")):
        with pytest.raises(ToolRefused, match=said) as refused:
            await read.use({"name": name})
        assert "swarm skills trust" not in str(refused.value)


def test_without_skills_there_are_no_tools_for_them(place: Path) -> None:
    assert tools_of(place, Lock()) == {}


async def test_what_was_read_says_of_which_skill_it_is(place: Path) -> None:
    read = tools_of(place)["read_skill"]
    assert (await read.use({"name": "sql-review"})).skill == "sql-review"
    assert (await read.use({"name": "sql-review", "file": "references/a.md"})).skill == "sql-review"


@pytest.mark.parametrize("file", ["evals/cases.yaml", "./evals/cases.yaml", "references/../evals/cases.yaml", "evals"])
async def test_the_answers_by_which_a_skill_is_measured_are_not_given_out(place: Path, file: str) -> None:
    write(place / "sql-review" / "evals" / "cases.yaml", "good: 42")
    read = tools_of(place)["read_skill"]
    assert "evals" not in (await read.use({"name": "sql-review"})).text
    with pytest.raises(ToolRefused):
        await read.use({"name": "sql-review", "file": file})
