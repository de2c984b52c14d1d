"""The tools that a skill names can only become fewer by it, in whichever program's words it names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from skills.allowed import lists_of, narrowed
from swarm.library import allows
from tests.skill_folders import opened, write_skill

TOOLS = ("read", "search", "run", "edit", "patch", "git__log", "read_skill")


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("", TOOLS),
        ("allowed-tools: Read Bash(git:*) Fly\n", ("read", "run", "read_skill")),
        ("allowed-tools:\n  - read\n  - search\n", ("read", "search", "read_skill")),
        ("allowed-tools: [Edit, 'mcp__git__log']\n", ("edit", "patch", "git__log", "read_skill")),
        ("allowed-tools: mcp__git\n", ("git__log", "read_skill")),
        ("allowed-tools: ''\n", ("read_skill",)),
        ("allowed-tools: WebSearch\n", ("read_skill",)),
    ],
)
def test_the_tools_that_a_skill_allows_are_left(line: str, left: tuple[str, ...], tmp_path: Path) -> None:
    write_skill(tmp_path, "a", more=line)
    assert narrowed(TOOLS, lists_of(opened(tmp_path).skills), allows) == left


def test_of_two_skills_both_have_to_allow_a_tool_and_none_grants_one(tmp_path: Path) -> None:
    for name, line in (("a", "allowed-tools: Read Bash\n"), ("b", "allowed-tools: Read Grep\n"), ("c", "")):
        write_skill(tmp_path, name, more=line)
    lists = lists_of(opened(tmp_path).skills)
    assert narrowed(TOOLS, lists, allows) == ("read", "read_skill")
    assert narrowed(TOOLS, [], allows) == TOOLS
    assert narrowed(["fetch"], lists, allows) == ()
