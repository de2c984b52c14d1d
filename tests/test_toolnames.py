"""Which tools a list of words means, and how tasks and agents name theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.task import Task
from swarm.taskfile.read import parse_task_file
from swarm.toolnames import GROUPS, OWN, known_as, means

SERVERS = {"git__status": "git", "git__push": "git", "memory__store": "memory"}
WORDS = st.sampled_from([*GROUPS, *OWN, "none", "git__*", "git__push", "re*", "*"])


def meant(*words: str) -> set[str]:
    own = {name for name in OWN if means(words, name)}
    return own | {name for name, server in SERVERS.items() if means(words, name, server=server)}


def task_of(keys: str) -> Task:
    return parse_task_file(f"prompt: Do it.\n{keys}\n", Path("task.yaml")).tasks[0]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("look",), {"read", "list", "search", "read_output"}),
        (("edit",), {"write", "edit", "patch"}),
        (("edit", "-write", "-patch"), {"edit"}),
        (("ask",), {"ask_human"}),
        (("mcp",), set(SERVERS)),
        (("mcp", "-git__*"), {"memory__store"}),
        (("git__s*", "task"), {"git__status", "task"}),
        (("all",), {*OWN, *SERVERS}),
        (("all", "-mcp"), set(OWN)),
        (("all", "-look", "-edit", "-mcp"), {"more", "run", "python", "fetch", "ask_human", "task"}),
        (("none",), set[str]()),
        ((), set[str]()),
    ],
)
def test_words_mean_names_globs_and_groups_less_what_has_a_dash_before_it(
    words: tuple[str, ...], names: set[str]
) -> None:
    assert meant(*words) == names


@given(words=st.lists(WORDS, max_size=5), less=WORDS)
def test_a_word_with_a_dash_never_adds_a_tool_wherever_it_stands(words: list[str], less: str) -> None:
    assert meant(f"-{less}", *words) == meant(*words, f"-{less}") <= meant(*words)
    assert meant(*words, f"-{less}").isdisjoint(meant(less))


def test_a_task_that_names_no_tools_has_none_and_is_recorded_as_before() -> None:
    task = task_of("")
    assert (task.tools, task.skills, task.changes, task.network) == ((), None, "", False)
    assert task == Task(id="task", prompt="Do it.")


def test_a_task_names_tools_skills_what_becomes_of_changes_and_the_network() -> None:
    task = task_of("tools: [look, -search, git__*]\nskills: docs\nchanges: keep\nnetwork: true")
    assert (task.tools, task.skills) == (("look", "-search", "git__*"), ("docs",))
    assert (task.changes, task.network) == ("keep", True)


def test_none_takes_back_what_all_tasks_of_a_file_have_in_common() -> None:
    text = "defaults: {tools: look, skills: docs}\ntasks:\n  a: One.\n  b: {prompt: Two., tools: none, skills: none}\n"
    a, b = parse_task_file(text, Path("task.yaml")).tasks
    assert (a.tools, a.skills) == (("look",), ("docs",))
    assert (b.tools, b.skills) == ((), ())


def test_an_agent_narrows_the_tools_and_skills_of_its_tasks_also_to_none() -> None:
    text = "agents:\n  a: {prompt: Hi., tools: none, skills: none}\n  b: {prompt: Hi., tools: [all, -run], skills: [docs]}\nprompt: Do it.\n"
    a, b = parse_task_file(text, Path("task.yaml")).agents
    assert (a.tools, a.skills) == (("none",), ())
    assert (b.tools, b.skills) == (("all", "-run"), ("docs",))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Bash", "run"),
        ("Bash(git push:*)", "run"),
        ("Grep", "search"),
        ("mcp__git__status", "git__status"),
        ("mcp__git", "git__*"),
        ("TodoWrite", ""),
    ],
)
def test_a_name_that_other_programs_have_for_a_tool_is_known(theirs: str, ours: str) -> None:
    assert known_as(theirs) == ours
